import Queries
import RoostCore

/// A write that waits for, or is part of, a batch.
///
/// Sendable: set before it is queued, and afterwards touched by the writer's thread only.
class QueuedWrite: @unchecked Sendable {
  let cancellation: Cancellation

  init(_ cancellation: Cancellation) { self.cancellation = cancellation }

  /// Starts the body on this thread, the one of `executor`.
  ///
  /// What an earlier run of it came to is forgotten. The body has finished when this returns, unless
  /// it suspended: whenever it is resumed, that is a
  /// job for this thread, which is busy here. (An await whose answer is there before the body gave
  /// its thread away does not suspend, is not noticed, and does no harm.)
  func start(_ transaction: SQLiteTransaction, on executor: any TaskExecutor) {}
  /// Whether the body has finished, and well.
  var state: WriteState { .suspended }
  /// Answers the caller with what the body gave.
  func resume() {}
  /// Answers the caller in the body's stead.
  func resume(throwing error: any Error) {}
}

enum WriteState { case suspended, succeeded, failed }

/// The write of one type of result.
final class TypedWrite<Result: Sendable>: QueuedWrite, @unchecked Sendable {
  private let body: @Sendable (any Transaction) async throws -> Result
  private let continuation: UnsafeContinuation<Result, any Error>
  private var outcome: Swift.Result<Result, any Error>?

  init(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result,
    _ cancellation: Cancellation, _ continuation: UnsafeContinuation<Result, any Error>
  ) {
    self.body = body
    self.continuation = continuation
    super.init(cancellation)
  }

  override func start(_ transaction: SQLiteTransaction, on executor: any TaskExecutor) {
    outcome = nil
    Task.immediate(executorPreference: executor) {
      let outcome: Swift.Result<Result, any Error>
      do {
        outcome = .success(try await self.body(transaction))
      } catch {
        outcome = .failure(error)
      }
      // A body that suspended was given up; what it says later is not heard.
      if transaction.isOpen { self.outcome = outcome }
      // It may be resumed after the database is gone: the thread's queue must still be there.
      withExtendedLifetime(executor) {}
    }
  }

  override var state: WriteState {
    switch outcome {
    case nil: .suspended
    case .success: .succeeded
    case .failure: .failed
    }
  }

  override func resume() {
    if let outcome { continuation.resume(with: outcome) }
  }

  override func resume(throwing error: any Error) { continuation.resume(throwing: error) }
}
