import Queries
import RoostCore

/// The `Transaction` that one body of a batch gets, or the batch's step before the commit.
final class PostgresTransaction: Transaction, @unchecked Sendable {
  var dialect: Dialect { .postgres }
  // Sendable: touched on the writer's thread only; the task that a body runs in prefers that thread.
  private let session: WriteSession
  /// Cleared when the body has ended or the driver has given up on it.
  private(set) var isOpen = true
  private(set) var effects: [any Effect] = []
  /// The first error of a statement: PostgreSQL refuses whatever comes after it until the body is
  /// undone, so a body cannot go on behind it.
  private(set) var failure: (any Error)?

  init(_ session: WriteSession) { self.session = session }

  func end() { isOpen = false }

  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool) throws {
    try run(.fixed(statement, values)).forEach(row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) throws {
    try run(.text(sql)).forEach(row)
  }

  func execute(_ statement: Statement, _ values: [Value]) throws -> Int {
    try change(.fixed(statement, values))
  }

  func execute(_ sql: SQL) throws -> Int { try change(.text(sql)) }

  func attach(_ effect: any Effect) { effects.append(effect) }

  private func change(_ call: StatementCall) throws -> Int {
    let result = try run(call)
    if result.isDefinition { session.schemaChanged() }
    return result.changedRows
  }

  private func run(_ call: StatementCall) throws -> PostgresResult {
    guard isOpen else {
      throw RoostError.misuse(
        "A transaction was used after it had ended: its body awaited something else, or kept it.")
    }
    if let failure { throw failure }
    do {
      return try session.run(call)
    } catch let error as PostgresFailure {
      let seen = session.errors.error(for: error)
      failure = seen
      throw seen
    }
  }
}
