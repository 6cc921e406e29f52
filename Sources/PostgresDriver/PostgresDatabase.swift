import CPostgres
package import Queries
package import RoostCore
import Synchronization

/// A database in one schema of PostgreSQL: a few threads write, many callers share connections to
/// read.
package final class PostgresDatabase: Database {
  package var dialect: Dialect { .postgres }

  private let factory: ConnectionFactory
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
    let factory = ConnectionFactory(configuration, ambient)
    try SchemaOpening(factory: factory).run()
    return try PostgresDatabase(factory, preCommit)
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
    _ factory: ConnectionFactory, _ preCommit: (any PreCommit)?
  ) throws(DatabaseOpenError) {
    self.factory = factory
    let configuration = factory.configuration
    errors = ErrorTranslator(factory)
    long = try LongReaders(
      factory, errors, count: max(1, configuration.longReaders),
      queueLimit: configuration.limits.queuedReads)
    shared = try SharedReaders(factory, long)
    writers = try Writers(factory, errors, preCommit: preCommit)
  }

  deinit {
    shared.requestClose()
    long.requestClose()
    writers.requestClose()
  }

  /// Sets the step before the commit, once.
  package func setPreCommit(_ preCommit: any PreCommit) { writers.setPreCommit(preCommit) }

  package var statistics: PostgresStatistics { PostgresStatistics(writers, shared, long) }

  // MARK: Reading

  package func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    let milliseconds = factory.configuration.readMilliseconds
    switch consistency {
    case .statement: return try await queue(consistency, milliseconds, body, shared.submit)
    case .snapshot: return try await queue(consistency, milliseconds, body, long.submit)
    }
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
    return try await queue(.snapshot, nil, body, own.submit)
  }

  private func queue<Result: Sendable>(
    _ consistency: ReadConsistency, _ milliseconds: Int?,
    _ body: @escaping @Sendable (any Reader) async throws -> Result,
    _ submit: (QueuedRead) -> RoostError?
  ) async throws -> Result {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let read = TypedRead(
          consistency, milliseconds: milliseconds, body, cancellation, continuation)
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
    await shared.close()
    await long.close()
    await writers.close()
  }
}
