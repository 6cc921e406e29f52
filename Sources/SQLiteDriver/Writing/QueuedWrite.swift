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
  /// Answers the caller with what the body came to.
  ///
  /// A closure holds that, since a property of the type `Result` would ask the runtime for its
  /// type, thousands of instructions a write.
  private var answer: (() -> Void)?
  private var outcome = WriteState.suspended

  init(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result,
    _ cancellation: Cancellation, _ continuation: UnsafeContinuation<Result, any Error>
  ) {
    self.body = body
    self.continuation = continuation
    super.init(cancellation)
  }

  override func start(_ transaction: SQLiteTransaction, on executor: any TaskExecutor) {
    answer = nil
    outcome = .suspended
    Task.immediate(executorPreference: executor) {
      let continuation = self.continuation
      do {
        let result = try await self.body(transaction)
        if transaction.isOpen {
          self.finish(.succeeded) { continuation.resume(returning: result) }
        }
      } catch {
        if transaction.isOpen { self.finish(.failed) { continuation.resume(throwing: error) } }
      }
      // It may be resumed after the database is gone: the thread's queue must still be there.
      withExtendedLifetime(executor) {}
    }
  }

  /// Notes what an open transaction's body came to; a body that suspended was given up, and what it
  /// says later is not heard.
  private func finish(_ outcome: WriteState, _ answer: @escaping () -> Void) {
    self.outcome = outcome
    self.answer = answer
  }

  override var state: WriteState { outcome }

  override func resume() { answer?() }

  override func resume(throwing error: any Error) { continuation.resume(throwing: error) }
}
