package import RoostCore

/// Why a request's head is refused; after any of these the connection is closed, because where the
/// next request starts can no longer be told.
package enum HeadFault: Error, Sendable, Equatable, CaseIterable {
  case requestLine
  case target
  case targetTooLong
  case version
  case fieldName
  case fieldValue
  case headTooLarge
  case tooManyFields
  case missingHost
  case repeatedHost
  case host
  case contentLength
  case repeatedContentLength
  case bodyTooLarge
  case transferEncoding
  case unknownTransferEncoding
  case transferEncodingInOldVersion
  case twoLengths
  case asterisk

  /// The error to answer with.
  package var error: RoostError { RoostError(code, detail) }

  package var code: ErrorCode {
    switch self {
    case .targetTooLong: .targetTooLong
    case .version: .versionNotSupported
    case .headTooLarge, .tooManyFields: .headTooLarge
    case .bodyTooLarge: .payloadTooLarge
    case .unknownTransferEncoding: .notImplemented
    default: .malformed
    }
  }

  private var detail: String {
    switch self {
    case .requestLine: "The request line is not of the form `GET /path HTTP/1.1`."
    case .target: "The target must be a path such as `/v1/items`, in percent-encoded ASCII."
    case .targetTooLong: "The target is too long: send long input in a body."
    case .version: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
    case .fieldName:
      "A header field's name must be a token followed by a colon, with no space around it."
    case .fieldValue:
      "A header field's value has a control character, or its line does not end in CRLF."
    case .headTooLarge: "The header fields are too large together."
    case .tooManyFields: "There are too many header fields."
    case .missingHost: "HTTP/1.1 needs a Host field."
    case .repeatedHost: "There is more than one Host field."
    case .host: "The Host field is not a host name or address with an optional port."
    case .contentLength: "Content-Length must be a number of bytes in decimal digits."
    case .repeatedContentLength: "There is more than one Content-Length."
    case .bodyTooLarge: "The body is too large."
    case .transferEncoding: "Transfer-Encoding must be `chunked`, once."
    case .unknownTransferEncoding: "The only transfer coding that is understood is `chunked`."
    case .transferEncodingInOldVersion: "HTTP/1.0 has no Transfer-Encoding."
    case .twoLengths: "A request has either Content-Length or Transfer-Encoding, not both."
    case .asterisk: "The target `*` is for OPTIONS only."
    }
  }
}
