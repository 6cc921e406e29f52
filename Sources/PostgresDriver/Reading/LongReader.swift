import Queries
import RoostCore

/// The `Reader` of a read that has a connection to itself; its thread waits for each answer.
final class LongReader: ReadingEnd {
  var dialect: Dialect { .postgres }
  var isOpen = true
  /// The first error that ends the read as a whole, whatever its body makes of it.
  private(set) var failure: PostgresFailure?
  private let connection: Connection
  private let errors: ErrorTranslator
  private var bound: WaitBound
  private var begins: Bool
  private let consistency: ReadConsistency
  /// Where it is told how far the server was, and what is asked for that.
  private let report: ReadReport?
  private let question: SQL
  private let factory: ConnectionFactory
  /// The limit of the body's own, and when its time is over, of the monotonic clock in nanoseconds.
  private var work: (limit: WorkLimit, end: UInt64)?
  private let countsRows: Bool
  /// Rows that the session had looked at when the counting began.
  private var rowsBefore: Int64?
  private var isCounting = false
  /// A query was too much work: the snapshot is gone, so nothing may follow.
  private var isSpent = false
  /// It took long: to know whether that is the query's fault, the body has to run again with its rows
  /// counted.
  private(set) var mustCount = false

  init(
    _ connection: Connection, _ errors: ErrorTranslator, _ bound: WaitBound,
    _ read: QueuedRead, _ factory: ConnectionFactory
  ) {
    report = read.report
    countsRows = read.countsRows
    question = SQL(stringLiteral: factory.role.question)
    consistency = read.consistency
    self.factory = factory
    self.connection = connection
    self.errors = errors
    self.bound = bound
    begins = consistency == .snapshot || connection.hasLocalSettings
  }

  private var now: UInt64 { factory.ambient.time.monotonicNanoseconds() }

  func limit(_ limit: WorkLimit?) {
    work = limit.map { ($0, now + LongReader.nanoseconds($0, factory, isCounted: countsRows)) }
  }

  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool) throws {
    try run(.fixed(statement, values)).forEach(row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) throws {
    try run(.text(sql)).forEach(row)
  }

  private func run(_ call: StatementCall) throws -> PostgresResult {
    guard isOpen else { throw RoostError.misuse("A reader was used after its read had ended.") }
    if let failure { throw failure.error }
    if isSpent { throw WorkSpent() }
    do {
      if countsRows, work != nil, !isCounting {
        // Only within a transaction does the session keep its counts to itself.
        begins = begins || !connection.isInTransaction
        rowsBefore = LongReader.rows(try send(LongReader.rowsQuestion(factory)))
        isCounting = true
      }
      return try send(call)
    } catch let error as PostgresFailure {
      if error.isStopped, let work, now >= work.end { throw spent(work.limit, error) }
      note(error)
      throw errors.error(for: error)
    }
  }

  private func send(_ call: StatementCall) throws -> PostgresResult {
    let begins = begins
    self.begins = false
    var bound = bound.tightened(to: work?.end)
    return try connection.run(
      call,
      after: { connection in
        // One round trip with the first query, which is what takes the snapshot.
        guard begins else { return }
        try connection.send(
          consistency == .snapshot
            ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            : "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", Exchange(.run, sql: "BEGIN"))
        try connection.sendLocalSettings()
      }, &bound)
  }

  /// Whether the query that was just stopped has looked at many rows.
  private func isMuchWork(_ limit: WorkLimit) -> Bool {
    // Not even the question was answered in time.
    guard isCounting else { return false }
    // Where the server does not count the time has to do.
    guard let rowsBefore else { return true }
    var bound = WaitBound(time: factory.ambient.time, milliseconds: 1000)
    let result = try? connection.run(
      LongReader.rowsQuestion(factory),
      after: { connection in
        // In one go: between two groups the session would hand its counts to the server.
        guard connection.isInTransaction else { return }
        try connection.send("ROLLBACK", Exchange(.run, sql: "ROLLBACK"))
      }, &bound)
    guard let result, let rows = LongReader.rows(result) else { return false }
    return LongReader.isMuch(rowsBefore, rows, limit)
  }

  private func note(_ error: PostgresFailure) {
    report?.note(error)
    // Nothing can follow an error in a transaction; without one, these end the read all the same.
    if connection.isInTransaction || error.isConnectionLoss || error.isStopped
      || error.isStaleStatement || connection.isLost
    {
      failure = error
    }
  }

  /// What a query is told that was stopped at the end of the body's own limit.
  private func spent(_ limit: WorkLimit, _ error: PostgresFailure) -> any Error {
    guard countsRows else {
      note(error)
      mustCount = true
      return error.error
    }
    guard isMuchWork(limit) else {
      let busy = PostgresFailure.hindered(sql: error.sql)
      report?.note(busy)
      failure = busy
      return busy.error
    }
    report?.note(error)
    isSpent = true
    return WorkSpent()
  }

  /// Ends what the read may have left open, and learns how far the server was behind it.
  func finish() {
    isOpen = false
    if let report, failure == nil, !connection.isLost { learnPlace(report) }
    guard connection.isInTransaction, !connection.isLost else { return }
    // A cancellation may come so late that it meets this.
    for _ in 0..<2 where connection.isInTransaction {
      _ = try? connection.run("ROLLBACK", &bound)
    }
    if connection.isInTransaction {
      connection.lose(PostgresFailure(connection: "a read could not be ended"))
    }
  }

  private func learnPlace(_ report: ReadReport) {
    do {
      let result = try connection.run(
        .text(question),
        after: { connection in
          guard connection.isInTransaction else { return }
          try connection.send("ROLLBACK", Exchange(.run, sql: "ROLLBACK"))
        }, &bound)
      guard let place = ServerPlace(result) else {
        throw PostgresFailure(connection: "the server named no place")
      }
      report.set(place)
    } catch {
      let failure = error as? PostgresFailure ?? PostgresFailure(connection: "\(error)")
      report.note(failure)
      self.failure = failure
    }
  }
}
