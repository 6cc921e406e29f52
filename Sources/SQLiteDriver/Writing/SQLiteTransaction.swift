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

  /// Whether attempts have savepoints.
  private let hasSavepoints: Bool
  /// An attempt failed after it had changed something, and there is no savepoint to go back to: the
  /// batch has to begin again with them, whatever the body makes of it.
  @exclusivity(unchecked) private(set) var needsSavepoints = false

  init(_ connection: Connection, hasSavepoints: Bool) {
    self.connection = connection
    self.hasSavepoints = hasSavepoints
  }

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

  func attempt(_ body: () async throws -> Void) async throws {
    try checkOpen()
    let attached = effects.count
    let modifications = connection.modifications
    if hasSavepoints { _ = try connection.execute(Control.attempt) }
    do {
      try await body()
    } catch {
      try checkOpen()
      effects.removeSubrange(attached...)
      if hasSavepoints {
        _ = try connection.execute(Control.rollbackToAttempt)
        _ = try connection.execute(Control.releaseAttempt)
      } else if connection.modifications != modifications {
        needsSavepoints = true
        throw SavepointsNeeded()
      }
      throw error
    }
    try checkOpen()
    if hasSavepoints { _ = try connection.execute(Control.releaseAttempt) }
  }

  private func checkOpen() throws {
    guard isOpen else {
      throw RoostError.misuse(
        "A transaction was used after it had ended: its body awaited something else, or kept it.")
    }
    if needsSavepoints { throw SavepointsNeeded() }
    // A full disk and some other errors end the transaction under its body. Whatever a body that
    // caught such an error ran next would be durable by itself, whatever became of the rest.
    guard connection.isInTransaction else { throw connection.lostTransaction }
  }
}

/// What an attempt has changed is to be undone: the batch begins again with savepoints.
struct SavepointsNeeded: Error {}
