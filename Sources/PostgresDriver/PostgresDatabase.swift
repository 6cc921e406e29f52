import CPostgres
package import Queries
package import RoostCore
import Synchronization

/// A database in one schema of PostgreSQL: a few threads write, many callers share connections to
/// read.
package final class PostgresDatabase: Database {
  package var dialect: Dialect { .postgres }

  private let factory: ConnectionFactory
  private let replicas: ReplicaSet?
  private let writers: Writers
  private let errors: ErrorTranslator
  private let shared: SharedReaders
  private let long: LongReaders
  private let unbounded = Mutex(0)

  /// Opens the database, whose schema is made when it is missing.
  ///
  /// Throws `DatabaseOpenError`, whose description says what to do. The step before the commit may be
  /// given later (`setPreCommit`), before the first write that attaches an effect.
  package static func open(
    _ configuration: PostgresConfiguration, ambient: Ambient = Ambient(),
    preCommit: (any PreCommit)? = nil
  ) throws(DatabaseOpenError) -> PostgresDatabase {
    try SchemaOpening(factory: ConnectionFactory(configuration, ambient)).run()
    let replicas = try ReplicaSet.open(configuration, ambient)
    let role = replicas.map { ServerRole.primary($0.positions) } ?? .alone
    do {
      return try PostgresDatabase(
        ConnectionFactory(configuration, ambient, role: role), replicas, preCommit)
    } catch {
      replicas?.requestClose()
      throw error
    }
  }

  /// Whether the schema holds an app; makes nothing.
  ///
  /// Throws `DatabaseOpenError` where the server or the schema could not be opened.
  package static func isTaken(
    _ configuration: PostgresConfiguration
  ) throws(DatabaseOpenError) -> Bool {
    try SchemaOpening(factory: ConnectionFactory(configuration, Ambient())).isTaken()
  }

  /// Drops a schema with all that it holds, if it is there; for tests and for `roost` commands that
  /// were asked to.
  package static func dropSchema(
    _ configuration: PostgresConfiguration
  ) throws(DatabaseOpenError) {
    do {
      let handle = try ConnectionFactory(configuration, Ambient()).open()
      defer { PQfinish(handle) }
      let schema = ConnectionFactory.quoted(configuration.schema)
      try ConnectionFactory.command(
        handle, "SET client_min_messages TO error; DROP SCHEMA IF EXISTS \(schema) CASCADE")
    } catch {
      throw OpeningProblem.connecting(error)
    }
  }

  private init(
    _ factory: ConnectionFactory, _ replicas: ReplicaSet?, _ preCommit: (any PreCommit)?
  ) throws(DatabaseOpenError) {
    self.factory = factory
    self.replicas = replicas
    let configuration = factory.configuration
    errors = ErrorTranslator(factory)
    long = try LongReaders(
      factory, errors, count: max(1, configuration.longReaders),
      queueLimit: configuration.limits.queuedReads)
    shared = try SharedReaders(factory, long)
    writers = try Writers(factory, errors, preCommit: preCommit)
  }

  deinit {
    replicas?.requestClose()
    shared.requestClose()
    long.requestClose()
    writers.requestClose()
  }

  /// Sets the step before the commit, once.
  package func setPreCommit(_ preCommit: any PreCommit) { writers.setPreCommit(preCommit) }

  /// The server cannot be reached, or not by all threads that need a connection.
  ///
  /// It is known within seconds where something reads or writes from time to time.
  package var isOut: Bool { factory.reach.isOut }

  package var statistics: PostgresStatistics {
    PostgresStatistics(writers, shared, long, replicas?.statistics ?? [])
  }

  // MARK: Reading

  package func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    try await queue(consistency, factory.configuration.readMilliseconds, nil, body, submit)
  }

  /// Queues a read where writes go.
  private func submit(_ read: QueuedRead) -> RoostError? {
    switch read.consistency {
    case .statement: shared.submit(read)
    case .snapshot: long.submit(read)
    }
  }

  package var hasReplicas: Bool { replicas != nil }

  /// The plan of a statement with so many values, one step a line; made for any values, not for those
  /// that it ran with.
  package func plan(of sql: SQL, values: Int) async throws -> String {
    // A generic plan shows placeholders; PostgreSQL 16 has an option of EXPLAIN for it.
    let prepare =
      SQL("PREPARE roost_explained AS ")
      + sql.blank { PlaceholderTranslator.translate($0).text }
    let nulls = Array(repeating: SQL("NULL"), count: values).joined(by: ", ")
    let execute =
      SQL("EXPLAIN EXECUTE roost_explained") + (values == 0 ? "" : SQL("(") + nulls + ")")
    return try await read(.snapshot) { reader in
      _ = try await reader.first("SET LOCAL plan_cache_mode = force_generic_plan") { _ in true }
      _ = try await reader.first(prepare) { _ in true }
      let plan = try await reader.all(execute) { $0.text(0) }
      _ = try await reader.first("DEALLOCATE roost_explained") { _ in true }
      return plan.joined(separator: "; ")
    }
  }

  package func read<Result: Sendable>(
    _ consistency: ReadConsistency, from source: ReadSource,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    guard let replicas, case .tracked(let track) = source else {
      return try await read(consistency, body)
    }
    let needed = track.needed
    if !track.isPinned, let replica = replicas.next(covering: needed),
      let outcome = try await read(consistency, replica, needed, track, body)
    {
      return try outcome.get()
    }
    let report = ReadReport()
    defer { if let place = report.place { track.note(replicas.positions.position(place)) } }
    let milliseconds = factory.configuration.readMilliseconds
    let result = try await queue(consistency, milliseconds, report, body, submit)
    // Without it the reader could be sent back in time the next time.
    guard report.place != nil else { throw RoostError.unreachable(report.fault) }
    return result
  }

  /// What the body gives or throws on a standby; nil where the standby failed it.
  private func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ replica: Replica, _ needed: DatabasePosition?,
    _ track: ReadTrack, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Swift.Result<Result, any Error>? {
    guard let replicas, let epoch = replica.epoch(replicas.positions) else { return nil }
    let report = ReadReport(needed: needed?.place ?? 0)
    let outcome: Swift.Result<Result, any Error>
    do {
      let milliseconds = factory.configuration.readMilliseconds
      outcome = .success(
        try await queue(consistency, milliseconds, report, body, replica.submit))
    } catch let error as CancellationError {
      throw error
    } catch {
      // A query that takes too long here does so there.
      if report.fault?.isStopped == true { throw error }
      outcome = .failure(error)
    }
    guard report.fault == nil, let place = report.place, place.bytes >= needed?.place ?? 0 else {
      replica.countFallback()
      return nil
    }
    replica.countRead()
    track.note(DatabasePosition(epoch: epoch, place: place.bytes))
    return outcome
  }

  package func position(isExact: Bool) async throws -> DatabasePosition? {
    guard let positions = replicas?.positions else { return nil }
    if !isExact, let latest = positions.latest { return latest }
    let misses = positions.misses
    let track = ReadTrack()
    track.pin()
    try await read(.statement, from: .tracked(track)) { _ in }
    guard let seen = track.seen else { return nil }
    positions.looked(seen, misses: misses)
    return seen
  }

  /// Runs `body` over one snapshot without a deadline, on a thread and a connection of its own.
  ///
  /// For exports: while it runs the server keeps all versions of rows. Throws `.overloaded` when too
  /// many run already.
  package func readUnbounded<Result: Sendable>(
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    let limit = factory.configuration.unboundedReads
    let isFree = unbounded.withLock { running in
      guard running < limit else { return false }
      running += 1
      return true
    }
    guard isFree else {
      throw RoostError(
        .overloaded, "Too many exports are running; try again later.", retryAfterSeconds: 60)
    }
    defer { unbounded.withLock { $0 -= 1 } }
    let own = try LongReaders(factory, errors, count: 1, queueLimit: 1)
    defer { own.requestClose() }
    return try await queue(.snapshot, nil, nil, body, own.submit)
  }

  private func queue<Result: Sendable>(
    _ consistency: ReadConsistency, _ milliseconds: Int?, _ report: ReadReport?,
    _ body: @escaping @Sendable (any Reader) async throws -> Result,
    _ submit: (QueuedRead) -> RoostError?
  ) async throws -> Result {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let read = TypedRead(
          consistency, milliseconds: milliseconds, report, body, cancellation, continuation)
        if let error = submit(read) { read.resume(throwing: error) }
      }
    } onCancel: {
      cancellation.set()
    }
  }

  // MARK: Writing

  package func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let write = TypedWrite(body, cancellation, continuation)
        if let error = writers.submit(write) { write.resume(throwing: error) }
      }
    } onCancel: {
      cancellation.set()
    }
  }

  package func close() async {
    await replicas?.close()
    await shared.close()
    await long.close()
    await writers.close()
  }
}
