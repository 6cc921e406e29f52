import CSQLite
import Queries
import RoostCore

/// The writes of one transaction: runs their bodies, each as if in a savepoint, and answers their
/// callers.
final class WriteBatch {
  private let writes: [QueuedWrite]
  private let connection: Connection
  private let executor: any TaskExecutor
  /// The errors of bodies that the driver gave up on, by position.
  private var refused: [Int: RoostError] = [:]
  /// An attempt of a body is to be undone, and there was no savepoint.
  private var needsSavepoints = false
  /// What the bodies that succeeded attached, in order.
  private(set) var effects: [any Effect] = []

  init(_ writes: [QueuedWrite], _ connection: Connection, _ executor: any TaskExecutor) {
    self.writes = writes
    self.connection = connection
    self.executor = executor
  }

  /// Begins the transaction and runs the bodies; throws when the transaction as a whole is lost.
  ///
  /// Afterwards none is open when the only body failed. A savepoint costs its statements and a copy
  /// of every page that its body changes, and bodies seldom fail once they have changed something:
  /// so they run without savepoints first, and if one has to be undone, all begin again with them.
  func runBodies(hasPreCommit: Bool) throws {
    _ = try connection.execute(Control.beginWrite)
    if try runPlainly(hasPreCommit) { return }
    _ = try connection.execute(Control.rollback)
    // The only body of a transaction needs no savepoint: undoing it undoes the transaction.
    if writes.count == 1, !needsSavepoints { return }
    refused = [:]
    effects = []
    _ = try connection.execute(Control.beginWrite)
    for position in writes.indices {
      _ = try connection.execute(Control.savepoint)
      if try !run(position, hasPreCommit, hasSavepoints: true) {
        _ = try connection.execute(Control.rollbackToSavepoint)
      }
      _ = try connection.execute(Control.release)
    }
  }

  /// Runs the bodies one after the other; false as soon as one has failed after it changed something,
  /// or is the only one and has failed.
  private func runPlainly(_ hasPreCommit: Bool) throws -> Bool {
    for position in writes.indices {
      let modifications = connection.modifications
      if try !run(position, hasPreCommit, hasSavepoints: false),
        needsSavepoints || writes.count == 1 || connection.modifications != modifications
      {
        return false
      }
    }
    return true
  }

  /// Runs one body; false where it has to be undone.
  private func run(
    _ position: Int, _ hasPreCommit: Bool, hasSavepoints: Bool
  ) throws -> Bool {
    let write = writes[position]
    let transaction = SQLiteTransaction(connection, hasSavepoints: hasSavepoints)
    write.start(transaction, on: executor)
    transaction.end()
    // Some errors (a full disk among them) end the transaction under the body, which may have
    // caught them.
    guard connection.isInTransaction else { throw connection.lostTransaction }
    if transaction.needsSavepoints {
      needsSavepoints = true
      return false
    }
    switch write.state {
    case .failed: return false
    case .suspended:
      refused[position] = .misuse("The body of a write awaits something else; it was undone.")
      return false
    case .succeeded:
      if !transaction.effects.isEmpty, !hasPreCommit {
        refused[position] = .misuse("A write attached an effect, but nothing would apply it.")
        return false
      }
      effects += transaction.effects
      return true
    }
  }

  /// Runs the step before the commit.
  func apply(_ preCommit: any PreCommit) throws {
    let transaction = SQLiteTransaction(connection, hasSavepoints: true)
    let step = PreCommitStep(preCommit, effects, transaction)
    step.start(on: executor)
    transaction.end()
    guard let outcome = step.outcome else {
      throw RoostError.misuse("The step before the commit awaits something else.")
    }
    try outcome.get()
    guard connection.isInTransaction else { throw connection.lostTransaction }
  }

  /// Answers all callers after the commit.
  func answer() {
    for (position, write) in writes.enumerated() {
      if let error = refused[position] {
        write.resume(throwing: error)
      } else {
        write.resume()
      }
    }
  }

  /// Answers all callers after the transaction was undone: those whose own body failed get their own
  /// error, unless it is the one that undid the transaction.
  func fail(_ error: any Error) {
    for (position, write) in writes.enumerated() {
      if let refusal = refused[position] {
        write.resume(throwing: refusal)
      } else if write.state == .failed {
        write.resume()
      } else {
        write.resume(throwing: error)
      }
    }
  }
}

/// One run of `PreCommit.apply` on the writer's thread.
private final class PreCommitStep: @unchecked Sendable {
  // Sendable: touched on the writer's thread only.
  private let preCommit: any PreCommit
  private let effects: [any Effect]
  private let transaction: SQLiteTransaction
  private(set) var outcome: Result<Void, any Error>?

  init(_ preCommit: any PreCommit, _ effects: [any Effect], _ transaction: SQLiteTransaction) {
    self.preCommit = preCommit
    self.effects = effects
    self.transaction = transaction
  }

  func start(on executor: any TaskExecutor) {
    Task.immediate(executorPreference: executor) {
      let outcome: Result<Void, any Error>
      do {
        try await self.preCommit.apply(self.effects, in: self.transaction)
        outcome = .success(())
      } catch {
        outcome = .failure(error)
      }
      if self.transaction.isOpen { self.outcome = outcome }
    }
  }
}
