import Queries
import RoostCore

/// The `Reader` of a read, as the thread that runs it sees it.
protocol ReadingEnd: Reader, AnyObject {
  /// Cleared when the driver has given up on the body.
  var isOpen: Bool { get }
}

/// A read that waits for, or runs on, a reader's thread.
///
/// Sendable: the fields are set before it is queued, and afterwards by the thread that runs it.
class QueuedRead: @unchecked Sendable {
  let consistency: ReadConsistency
  /// Nil for an export.
  let milliseconds: Int?
  let cancellation: Cancellation
  /// Where it is told how far the server was; nil where nobody asks.
  let report: ReadReport?
  /// Called on the thread when the body has finished.
  var onFinish: (() -> Void)?
  fileprivate(set) var isFinished = false
  /// When it began to wait for a connection of its own, of the monotonic clock in nanoseconds.
  var queuedAt: UInt64 = 0
  /// It took long once already: where its body limits its work, the rows that it looks at are counted.
  var countsRows = false

  init(
    _ consistency: ReadConsistency, milliseconds: Int?, _ report: ReadReport?,
    _ cancellation: Cancellation
  ) {
    self.report = report
    self.cancellation = cancellation
    self.consistency = consistency
    self.milliseconds = milliseconds
  }

  /// Starts the body on this thread, afresh; a body that suspends goes on by jobs of `executor`.
  func start(_ reader: any ReadingEnd, on executor: any TaskExecutor) {}
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
    _ consistency: ReadConsistency, milliseconds: Int?, _ report: ReadReport?,
    _ body: @escaping @Sendable (any Reader) async throws -> Result,
    _ cancellation: Cancellation, _ continuation: UnsafeContinuation<Result, any Error>
  ) {
    self.body = body
    self.continuation = continuation
    super.init(consistency, milliseconds: milliseconds, report, cancellation)
  }

  override func start(_ reader: any ReadingEnd, on executor: any TaskExecutor) {
    outcome = nil
    isFinished = false
    report?.begin()
    // The task stays on the executor's thread.
    nonisolated(unsafe) let reader = reader
    Task.immediate(executorPreference: executor) {
      let outcome: Swift.Result<Result, any Error>
      do {
        outcome = .success(try await self.body(reader))
      } catch {
        outcome = .failure(error)
      }
      // It may be resumed after the database is gone: the thread's queue must still be there.
      defer { withExtendedLifetime(executor) {} }
      guard reader.isOpen else { return }
      self.outcome = outcome
      self.isFinished = true
      self.onFinish?()
    }
  }

  override func resume() {
    if let outcome { continuation.resume(with: outcome) }
  }

  override func resume(throwing error: any Error) { continuation.resume(throwing: error) }
}
