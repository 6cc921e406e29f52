import Transport
import Wire

/// What a connection knows about the request that is in work.
struct Exchange {
  var layout = RequestHeadLayout()
  var requestID = ""
  /// No request came before on this connection.
  var isFirst = true
  /// The answer's head is written, and its body is streamed.
  var isStreamingAnswer = false
  /// The streamed answer is in chunks.
  var isChunked = false
  /// The connection stays open after the answer, as its head said.
  var keepsAlive = false
  /// The client waits for `100 Continue` before it sends the body.
  var awaitsContinue = false
  /// Bytes of the body so far.
  var received = 0
  /// Seconds in which the body was awaited.
  var bodySeconds = 0
  /// A request whose body is not here yet.
  var pending: PendingRequest?
  /// The halves of a body that is streamed in, or an answer that is streamed out.
  var streaming: StreamState?
}

/// A request that waits for the rest of its body.
final class PendingRequest {
  let request: Request
  let handler: Handler
  let limit: Int
  var body: [UInt8] = []

  init(request: Request, handler: @escaping Handler, limit: Int) {
    self.request = request
    self.handler = handler
    self.limit = limit
  }
}
