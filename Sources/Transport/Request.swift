/// A request as a handler sees it: its head, its body and what the router found in its path.
package struct Request: Sendable {
  package let method: Method
  /// The path of the target as it was sent, still percent-encoded, without the query.
  package let path: String
  /// The query without its question mark, still percent-encoded; nil when there is none.
  package let query: String?
  /// Unique for each request, or the caller's own `X-Request-Id` where that is well-formed.
  package let requestID: String
  /// The address of the client, such as `127.0.0.1`; what a declared proxy says where one asks.
  package let remoteAddress: String
  /// The client's connection is TLS: to this server, or to a declared proxy.
  package let isSecure: Bool
  package let head: any RequestHead
  /// The whole body; empty where the route streams it.
  package var body: [UInt8]
  /// The body of a route registered with `BodyPolicy.streamed`, else nil.
  package var bodyStream: (any BodyReader)?
  /// The values of the pattern's `{names}`, percent-decoded, in the pattern's order.
  package var parameters: [String]
  /// The monotonic clock when it may have come at the earliest, in nanoseconds; 0 where nobody knows.
  package var arrivedNanoseconds: UInt64 = 0
  /// The monotonic clock when its head was read, in nanoseconds; 0 where that is not now.
  package var readNanoseconds: UInt64 = 0

  package init(
    method: Method, path: String, query: String? = nil, requestID: String,
    remoteAddress: String, isSecure: Bool = false, head: any RequestHead, body: [UInt8] = [],
    bodyStream: (any BodyReader)? = nil, parameters: [String] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.requestID = requestID
    self.remoteAddress = remoteAddress
    self.isSecure = isSecure
    self.head = head
    self.body = body
    self.bodyStream = bodyStream
    self.parameters = parameters
  }

  /// The value of a header field; the first one where it is repeated.
  ///
  /// `name` is lower-case.
  package func header(_ name: StaticString) -> String? { head.field(name) }
}

/// The header fields of a request, kept in the form in which they came.
package protocol RequestHead: Sendable {
  /// The first field of that lower-case name, without surrounding space; nil when there is none or
  /// it is not UTF-8.
  func field(_ name: StaticString) -> String?
}

/// Header fields for requests that no connection brought: batch operations and tests.
package struct ListedHead: RequestHead {
  private let fields: [(name: String, value: String)]

  package init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

  package func field(_ name: StaticString) -> String? {
    let name = "\(name)"
    return fields.first { Headers.equal($0.name, name) }?.value
  }
}

/// Gives the pieces of a streamed request body.
package protocol BodyReader: Sendable {
  /// The next piece, or nil at the end. Throws when the client leaves, is too slow or sends more
  /// than the route allows.
  func next() async throws -> [UInt8]?
}
