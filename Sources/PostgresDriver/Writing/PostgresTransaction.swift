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
  /// Statements that may have changed something, which is undone with the body.
  private var changes = 0
  var isChanging: Bool { changes > 0 }

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
    if !result.isSelection { changes += 1 }
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

  func takeTime() throws {
    _ = try execute("SET LOCAL statement_timeout TO 0")
    session.takesTime = true
  }

  func append(
    _ count: Int, by insert: WideInsert, _ row: (Int, inout [Value]) -> Void
  ) async throws {
    if let least = dialect.leastRowsOfCopy, count >= least, let target = insert.target,
      try copy(count, to: target, row)
    {
      return
    }
    try await insert.post(count, in: self, row)
  }

  func attach(_ effect: any Effect) { effects.append(effect) }

  func attempt(_ body: () async throws -> Void) async throws {
    try check()
    let attached = effects.count
    let changesBefore = changes
    let hasSavepoint = session.mode == .waiting
    if hasSavepoint { try session.beginAttempt(isAlone: isAlone) }
    do {
      try await body()
      // What comes after a refused statement is refused, whatever the body made of that.
      if isOpen { try check() }
    } catch {
      guard isOpen, session.failure == nil else { throw error }
      effects.removeSubrange(attached...)
      if hasSavepoint {
        session.undoAttempt()
        failure = nil
      } else if changes != changesBefore || failure != nil {
        throw session.needSavepoints()
      }
      throw error
    }
    if hasSavepoint, isOpen { session.queue(.releaseAttempt) }
  }

  private func post(_ call: StatementCall) throws {
    guard session.mode == .posting else {
      _ = try change(call)
      return
    }
    try check()
    changes += 1
    session.post(call)
  }

  private func change(_ call: StatementCall) throws -> Int {
    changes += 1
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

  /// Whether the rows went by `COPY`.
  private func copy(
    _ count: Int, to target: WideInsert.Target, _ row: (Int, inout [Value]) -> Void
  ) throws -> Bool {
    try check()
    changes += 1
    return try seen { try session.copy(count, to: target, isAlone: isAlone, row) }
  }

  private func run(_ call: StatementCall) throws -> PostgresResult {
    try check()
    return try seen { try session.run(call, isAlone: isAlone) }
  }

  /// Runs `body`, whose failures become errors that the transaction keeps.
  private func seen<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as PostgresFailure {
      let seen = session.errors.error(for: error)
      failure = seen
      throw seen
    }
  }
}
