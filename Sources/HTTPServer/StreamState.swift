import Transport

/// What lies between a handler and a connection that stream a body in or an answer out.
///
/// Unchecked: it belongs to the connection's loop.
final class StreamState: @unchecked Sendable {
  /// Bytes that the request's body may have.
  let limit: Int
  private(set) var isBodyFinished: Bool
  private(set) var isClosed = false
  private var bodyError: (any Error)?
  private var queue: [UInt8] = []
  private var bodyWaiter: UnsafeContinuation<[UInt8]?, any Error>?
  private var writeWaiters: [UnsafeContinuation<Void, any Error>] = []

  init(limit: Int, hasBody: Bool) {
    self.limit = limit
    isBodyFinished = !hasBody
  }

  /// Whether more of the request's body can be taken: reading waits for the handler.
  var wantsBody: Bool {
    !isBodyFinished && bodyError == nil && queue.count < StreamState.queueBytes
  }

  var hasBodyFailed: Bool { bodyError != nil }

  private static let queueBytes = 65_536

  // MARK: The connection's side

  func append(_ piece: UnsafeRawBufferPointer) {
    if let waiter = bodyWaiter {
      bodyWaiter = nil
      waiter.resume(returning: Array(piece))
    } else {
      queue.append(contentsOf: piece)
    }
  }

  func finishBody() {
    isBodyFinished = true
    bodyWaiter?.resume(returning: nil)
    bodyWaiter = nil
  }

  /// Ends the body with an error; what was taken before is still given out.
  func failBody(_ error: any Error) {
    guard !isBodyFinished, bodyError == nil else { return }
    bodyError = error
    bodyWaiter?.resume(throwing: error)
    bodyWaiter = nil
  }

  /// There is room for more of the answer.
  func resumeWriters() {
    guard !writeWaiters.isEmpty else { return }
    let waiters = writeWaiters
    writeWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  /// The exchange is over, or the client has left.
  func close() {
    isClosed = true
    failBody(CancellationError())
    cancelWriters()
  }

  // MARK: The handler's side

  enum Taken {
    case piece([UInt8])
    case end
    case failed(any Error)
    case nothing
  }

  func take() -> Taken {
    if !queue.isEmpty {
      let piece = queue
      queue = []
      return .piece(piece)
    }
    if let bodyError { return .failed(bodyError) }
    return isBodyFinished ? .end : .nothing
  }

  func waitForBody(_ waiter: UnsafeContinuation<[UInt8]?, any Error>) {
    guard bodyWaiter == nil else {
      // Two readers of one body: the second is a programmer's bug that must not hang.
      waiter.resume(throwing: CancellationError())
      return
    }
    bodyWaiter = waiter
  }

  func cancelReader() {
    bodyWaiter?.resume(throwing: CancellationError())
    bodyWaiter = nil
  }

  func waitForRoom(_ waiter: UnsafeContinuation<Void, any Error>) { writeWaiters.append(waiter) }

  func cancelWriters() {
    let waiters = writeWaiters
    writeWaiters = []
    for waiter in waiters { waiter.resume(throwing: CancellationError()) }
  }
}
