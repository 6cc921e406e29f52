import Glibc
import PostgresDriver
package import Queries
import REST
package import RoostCore
import SQLiteDriver

/// The database of an app, on the engine that the settings name; no other file knows the engines.
package struct AppDatabase: Sendable {
  private enum Engine: Sendable {
    case sqlite(SQLiteDatabase)
    case postgres(PostgresDatabase)
  }

  private let engine: Engine

  package var database: any Database {
    switch engine {
    case .sqlite(let database): database
    case .postgres(let database): database
    }
  }

  // MARK: Opening

  /// Opens the database of a data folder: the file in it, or the server that the settings name.
  ///
  /// Throws `DatabaseOpenError`.
  package static func open(
    _ data: String, _ settings: Settings, ambient: Ambient, preCommit: (any PreCommit)?
  ) throws -> AppDatabase {
    let address = settings.text(SettingKeys.database)
    if address.isEmpty {
      var configuration = SQLiteConfiguration(folder: data, limits: settings.limits)
      let megabytes = UInt64(settings.integer(SettingKeys.minimumFreeMegabytes))
      configuration.minimumFreeBytes = megabytes * 1_048_576
      return AppDatabase(
        engine: .sqlite(
          try SQLiteDatabase.open(configuration, ambient: ambient, preCommit: preCommit)))
    }
    try makeFolder(data)
    var configuration = PostgresConfiguration(
      address: address, schema: settings.text(SettingKeys.databaseSchema),
      limits: settings.limits)
    configuration.writers = Int(settings.integer(SettingKeys.databaseWriters))
    configuration.preparedStatements = !settings.boolean(SettingKeys.databasePooled)
    return AppDatabase(
      engine: .postgres(
        try PostgresDatabase.open(configuration, ambient: ambient, preCommit: preCommit)))
  }

  /// What there is to look at without making anything; nil where the first start makes it.
  package static func place(_ data: String, _ settings: Settings) -> String? {
    let address = settings.text(SettingKeys.database)
    if !address.isEmpty {
      return
        "\(DatabaseAddress(address).shown), schema \(settings.text(SettingKeys.databaseSchema))"
    }
    return FileBytes.exists(data + "/roost.sqlite") ? data : nil
  }

  /// The data folder, which holds the claim of an administrator also where the data are elsewhere.
  private static func makeFolder(_ path: String) throws(DatabaseOpenError) {
    guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
    throw DatabaseOpenError(
      .folder, "The data folder \(path) cannot be made: \(String(cString: strerror(errno))).")
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
    guard fault.isEmpty else {
      throw RoostError(
        .internalError,
        "The database is damaged (\(fault)): stop the server, keep a copy of the data, "
          + "and restore a backup.")
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
