import Glibc
import PostgresDriver
package import Queries
import REST
package import RoostCore
import SQLiteDriver

/// The database of an app, on the engine that the settings name; no other file knows the engines.
package struct AppDatabase: Sendable {
  enum Engine: Sendable {
    case sqlite(SQLiteDatabase)
    case postgres(PostgresDatabase)
  }

  let engine: Engine
  private(set) var postgres: PostgresConfiguration?

  package var database: any Database {
    switch engine {
    case .sqlite(let database): database
    case .postgres(let database): database
    }
  }

  // MARK: Opening

  /// Opens the database of a data folder: the file in it, or the server that the settings name.
  ///
  /// The folder is made, unless whoever only looks says otherwise. With `isBulk` nobody waits for an
  /// answer meanwhile, so that a file's log grows longer before it is moved into the database. Throws
  /// `DatabaseOpenError`.
  package static func open(
    _ data: String, _ settings: Settings, ambient: Ambient, preCommit: (any PreCommit)?,
    makesFolder: Bool = true, isBulk: Bool = false, stepped: SteppedSurroundings? = nil
  ) throws -> AppDatabase {
    let address = settings.text(SettingKeys.database)
    if address.isEmpty {
      guard settings.text(SettingKeys.databaseReplicas).isEmpty else {
        throw DatabaseOpenError(
          .engine,
          "database.replicas names standbys, and a file has none: leave it out, or use --database.")
      }
      var configuration = fileConfiguration(data, settings)
      if isBulk {
        configuration.checkpointMilliseconds = 10_000
        configuration.checkpointBytes = 50_331_648
      }
      stepped?.change(&configuration)
      return AppDatabase(
        engine: .sqlite(
          try SQLiteDatabase.open(configuration, ambient: ambient, preCommit: preCommit)))
    }
    if makesFolder { try makeFolder(data) }
    let configuration = configuration(address, settings)
    return AppDatabase(
      engine: .postgres(
        try PostgresDatabase.open(configuration, ambient: ambient, preCommit: preCommit)),
      postgres: configuration)
  }

  static func fileConfiguration(_ data: String, _ settings: Settings) -> SQLiteConfiguration {
    var configuration = SQLiteConfiguration(folder: data, limits: settings.limits)
    let megabytes = UInt64(settings.integer(SettingKeys.minimumFreeMegabytes))
    configuration.minimumFreeBytes = megabytes * 1_048_576
    return configuration
  }

  static func configuration(
    _ address: String, _ settings: Settings
  ) -> PostgresConfiguration {
    var configuration = PostgresConfiguration(
      address: address, schema: settings.text(SettingKeys.databaseSchema),
      limits: settings.limits)
    configuration.writers = Int(settings.integer(SettingKeys.databaseWriters))
    configuration.preparedStatements = !settings.boolean(SettingKeys.databasePooled)
    configuration.replicas =
      DatabaseAddress.list(settings.text(SettingKeys.databaseReplicas)).map { Secret($0) }
    configuration.replicaLagMilliseconds = settings.integer(SettingKeys.replicaLagMilliseconds)
    return configuration
  }

  /// Runs statements that the engine takes in no transaction alone, where it has such.
  func runOutside(_ statements: [SQL]) throws {
    if let postgres { try PostgresDatabase.runOutside(statements, postgres) }
  }

  /// Where the settings have the data.
  package static func place(_ data: String, _ settings: Settings) -> String {
    let address = settings.text(SettingKeys.database)
    guard !address.isEmpty else { return data }
    return "\(DatabaseAddress(address).shown), schema \(settings.text(SettingKeys.databaseSchema))"
  }

  /// Whether an app is there already; makes nothing.
  ///
  /// Throws `DatabaseOpenError` where a server cannot be asked or would be refused.
  package static func isThere(
    _ data: String, _ settings: Settings
  ) throws(DatabaseOpenError) -> Bool {
    let address = settings.text(SettingKeys.database)
    guard !address.isEmpty else { return FileBytes.exists(data + "/roost.sqlite") }
    return try PostgresDatabase.isTaken(configuration(address, settings))
  }

  /// Throws `RoostError` where no app is there yet, or where this account cannot see whether one is;
  /// and what `isThere` throws.
  package static func require(_ data: String, _ settings: Settings) throws {
    guard try !isThere(data, settings) else { return }
    if settings.text(SettingKeys.database).isEmpty, access(data, X_OK) != 0, errno == EACCES {
      throw RoostError(
        .invalid,
        "\(data) cannot be looked into: \(String(cString: strerror(EACCES))). Run the command as "
          + "the server's account.")
    }
    throw RoostError(.notFound, "\(data) holds no database yet; the first start makes it.")
  }

  /// The data folder, which holds the claim of an administrator also where the data are elsewhere.
  private static func makeFolder(_ path: String) throws(DatabaseOpenError) {
    guard mkdir(path, 0o700) != 0 else { return }
    var number = errno
    if number == EEXIST {
      var status = stat()
      if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
      number = ENOTDIR
    }
    throw DatabaseOpenError(
      .folder, "The data folder \(path) cannot be made: \(String(cString: strerror(number))).")
  }

  /// Runs `body` over one snapshot without a deadline; see the engines.
  func readUnbounded<Result: Sendable>(
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    switch engine {
    case .sqlite(let database): try await database.readUnbounded(body)
    case .postgres(let database): try await database.readUnbounded(body)
    }
  }

  /// Removes a schema of a server with all that it holds: what a simulation has left.
  package static func drop(_ schema: String, at address: String) throws(DatabaseOpenError) {
    try PostgresDatabase.dropSchema(PostgresConfiguration(address: address, schema: schema))
  }

  // MARK: Looking

  /// Looks for damage that the engine can find in a moment.
  ///
  /// Throws `RoostError` with `.internalError`.
  package func check() async throws {
    let fault: String
    switch engine {
    case .sqlite(let database):
      let answer = try await database.readUnbounded { reader in
        try await reader.first("PRAGMA quick_check(1)") { $0.text(0) } ?? ""
      }
      fault = answer == "ok" ? "" : answer
    case .postgres(let database):
      fault = try await database.read(.statement) { reader in
        try await reader.first(
          """
          SELECT 'the index ' || c.relname || ' is not valid' FROM pg_index i \
          JOIN pg_class c ON c.oid = i.indexrelid \
          WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid LIMIT 1
          """
        ) { $0.text(0) } ?? ""
      }
    }
    guard fault.isEmpty else { throw AppDatabase.damaged(fault) }
  }

  private static func damaged(_ fault: String, cause: (any Error)? = nil) -> RoostError {
    RoostError(
      .internalError,
      "The database is damaged (\(fault)): stop the server, keep a copy of the data, "
        + "and restore a backup.", cause: cause)
  }

  /// What an operator is told of an error that ended a start: damage in so many words.
  static func told(_ error: any Error) -> any Error {
    // SQLITE_CORRUPT and SQLITE_NOTADB, whatever they are extended by.
    guard let failure = (error as? RoostError)?.cause as? SQLiteFailure,
      [11, 26].contains(failure.code & 0xFF)
    else { return error }
    return damaged(failure.message, cause: failure)
  }

  /// What the standbys that may answer reads are like, each by its host.
  ///
  /// Looks for some moments, since it takes two looks to know how far behind one is.
  package func replicas() async throws -> [(String, String)] {
    guard case .postgres(let database) = engine else { return [] }
    for _ in 0..<20 where database.statistics.replicas.contains(where: { !$0.isInUse }) {
      try await Task.sleep(nanoseconds: 100_000_000)
    }
    return database.statistics.replicas.map { replica in
      (
        "replica \(replica.name)",
        replica.isInUse
          ? "answers reads, \(replica.lagBytes) bytes behind" : "left out: \(replica.fault)"
      )
    }
  }

  /// The plan of a statement, made without values.
  func plan(of sql: SQL, values: Int) async throws -> String {
    switch engine {
    case .sqlite(let database): try await database.plan(of: sql, values: values)
    case .postgres(let database): try await database.plan(of: sql, values: values)
    }
  }

  /// What is in memory about how the engine is.
  struct Condition: Sendable {
    /// Writes are refused because the disk is nearly full.
    var isFull = false
    /// The server of the database cannot be reached.
    var isOut = false
    var replicas = 0
    /// Replicas that answer no reads.
    var replicasOut = 0
  }

  /// `minimumFreeBytes` is the free space below which writes are refused.
  func condition(minimumFreeBytes: UInt64) -> Condition {
    switch engine {
    case .sqlite(let database):
      return Condition(
        isFull: database.statistics.freeBytes.map { $0 < minimumFreeBytes } ?? false)
    case .postgres(let database):
      let replicas = database.statistics.replicas
      return Condition(
        isOut: database.isOut, replicas: replicas.count, replicasOut: replicas.count { !$0.isInUse }
      )
    }
  }

  // MARK: Metrics

  var metrics: [Metric] {
    switch engine {
    case .sqlite(let database): AppDatabase.metrics(database.statistics)
    case .postgres(let database): AppDatabase.metrics(database.statistics)
    }
  }

  private static func metrics(_ figures: DatabaseStatistics) -> [Metric] {
    common(
      batches: figures.batches, writes: figures.writes, failed: figures.failedBatches,
      commitMicroseconds: figures.commitMicroseconds, queuedWrites: figures.queuedWrites,
      queuedReads: figures.queuedReads)
      + [
        Metric(
          "roost_db_reads_total", .counter, "Reads by where they ran.",
          samples: [
            ([("where", "inline")], Double(figures.inlineReads)),
            ([("where", "offloaded")], Double(figures.offloadedReads)),
          ]),
        Metric(
          "roost_db_wal_bytes", .gauge, "Bytes of the write-ahead log.", Double(figures.logBytes)),
        Metric(
          "roost_db_checkpoints_total", .counter, "Checkpoints made.", Double(figures.checkpoints)),
        Metric(
          "roost_db_free_bytes", .gauge, "Free bytes of the file system, when last looked at.",
          Double(figures.freeBytes ?? 0)),
      ]
  }

  private static func metrics(_ figures: PostgresStatistics) -> [Metric] {
    common(
      batches: figures.batches, writes: figures.writes, failed: figures.failedBatches,
      commitMicroseconds: figures.commitMicroseconds, queuedWrites: figures.queuedWrites,
      queuedReads: figures.queuedReads)
      + [
        Metric(
          "roost_db_reads_total", .counter, "Reads by where they ran.",
          samples: [
            ([("where", "shared")], Double(figures.sharedReads)),
            ([("where", "own")], Double(figures.longReads)),
          ]),
        Metric(
          "roost_db_retries_total", .counter,
          "Transactions run again after a deadlock or a serialisation failure.",
          Double(figures.retries)),
        Metric(
          "roost_db_unknown_outcomes_total", .counter,
          "Commits whose outcome had to be looked up after a lost connection.",
          Double(figures.unknownOutcomes)),
        Metric(
          "roost_db_reconnects_total", .counter, "Connections made in the place of lost ones.",
          Double(figures.reconnects)),
      ] + (figures.replicas.isEmpty ? [] : metrics(figures.replicas))
  }

  private static func metrics(_ replicas: [ReplicaStatistics]) -> [Metric] {
    func samples(
      _ value: (ReplicaStatistics) -> Double
    ) -> [(labels: [(String, String)], value: Double)] {
      replicas.map { ([("replica", $0.name)], value($0)) }
    }
    return [
      Metric(
        "roost_db_replica_in_use", .gauge, "Whether a replica answers reads.",
        samples: samples { $0.isInUse ? 1 : 0 }),
      Metric(
        "roost_db_replica_lag_bytes", .gauge,
        "Bytes of the primary's log that a replica lacked when it was last looked at.",
        samples: samples { Double($0.lagBytes) }),
      Metric(
        "roost_db_replica_reads_total", .counter, "Reads that a replica answered.",
        samples: samples { Double($0.reads) }),
      Metric(
        "roost_db_replica_fallbacks_total", .counter,
        "Reads that a replica failed and the primary answered.",
        samples: samples { Double($0.fallbacks) }),
    ]
  }

  private static func common(
    batches: Int, writes: Int, failed: Int, commitMicroseconds: Int, queuedWrites: Int,
    queuedReads: Int
  ) -> [Metric] {
    [
      Metric("roost_db_commits_total", .counter, "Batches committed.", Double(batches)),
      Metric("roost_db_writes_total", .counter, "Writes committed.", Double(writes)),
      Metric(
        "roost_db_failed_batches_total", .counter, "Batches that could not be committed.",
        Double(failed)),
      Metric(
        "roost_db_commit_seconds_total", .counter, "Time spent in commits.",
        Double(commitMicroseconds) / 1_000_000),
      Metric(
        "roost_db_queued_writes", .gauge, "Writes that wait for the writer.",
        Double(queuedWrites)),
      Metric(
        "roost_db_queued_reads", .gauge, "Reads that wait for a reader.",
        Double(queuedReads)),
    ]
  }
}
