import RoostCore

/// One command that was sent and whose answer is awaited.
class Exchange {
  enum Kind { case prepare, describe, run, sync }

  let kind: Kind
  /// The text of the statement, for errors.
  let sql: String
  var result: PostgresResult?
  var failure: PostgresFailure?
  /// The server did not look at it, since another command of its group had failed.
  var isSkipped = false
  private(set) var isDone = false

  init(_ kind: Kind, sql: String = "") {
    self.kind = kind
    self.sql = sql
  }

  /// The answer is complete, or will not come (`failure`).
  func finish() { isDone = true }
}
