import Queries
import RoostCore

/// The `Transaction` that one body of a batch gets, or the batch's step before the commit.
final class SQLiteTransaction: Transaction, @unchecked Sendable {
  var dialect: Dialect { .sqlite }
  // Sendable: touched on the writer's thread only; the task that a body runs in prefers that thread.
  private let connection: Connection
  /// Cleared when the body has ended or the driver has given up on it.
  @exclusivity(unchecked) private(set) var isOpen = true
  @exclusivity(unchecked) private(set) var effects: [any Effect] = []

  init(_ connection: Connection) { self.connection = connection }

  func end() { isOpen = false }

  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool) throws {
    try checkOpen()
    try connection.query(statement, values, row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) throws {
    try checkOpen()
    try connection.query(sql, row)
  }

  func execute(_ statement: Statement, _ values: [Value]) throws -> Int {
    try checkOpen()
    return try connection.execute(statement, values)
  }

  func execute(_ sql: SQL) throws -> Int {
    try checkOpen()
    return try connection.execute(sql)
  }

  func limit(_ work: WorkLimit?) { connection.readGuard?.limit(work) }

  func attach(_ effect: any Effect) { effects.append(effect) }

  private func checkOpen() throws {
    guard isOpen else {
      throw RoostError.misuse(
        "A transaction was used after it had ended: its body awaited something else, or kept it.")
    }
    // A full disk and some other errors end the transaction under its body. Whatever a body that
    // caught such an error ran next would be durable by itself, whatever became of the rest.
    guard connection.isInTransaction else { throw connection.lostTransaction }
  }
}
