import RoostCore
import Synchronization
import Transport
import Wire

/// Writes a streamed answer to its connection, from whatever thread the handler is on.
struct ConnectionBodyWriter: BodyWriter {
  let connection: Connection
  let state: StreamState
  /// Held, since a connection does not hold its loop and whoever keeps this may outlive both.
  let loop: EventLoop

  func write(_ bytes: [UInt8]) async throws {
    guard !bytes.isEmpty else { return }
    let flag = CancellationFlag()
    let (connection, state, loop) = (connection, state, loop)
    try await withTaskCancellationHandler {
      try await withUnsafeThrowingContinuation {
        (waiter: UnsafeContinuation<Void, any Error>) in
        loop.perform { connection.writePiece(bytes, state, flag, waiter) }
      }
    } onCancel: {
      flag.isSet.store(true, ordering: .sequentiallyConsistent)
      loop.perform { state.cancelWriters() }
    }
  }
}

extension Connection {
  /// Sends an answer whose body the handler goes on to write.
  func stream(
    _ response: Response, _ produce: @Sendable (any BodyWriter) async throws -> Void
  ) async {
    guard phase == .handling, let state = startStream(response) else { return }
    do {
      try await produce(ConnectionBodyWriter(connection: self, state: state, loop: loop))
      endStream(state)
    } catch {
      abortStream(state, error)
    }
  }

  /// Writes the head; nil where no body follows.
  private func startStream(_ response: Response) -> StreamState? {
    let isOld = exchange.layout.minorVersion == 0
    let hasNoBody =
      exchange.layout.method == .head || response.status == 204 || response.status == 304
    let keeps = keepsAliveAfter(response) && (!isOld || hasNoBody)
    exchange.keepsAlive = keeps
    exchange.isChunked = !isOld
    writeHead(response, hasNoBody || isOld ? .untilClose : .chunked, closes: !keeps)
    if hasNoBody {
      finishExchange(keeps && canPassBody)
      settle()
      return nil
    }
    exchange.isStreamingAnswer = true
    let state = exchange.streaming ?? StreamState(limit: 0, hasBody: false)
    exchange.streaming = state
    flush()
    return phase == .closed ? nil : state
  }

  /// Queues a piece of the answer; `waiter` goes on when there is room for more.
  func writePiece(
    _ bytes: [UInt8], _ state: StreamState, _ flag: CancellationFlag,
    _ waiter: UnsafeContinuation<Void, any Error>
  ) {
    guard phase == .handling, !state.isClosed, !flag.isSet.load(ordering: .sequentiallyConsistent)
    else {
      waiter.resume(throwing: CancellationError())
      return
    }
    if exchange.isChunked { ResponseHeadWriter.writeChunkHead(bytes.count, to: &output) }
    output.append(bytes)
    if exchange.isChunked { output.append("\r\n") }
    flush()
    if phase == .closed {
      waiter.resume(throwing: CancellationError())
    } else if pendingOutput < Connection.streamBytes {
      waiter.resume()
    } else {
      state.waitForRoom(waiter)
    }
    settle()
  }

  private func endStream(_ state: StreamState) {
    guard phase == .handling, exchange.streaming === state else { return }
    if exchange.isChunked { output.append("0\r\n\r\n") }
    finishExchange(exchange.keepsAlive && canPassBody)
    settle()
  }

  /// The answer cannot be told to be whole any more: the client sees it cut off.
  private func abortStream(_ state: StreamState, _ error: any Error) {
    guard phase == .handling, exchange.streaming === state else { return }
    if !(error is CancellationError) {
      loop.ambient.logger.error(
        "a streamed answer failed",
        [
          ("requestId", .string(exchange.requestID)), ("error", .string(String(describing: error))),
        ])
    }
    close()
  }
}
