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
  private let time: any TimeSource
  /// When the limit of the body's own is spent, of the monotonic clock in nanoseconds.
  private var workEnd: UInt64?
  /// The limit counts processor time, and the server tells no client what a statement took: on a
  /// machine that others use too, a wall clock runs this much ahead of it.
  private static let patience: UInt64 = 4

  init(
    _ connection: Connection, _ errors: ErrorTranslator, _ bound: WaitBound,
    _ read: QueuedRead, _ role: ServerRole, time: any TimeSource
  ) {
    report = read.report
    question = SQL(stringLiteral: role.question)
    consistency = read.consistency
    self.time = time
    self.connection = connection
    self.errors = errors
    self.bound = bound
    begins = consistency == .snapshot || connection.hasLocalSettings
  }

  func limit(_ work: WorkLimit?) {
    workEnd = work.map {
      time.monotonicNanoseconds() + UInt64(max(1, $0.milliseconds)) * LongReader.patience
        * 1_000_000
    }
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
    let begins = begins
    self.begins = false
    var bound = bound.tightened(to: workEnd)
    do {
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
    } catch let error as PostgresFailure {
      report?.note(error)
      if error.isStopped, let workEnd, time.monotonicNanoseconds() >= workEnd { throw WorkSpent() }
      // Nothing can follow an error in a transaction; without one, these end the read all the same.
      if connection.isInTransaction || error.isConnectionLoss || error.isStopped
        || error.isStaleStatement || connection.isLost
      {
        failure = error
      }
      throw errors.error(for: error)
    }
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
