import Glibc
import Queries
import RoostCore
import Synchronization

/// Runs batches on a writer's thread: again after conflicts, and to a known end after losses.
final class BatchRunner {
  private let session: WriteSession
  private let executor: any TaskExecutor
  private let writers: Writers
  /// The number of the thread.
  private let index: Int
  /// Raised by batches that had to begin again; above `patience` batches begin with savepoints, so
  /// that somebody who is refused again and again does not make everybody's writes run twice.
  private var distrust = 0
  private static let patience = 8

  init(
    _ session: WriteSession, _ executor: any TaskExecutor, _ writers: Writers, _ index: Int
  ) {
    self.index = index
    self.session = session
    self.executor = executor
    self.writers = writers
  }

  /// Runs `writes` in one transaction, or in several after conflicts, and answers their callers.
  func run(_ queued: [QueuedWrite], _ preCommit: (any PreCommit)?) {
    let writes = queued.filter { write in
      guard write.cancellation.isSet else { return true }
      write.resume(throwing: CancellationError())
      return false
    }
    guard !writes.isEmpty else { return }
    run(writes, preCommit, RetryPolicy())
    session.tidy()
    let connects = session.connects
    writers.statistics.withLock { $0.connects[index] = connects }
  }

  /// The connection could not be made.
  var isOut: Bool { session.isOut }

  /// Tries to connect again while nobody writes, so that it is known whether one could.
  func reconnect() {
    try? session.connect()
    let connects = session.connects
    writers.statistics.withLock { $0.connects[index] = connects }
  }

  private enum Ending {
    case committed
    case failed(any Error)
    case again(RetryPolicy.Cause, PostgresFailure)
    /// Begin again with savepoints.
    case waiting
    /// Begin again, each body in a transaction of its own.
    case apart
    case unknown(PostgresFailure)
  }

  private func run(
    _ writes: [QueuedWrite], _ preCommit: (any PreCommit)?, _ policy: RetryPolicy
  ) {
    var policy = policy
    var mode = distrust > BatchRunner.patience ? WriteSession.Mode.waiting : .posting
    distrust = max(0, distrust - 1)
    while true {
      do {
        try session.connect()
      } catch {
        writers.statistics.withLock { $0.failedBatches += 1 }
        return WriteBatch.fail(writes, error.error)
      }
      let batch = WriteBatch(writes, session, executor, mode)
      let ending = attempt(batch, preCommit)
      switch ending {
      case .committed:
        let copiedRows = session.copiedRows
        writers.statistics.withLock {
          $0.count(writes.count)
          $0.copiedRows[index] = copiedRows
        }
        if let preCommit, !batch.effects.isEmpty { preCommit.committed(batch.effects) }
        return batch.answer()
      case .failed(let error):
        session.rollback()
        writers.statistics.withLock { $0.failedBatches += 1 }
        return batch.fail(error)
      case .unknown(let failure):
        writers.statistics.withLock { $0.unknownOutcomes += 1 }
        return batch.fail(BatchRunner.unknown(failure))
      case .waiting:
        session.rollback()
        writers.statistics.withLock { $0.repeats += 1 }
        mode = .waiting
        distrust = min(distrust + 4, 2 * BatchRunner.patience)
      case .apart:
        session.rollback()
        writers.statistics.withLock { $0.repeats += 1 }
        for write in writes { run([write], preCommit, policy) }
        return
      case .again(let cause, let failure):
        session.rollback()
        writers.statistics.withLock { $0.retries += 1 }
        let step = policy.next(
          after: cause, isAlone: writes.count == 1, jitter: Double.random(in: 0...1))
        switch step {
        case .again(let milliseconds): usleep(UInt32(clamping: milliseconds * 1000))
        case .alone:
          for write in writes { run([write], preCommit, policy) }
          return
        case .giveUp:
          writers.statistics.withLock { $0.failedBatches += 1 }
          return WriteBatch.fail(writes, failure.error)
        }
      }
    }
  }

  private func attempt(_ batch: WriteBatch, _ preCommit: (any PreCommit)?) -> Ending {
    do {
      try batch.runBodies(hasPreCommit: preCommit != nil)
      if let preCommit, !batch.effects.isEmpty { try batch.apply(preCommit) }
    } catch let failure as PostgresFailure {
      if session.mustPart { return .apart }
      if session.mustWait { return .waiting }
      return BatchRunner.ending(failure, session)
    } catch {
      if session.mustWait { return .waiting }
      return .failed(error)
    }
    guard session.hasWork else { return .committed }
    let start = BatchRunner.now()
    do {
      try session.commit()
      let microseconds = Int((BatchRunner.now() &- start) / 1000)
      writers.statistics.withLock { $0.countCommit(microseconds: microseconds) }
      return .committed
    } catch {
      if session.mustWait { return .waiting }
      guard session.isLost else { return BatchRunner.ending(error, session) }
      switch session.outcome() {
      case .committed: return .committed
      case .undone: return .again(.lostConnection, error)
      case .unknown: return .unknown(error)
      }
    }
  }

  private static func ending(_ failure: PostgresFailure, _ session: WriteSession) -> Ending {
    if failure.isConflict { return .again(.conflict, failure) }
    if failure.isStaleStatement {
      // A new connection has nothing stale, not even what each transaction begins with.
      session.drop()
      return .again(.staleStatement, failure)
    }
    if session.isLost || failure.isConnectionLoss {
      session.drop()
      return .again(.lostConnection, failure)
    }
    return .failed(session.errors.error(for: failure))
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func unknown(_ failure: PostgresFailure) -> RoostError {
    RoostError(
      .overloaded,
      "The database was lost while the change was being saved; whether it was is unknown. Try "
        + "again with the same id.", retryAfterSeconds: 1, cause: failure)
  }
}
