import Queries
import RoostCore

/// A read that waits for, or runs on, a thread for long reads.
///
/// Sendable: the fields are set before it is queued, and afterwards by the thread that runs it.
class QueuedRead: @unchecked Sendable {
  let consistency: ReadConsistency
  /// Nil for an export.
  let milliseconds: Int?
  let cancellation: Cancellation
  fileprivate(set) var isFinished = false

  init(_ consistency: ReadConsistency, milliseconds: Int?, _ cancellation: Cancellation) {
    self.cancellation = cancellation
    self.consistency = consistency
    self.milliseconds = milliseconds
  }

  /// Starts the body on this thread; a body that suspends goes on by jobs of `executor`.
  func start(_ reader: SQLiteReader, on executor: any TaskExecutor) {}
  /// Answers the caller, once the body has finished.
  func resume() {}
  /// Answers the caller in the body's stead.
  func resume(throwing error: any Error) {}
}

/// The read of one type of result.
final class TypedRead<Result: Sendable>: QueuedRead, @unchecked Sendable {
  private let body: @Sendable (any Reader) async throws -> Result
  private let continuation: UnsafeContinuation<Result, any Error>
  private var outcome: Swift.Result<Result, any Error>?

  init(
    _ consistency: ReadConsistency, milliseconds: Int?,
    _ body: @escaping @Sendable (any Reader) async throws -> Result,
    _ cancellation: Cancellation, _ continuation: UnsafeContinuation<Result, any Error>
  ) {
    self.body = body
    self.continuation = continuation
    super.init(consistency, milliseconds: milliseconds, cancellation)
  }

  override func start(_ reader: SQLiteReader, on executor: any TaskExecutor) {
    // The task stays on the executor's thread, which waits for it.
    nonisolated(unsafe) let reader = reader
    Task.immediate(executorPreference: executor) {
      let outcome: Swift.Result<Result, any Error>
      do {
        outcome = .success(try await self.body(reader))
      } catch {
        outcome = .failure(error)
      }
      guard reader.isOpen else { return }
      self.outcome = outcome
      self.isFinished = true
    }
  }

  override func resume() {
    if let outcome { continuation.resume(with: outcome) }
  }

  override func resume(throwing error: any Error) { continuation.resume(throwing: error) }
}
