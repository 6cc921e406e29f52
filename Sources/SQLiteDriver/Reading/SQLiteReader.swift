import Queries
import RoostCore

/// The `Reader` that a read's body gets.
final class SQLiteReader: Reader {
  var dialect: Dialect { .sqlite }
  let connection: Connection
  /// Cleared when the driver has given up on the body.
  @exclusivity(unchecked) var isOpen = true

  let isBounded: Bool

  init(_ connection: Connection, isBounded: Bool = false) {
    self.connection = connection
    self.isBounded = isBounded
  }

  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool) throws {
    guard isOpen else { throw SQLiteReader.closed }
    try connection.query(statement, values, row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) throws {
    guard isOpen else { throw SQLiteReader.closed }
    try connection.query(sql, row)
  }

  func limit(_ work: WorkLimit?) { connection.readGuard?.limit(work) }

  private static let closed = RoostError.misuse(
    "A reader was used after its read had ended.")
}
