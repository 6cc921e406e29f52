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
  /// Something was changed that is undone with the body, were it only to be on the safe side.
  private(set) var isChanging = false

  /// No other body is undone with this one.
  private let isAlone: Bool

  init(_ session: WriteSession, isAlone: Bool) {
    self.session = session
    self.isAlone = isAlone
  }

  func end() { isOpen = false }

  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool) throws {
    try query(.fixed(statement, values), row)
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) throws {
    try query(.text(sql), row)
  }

  private func query(_ call: StatementCall, _ row: (any Row) throws -> Bool) throws {
    let result = try run(call)
    if !result.isSelection { isChanging = true }
    try result.forEach(row)
  }

  func execute(_ statement: Statement, _ values: [Value]) throws -> Int {
    try change(.fixed(statement, values))
  }

  func execute(_ sql: SQL) throws -> Int { try change(.text(sql)) }

  func post(_ statement: Statement, _ values: [Value]) throws {
    try post(.fixed(statement, values))
  }

  func post(_ sql: SQL) throws { try post(.text(sql)) }

  func attach(_ effect: any Effect) { effects.append(effect) }

  private func post(_ call: StatementCall) throws {
    guard session.mode == .posting else {
      _ = try change(call)
      return
    }
    try check()
    isChanging = true
    session.post(call)
  }

  private func change(_ call: StatementCall) throws -> Int {
    isChanging = true
    let result = try run(call)
    if result.isDefinition { session.schemaChanged() }
    return result.changedRows
  }

  private func check() throws {
    guard isOpen else {
      throw RoostError.misuse(
        "A transaction was used after it had ended: its body awaited something else, or kept it.")
    }
    if let failure { throw failure }
  }

  private func run(_ call: StatementCall) throws -> PostgresResult {
    try check()
    do {
      return try session.run(call, isAlone: isAlone)
    } catch let error as PostgresFailure {
      let seen = session.errors.error(for: error)
      failure = seen
      throw seen
    }
  }
}
