import Queries
import RoostCore

/// The writes of one transaction: runs their bodies, each as if in a savepoint, and answers their
/// callers.
final class WriteBatch {
  private let writes: [QueuedWrite]
  private let session: WriteSession
  private let executor: any TaskExecutor
  private let mode: WriteSession.Mode
  /// The errors of bodies that the driver gave up on, by position.
  private var refused: [Int: any Error] = [:]
  /// What the bodies that succeeded attached, in order.
  private(set) var effects: [any Effect] = []

  init(
    _ writes: [QueuedWrite], _ session: WriteSession, _ executor: any TaskExecutor,
    _ mode: WriteSession.Mode
  ) {
    self.mode = mode
    self.writes = writes
    self.session = session
    self.executor = executor
  }

  /// Begins the transaction and runs the bodies; throws when the transaction as a whole is lost.
  ///
  /// Afterwards none is open when the only body failed. A savepoint is two more statements and a
  /// transaction of its own for the server, and bodies seldom fail once they have changed something:
  /// so they run without savepoints first, and if one has to be undone, all begin again with them.
  func runBodies(hasPreCommit: Bool) throws(PostgresFailure) {
    session.begin(mode)
    // The only body of a transaction needs no savepoint: undoing it undoes the transaction.
    let isAlone = writes.count == 1
    let savepoints = mode == .waiting && !isAlone
    for (position, write) in writes.enumerated() {
      if savepoints { session.queue(.savepoint) }
      let transaction = PostgresTransaction(session, isAlone: isAlone)
      write.start(transaction, on: executor)
      transaction.end()
      // Some errors end the transaction under the body, which may have caught them.
      if let failure = session.failure { throw failure }
      var isGood = write.state == .succeeded
      if write.state == .suspended {
        refused[position] = RoostError.misuse(
          "The body of a write awaits something else; it was undone.")
      } else if isGood, let failure = transaction.failure {
        // PostgreSQL takes nothing after an error, so what the body did behind it is not there.
        refused[position] = failure
        isGood = false
      } else if isGood, !transaction.effects.isEmpty, !hasPreCommit {
        refused[position] = RoostError.misuse(
          "A write attached an effect, but nothing would apply it.")
        isGood = false
      }
      if isGood {
        if savepoints { session.queue(.release) }
        effects += transaction.effects
      } else if savepoints {
        session.undoBody()
      } else if isAlone {
        session.rollback()
      } else if transaction.isChanging {
        throw session.needSavepoints()
      }
    }
  }

  /// Runs the step before the commit; throws `PostgresFailure` when the transaction is lost, and
  /// otherwise what the step throws.
  func apply(_ preCommit: any PreCommit) throws {
    let transaction = PostgresTransaction(session, isAlone: true)
    let step = PreCommitStep(preCommit, effects, transaction)
    step.start(on: executor)
    transaction.end()
    if let failure = session.failure { throw failure }
    guard let outcome = step.outcome else {
      throw RoostError.misuse("The step before the commit awaits something else.")
    }
    try outcome.get()
    if let failure = transaction.failure { throw failure }
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
  /// error.
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

  /// Answers all callers with one error.
  static func fail(_ writes: [QueuedWrite], _ error: any Error) {
    for write in writes { write.resume(throwing: error) }
  }
}

/// One run of `PreCommit.apply` on the writer's thread.
private final class PreCommitStep: @unchecked Sendable {
  // Sendable: touched on the writer's thread only.
  private let preCommit: any PreCommit
  private let effects: [any Effect]
  private let transaction: PostgresTransaction
  private(set) var outcome: Result<Void, any Error>?

  init(_ preCommit: any PreCommit, _ effects: [any Effect], _ transaction: PostgresTransaction) {
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
