/// A request to another server.
package struct OutgoingRequest: Sendable {
  package var method: String
  package var url: OutgoingURL
  /// Names and values; neither holds a line break.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// From the call to the last byte of the answer, the lookup of the name included.
  package var timeoutMilliseconds: Int64 = 10_000
  package var connectMilliseconds: Int64 = 5_000
  /// The longest answer, without its head.
  package var answerBytes: Int = 1_048_576

  package init(
    _ method: String, _ url: OutgoingURL, headers: [(name: String, value: String)] = [],
    body: [UInt8] = []
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// What another server answered; its status is not that of a redirect.
package struct OutgoingResponse: Sendable {
  package let status: Int
  /// Names in lower case, in the order of the answer.
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]

  package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The first header of a name in lower case.
  package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// Why there is no answer that can be used.
///
/// `reason` says it in words, is safe to show, and names hosts and addresses but no paths.
package struct OutgoingFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case unresolved
    /// The name leads to an address that is not public.
    case refusedAddress = "refused_address"
    case unreachable
    /// The server's certificate or its TLS is not right.
    case untrusted
    case timedOut = "timed_out"
    case tooLarge = "too_large"
    case redirected
    /// The connection ended in the middle, or what came is not HTTP.
    case brokenOff = "broken_off"
    case cancelled
    /// Too much is under way here.
    case overloaded
  }

  package let kind: Kind
  package let reason: String

  package init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  package var description: String { reason }

  /// Whether the same request may succeed later.
  package var isPassing: Bool {
    switch kind {
    case .tooLarge, .redirected: false
    default: true
    }
  }

  /// What it says about the target.
  package var outcome: Breaker.Outcome {
    switch kind {
    case .cancelled, .overloaded: .neutral
    // It answers; what it answers is another matter.
    case .tooLarge, .redirected: .success
    default: .failure
    }
  }
}
