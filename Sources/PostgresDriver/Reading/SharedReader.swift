import Queries
import RoostCore

/// The `Reader` of one read on a shared connection: its queries wait among those of others.
final class SharedReader: ReadingEnd {
  var dialect: Dialect { .postgres }
  let read: QueuedRead
  /// Of the monotonic clock, in nanoseconds.
  let deadline: UInt64
  /// How often its body was started.
  let runs: Int
  var isOpen = true
  /// The first error that ends this run, whatever its body makes of it: a statement took too long
  /// for a shared connection, the connection was lost, or a statement had gone stale.
  private(set) var failure: PostgresFailure?
  /// A query of it is under way.
  var isWaiting = false
  /// The question for the server's place behind its last query.
  var place: PlaceExchange?
  private let thread: SharedReaderThread

  init(_ read: QueuedRead, deadline: UInt64, runs: Int, _ thread: SharedReaderThread) {
    self.read = read
    self.deadline = deadline
    self.runs = runs
    self.thread = thread
  }

  func query(
    _ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool
  ) async throws {
    try await run(.fixed(statement, values)).forEach(row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws {
    try await run(.text(sql)).forEach(row)
  }

  func note(_ failure: PostgresFailure) {
    read.report?.note(failure)
    guard self.failure == nil else { return }
    if failure.isStopped || failure.isConnectionLoss || failure.isStaleStatement {
      self.failure = failure
    }
  }

  private func run(_ call: StatementCall) async throws -> PostgresResult {
    guard isOpen, thread.isCurrent else {
      throw RoostError.misuse("A reader was used after its read had ended, or by another task.")
    }
    if !thread.isBefore(deadline) { note(.stopped(sql: call.text)) }
    if let failure { throw failure.error }
    isWaiting = true
    defer { isWaiting = false }
    return try await withUnsafeThrowingContinuation { continuation in
      thread.outgoing.append(SharedQuery(call, self, continuation))
    }
  }
}

/// A query of a read that is to be sent.
struct SharedQuery {
  let call: StatementCall
  let reader: SharedReader
  let continuation: UnsafeContinuation<PostgresResult, any Error>

  init(
    _ call: StatementCall, _ reader: SharedReader,
    _ continuation: UnsafeContinuation<PostgresResult, any Error>
  ) {
    self.call = call
    self.reader = reader
    self.continuation = continuation
  }

  func fail(_ failure: PostgresFailure) {
    reader.note(failure)
    continuation.resume(throwing: failure.error)
  }
}

/// A query that was sent on a shared connection.
final class SharedExchange: Exchange {
  private let query: SharedQuery
  private let thread: SharedReaderThread

  init(_ query: SharedQuery, sql: String, _ thread: SharedReaderThread) {
    self.query = query
    self.thread = thread
    super.init(.run, sql: sql)
  }

  override func finish() {
    super.finish()
    if isSkipped, failure?.isConnectionLoss == false {
      // Another query of its group failed, of which this one knows nothing.
      thread.outgoing.append(query)
    } else if let failure {
      if failure.isStaleStatement { thread.forgetStatements() }
      query.fail(failure)
    } else if let result {
      query.continuation.resume(returning: result)
    } else {
      query.fail(PostgresFailure(connection: "a statement had no answer", sql: sql))
    }
  }
}

/// The preparation of a statement on a shared connection, and the queries that wait for it.
final class SharedPreparation: Exchange {
  let entry: PreparedStatement
  let call: StatementCall
  var queries: [SharedQuery]
  /// The first of its two commands.
  var parsing: Exchange?
  private let thread: SharedReaderThread

  init(_ entry: PreparedStatement, _ query: SharedQuery, _ thread: SharedReaderThread) {
    self.entry = entry
    call = query.call
    queries = [query]
    self.thread = thread
    super.init(.describe, sql: entry.text)
  }

  /// Nothing is known about the statement: another one of its group failed.
  var isUndecided: Bool {
    isSkipped && parsing?.isSkipped == true && failure?.isConnectionLoss == false
  }

  override func finish() {
    super.finish()
    thread.prepared(self)
  }
}
