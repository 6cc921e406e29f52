/// The closed set of reasons for which Roost refuses something; each maps to one HTTP status.
///
/// The raw value is the stable name that clients match on (the last part of a problem's `type`).
package enum ErrorCode: String, Sendable, CaseIterable {
  case malformed
  case unauthenticated
  case forbidden
  case notFound = "not_found"
  case methodNotAllowed = "method_not_allowed"
  case notAcceptable = "not_acceptable"
  case timeout
  case conflict
  case gone
  case preconditionFailed = "precondition_failed"
  case payloadTooLarge = "payload_too_large"
  case targetTooLong = "target_too_long"
  case unsupportedMediaType = "unsupported_media_type"
  case rangeNotSatisfiable = "range_not_satisfiable"
  case expectationFailed = "expectation_failed"
  case invalid
  case failedDependency = "failed_dependency"
  case preconditionRequired = "precondition_required"
  case rateLimited = "rate_limited"
  case headTooLarge = "head_too_large"
  case internalError = "internal_error"
  case notImplemented = "not_implemented"
  case functionFailed = "function_failed"
  case overloaded
  case draining
  case functionUnavailable = "function_unavailable"
  case functionTimeout = "function_timeout"
  case versionNotSupported = "version_not_supported"
  case storageFull = "storage_full"

  /// The HTTP status of the answer.
  package var status: Int {
    switch self {
    case .malformed: 400
    case .unauthenticated: 401
    case .forbidden: 403
    case .notFound: 404
    case .methodNotAllowed: 405
    case .notAcceptable: 406
    case .timeout: 408
    case .conflict: 409
    case .gone: 410
    case .preconditionFailed: 412
    case .payloadTooLarge: 413
    case .targetTooLong: 414
    case .unsupportedMediaType: 415
    case .rangeNotSatisfiable: 416
    case .expectationFailed: 417
    case .invalid: 422
    case .failedDependency: 424
    case .preconditionRequired: 428
    case .rateLimited: 429
    case .headTooLarge: 431
    case .internalError: 500
    case .notImplemented: 501
    case .functionFailed: 502
    case .overloaded, .draining, .functionUnavailable: 503
    case .functionTimeout: 504
    case .versionNotSupported: 505
    case .storageFull: 507
    }
  }

  /// A short, constant summary of the kind of problem (the `title` of RFC 9457).
  package var title: String {
    switch self {
    case .malformed: "The request is malformed"
    case .unauthenticated: "Sign in first"
    case .forbidden: "Not allowed"
    case .notFound: "Not found"
    case .methodNotAllowed: "Method not allowed"
    case .notAcceptable: "Not acceptable"
    case .timeout: "The request took too long to arrive"
    case .conflict: "Conflict"
    case .gone: "Gone"
    case .preconditionFailed: "The record has changed"
    case .payloadTooLarge: "The body is too large"
    case .targetTooLong: "The target is too long"
    case .unsupportedMediaType: "Unsupported media type"
    case .rangeNotSatisfiable: "The document has no such part"
    case .expectationFailed: "Expectation failed"
    case .invalid: "Invalid input"
    case .failedDependency: "Another operation failed"
    case .preconditionRequired: "A precondition is required"
    case .rateLimited: "Too many requests"
    case .headTooLarge: "The request's head is too large"
    case .internalError: "Internal error"
    case .notImplemented: "Not implemented"
    case .overloaded: "The server is overloaded"
    case .draining: "The server is shutting down"
    case .functionFailed: "A function failed"
    case .functionUnavailable: "A function cannot be called now"
    case .functionTimeout: "A function took too long"
    case .versionNotSupported: "HTTP version not supported"
    case .storageFull: "Out of space"
    }
  }
}
