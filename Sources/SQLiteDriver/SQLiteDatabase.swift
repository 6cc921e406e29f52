package import Queries
package import RoostCore
import Synchronization

/// A database in one SQLite file: one thread writes, many connections read.
package final class SQLiteDatabase: Database {
  package var dialect: Dialect { .sqlite }

  private let configuration: SQLiteConfiguration
  private let factory: ConnectionFactory
  private let writer: Writer
  private let pool: ReaderPool
  private let threads: ReaderThreads
  private let unbounded = Mutex(0)

  /// Opens the database, which is created when it is missing.
  ///
  /// Throws `DatabaseOpenError`, whose description says what to do. The step before the commit may be
  /// given later (`setPreCommit`), before the first write that attaches an effect.
  package static func open(
    _ configuration: SQLiteConfiguration, ambient: Ambient = Ambient(),
    preCommit: (any PreCommit)? = nil
  ) throws(DatabaseOpenError) -> SQLiteDatabase {
    try SQLiteDatabase(configuration, ambient, preCommit)
  }

  private init(
    _ configuration: SQLiteConfiguration, _ ambient: Ambient, _ preCommit: (any PreCommit)?
  ) throws(DatabaseOpenError) {
    self.configuration = configuration
    if let disk = configuration.disk {
      _ = disk.file(configuration.fileName, makes: true)
      factory = ConnectionFactory(configuration: configuration, time: ambient.time)
      let connection = try factory.writer()
      pool = try ReaderPool(factory, count: 1)
      threads = try ReaderThreads(factory, count: 0, queueLimit: 0)
      writer = Writer(configuration, preCommit: preCommit)
      writer.begin(connection, configuration, ambient)
      return
    }
    let folder = try DataFolder(configuration.folder, logger: ambient.logger)
    let file = try folder.prepareFile(configuration.path, isShared: configuration.isShared)
    factory = ConnectionFactory(configuration: configuration, time: ambient.time)
    let connection = try factory.writer()
    // SQLite syncs the folder when it makes its log, and drops the answer. Here a failure is told
    // before anything is acknowledged.
    try folder.syncEntries()
    pool = try ReaderPool(factory, count: max(1, configuration.inlineReaders))
    threads = try ReaderThreads(
      factory, count: max(1, configuration.offloadReaders),
      queueLimit: configuration.limits.queuedReads)
    writer = Writer(configuration, preCommit: preCommit)
    try writer.start(connection, (folder, file), configuration, ambient)
  }

  deinit {
    pool.close()
    threads.requestClose()
    writer.requestClose()
  }

  /// Sets the step before the commit, once.
  package func setPreCommit(_ preCommit: any PreCommit) { writer.setPreCommit(preCommit) }

  package var statistics: DatabaseStatistics { DatabaseStatistics(writer, pool, threads) }

  // MARK: Reading

  package func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    switch pool.take() {
    case .closed:
      throw RoostError.draining
    case .none:
      break
    case .reader(let pooled):
      if let result = try await inline(pooled, consistency, body) { return result }
    }
    return try await offload(threads, consistency, configuration.readMilliseconds, body)
  }

  /// Runs `body` over one snapshot without a deadline, on a thread and a connection of its own.
  ///
  /// For exports and backups: while it runs the log cannot shrink. Throws `.overloaded` when too many
  /// run already.
  package func readUnbounded<Result: Sendable>(
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    guard !pool.isClosed else { throw RoostError.draining }
    let isFree = unbounded.withLock { running in
      guard running < configuration.unboundedReads else { return false }
      running += 1
      return true
    }
    guard isFree else {
      throw RoostError(
        .overloaded, "Too many exports are running; try again later.", retryAfterSeconds: 60)
    }
    defer { unbounded.withLock { $0 -= 1 } }
    if configuration.disk != nil { return try await read(.snapshot, body) }
    let own = try ReaderThreads(factory, count: 1, queueLimit: 1)
    defer { own.requestClose() }
    return try await offload(own, .snapshot, nil, body)
  }

  /// Runs `body` on the caller's thread; nil when it took more than its budget.
  private func inline<Result: Sendable>(
    _ pooled: PooledReader, _ consistency: ReadConsistency,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result? {
    defer {
      pooled.finish()
      pool.put(pooled)
    }
    let connection = pooled.connection
    // Without threads for long reads there is nowhere else to go.
    connection.readGuard?.begin(steps: configuration.disk == nil ? configuration.inlineSteps : .max)
    do {
      if consistency == .snapshot { _ = try connection.execute(Control.begin) }
      let result = try await body(pooled.reader)
      // A body may have caught the error that stopped it.
      return connection.readGuard?.isSpent == true ? nil : result
    } catch {
      if connection.readGuard?.isSpent == true { return nil }
      throw error
    }
  }

  private func offload<Result: Sendable>(
    _ threads: ReaderThreads, _ consistency: ReadConsistency, _ milliseconds: Int?,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { continuation in
        let read = TypedRead(
          consistency, milliseconds: milliseconds, body, cancellation, continuation)
        if let error = threads.submit(read) { read.resume(throwing: error) }
      }
    } onCancel: {
      cancellation.set()
    }
  }

  /// The plan of a statement with so many values, one step a line; made without the values.
  package func plan(of sql: SQL, values: Int) async throws -> String {
    let explained = SQL("EXPLAIN QUERY PLAN ") + sql.blank(values)
    return try await read(.statement) { reader in
      try await reader.all(explained) { $0.text(3) }.joined(separator: "; ")
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
        if let error = writer.submit(write) { write.resume(throwing: error) }
      }
    } onCancel: {
      cancellation.set()
    }
  }

  package func close() async {
    pool.close()
    await threads.close()
    await writer.close()
  }
}
