import Synchronization
import Transport

/// Reads a request's body from its connection, on whatever thread the handler is.
struct ConnectionBodyReader: BodyReader {
  let connection: Connection
  let state: StreamState
  /// Held, since a connection does not hold its loop and whoever keeps this may outlive both.
  let loop: EventLoop

  func next() async throws -> [UInt8]? {
    let flag = CancellationFlag()
    let (connection, state, loop) = (connection, state, loop)
    return try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation { waiter in
        loop.perform { connection.read(state, flag, waiter) }
      }
    } onCancel: {
      flag.isSet.store(true, ordering: .sequentiallyConsistent)
      loop.perform { state.cancelReader() }
    }
  }
}

/// The body of a request that has none, for a route that streams.
struct EmptyBody: BodyReader {
  func next() async throws -> [UInt8]? { nil }
}

/// Set before the loop hears of a cancellation, so that one that overtakes the wait is seen.
final class CancellationFlag: Sendable {
  let isSet = Atomic<Bool>(false)
}

extension Connection {
  /// Gives the next piece of the body to `waiter`, or keeps it until there is one.
  func read(
    _ state: StreamState, _ flag: CancellationFlag,
    _ waiter: UnsafeContinuation<[UInt8]?, any Error>
  ) {
    switch state.take() {
    case .piece(let piece):
      waiter.resume(returning: piece)
      // There is room again.
      settle()
    case .end: waiter.resume(returning: nil)
    case .failed(let error): waiter.resume(throwing: error)
    case .nothing:
      if flag.isSet.load(ordering: .sequentiallyConsistent) {
        waiter.resume(throwing: CancellationError())
        return
      }
      state.waitForBody(waiter)
      if exchange.streaming === state, exchange.awaitsContinue, !exchange.isStreamingAnswer {
        sendContinue()
      }
      settle()
    }
  }
}
