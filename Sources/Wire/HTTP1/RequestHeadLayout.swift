/// A request method by its token.
package enum MethodToken: UInt8, Sendable, BitwiseCopyable {
  case get, head, post, put, patch, delete, options
  /// Any other token.
  case other
}

/// Where a header field lies in the bytes of its head.
package struct FieldReference: Sendable, BitwiseCopyable, Equatable {
  package var nameStart: UInt16
  package var nameLength: UInt16
  package var valueStart: UInt16
  package var valueLength: UInt16
}

/// What a request's head says, as offsets into its bytes; the fields are in the parser.
package struct RequestHeadLayout: Sendable, BitwiseCopyable, Equatable {
  package var method = MethodToken.other
  /// The minor version: 1 for HTTP/1.1, 0 for HTTP/1.0.
  package var minorVersion: UInt8 = 1
  /// The client keeps the connection open after the answer.
  package var keepsAlive = true
  package var isChunked = false
  package var expectsContinue = false
  /// There is an expectation other than `100-continue`.
  package var hasUnknownExpectation = false
  package var pathStart: UInt16 = 0
  package var pathLength: UInt16 = 0
  package var queryStart: UInt16 = 0
  package var queryLength: UInt16 = 0
  package var hasQuery = false
  package var fieldCount: UInt16 = 0
  /// The index of the first `X-Request-Id`; `UInt16.max` when there is none.
  package var requestIDField = UInt16.max
  /// Bytes of the head with its empty line.
  package var length = 0
  /// The value of Content-Length; -1 when there is none.
  package var contentLength = -1

  package init() {}

  /// A body follows, even if an empty one.
  package var hasBody: Bool { isChunked || contentLength > 0 }
}
