package import RoostCore

/// An answer to a request.
///
/// The server adds Date, Content-Length or chunks, Connection and X-Request-Id by itself.
package struct Response: Sendable {
  package var status: Int
  package var headers: Headers
  package var contentType: StaticString?
  package var body: Body
  /// How long it was held back because its request had asked to wait for something to tell; not
  /// counted in how long requests take.
  package var waitedNanoseconds: UInt64 = 0

  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// Written piece by piece; each `write` waits until the client has taken enough of what is
    /// buffered, and throws when the client is gone.
    case stream(@Sendable (any BodyWriter) async throws -> Void)
  }

  package init(
    status: Int, contentType: StaticString? = nil, headers: Headers = Headers(), body: Body = .none
  ) {
    self.status = status
    self.headers = headers
    self.contentType = contentType
    self.body = body
  }

  /// A JSON answer from bytes that are JSON already.
  package static func json(_ bytes: [UInt8], status: Int = 200) -> Response {
    Response(status: status, contentType: "application/json", body: .bytes(bytes))
  }

  package static func text(_ text: String, status: Int = 200) -> Response {
    Response(
      status: status, contentType: "text/plain; charset=utf-8", body: .bytes(Array(text.utf8)))
  }

  /// The problem document of `error`.
  package static func problem(_ error: RoostError, requestID: String) -> Response {
    var response = Response(
      status: error.code.status, contentType: Problem.mediaType,
      body: .bytes(Problem.document(error, requestID: requestID)))
    if let seconds = error.retryAfterSeconds {
      response.headers.set("Retry-After", String(seconds))
    }
    if error.code == .unauthenticated { response.headers.set("WWW-Authenticate", "Bearer") }
    return response
  }
}

/// Takes the pieces of a streamed body.
package protocol BodyWriter: Sendable {
  func write(_ bytes: [UInt8]) async throws
}
