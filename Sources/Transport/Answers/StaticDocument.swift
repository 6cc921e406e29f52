import RoostCore

/// Bytes that stay as they are, such as a page or a description: answered with an entity tag, by
/// conditions and in ranges (RFC 9110 sections 13 and 14).
package struct StaticDocument: Sendable {
  /// What an entity tag ends in where the bytes were packed: another representation, another tag.
  package static let packedSuffix = "-gzip"

  private let bytes: [UInt8]
  /// The strong tag with its quotes.
  private let tag: String
  private let contentType: StaticString
  private let headers: Headers

  /// `digest` tells these bytes from others; `headers` go with every answer.
  package init(
    _ bytes: [UInt8], contentType: StaticString, digest: String, headers: Headers = Headers()
  ) {
    self.bytes = bytes
    self.contentType = contentType
    self.headers = headers
    tag = "\"" + digest + "\""
  }

  package func answer(_ request: Request) -> Response {
    var response = Response(status: 200, contentType: contentType, headers: headers)
    response.headers.set("ETag", tag)
    response.headers.set("Accept-Ranges", "bytes")
    if let condition = request.header("if-match"),
      !StaticDocument.holds(condition, tag, weakly: false)
    {
      return .problem(
        RoostError(.preconditionFailed, "The document is another one than If-Match names."),
        requestID: request.requestID)
    }
    if let condition = request.header("if-none-match"),
      StaticDocument.holds(condition, tag, weakly: true)
    {
      return Response(status: 304, headers: response.headers)
    }
    let range = request.method == .get && isCurrent(request) ? request.header("range") : nil
    switch ByteRange(range, of: bytes.count) {
    case .whole: response.body = .bytes(bytes)
    case .part(let part):
      response.status = 206
      response.headers.set(
        "Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(bytes.count)")
      response.body = .bytes(Array(bytes[part]))
    case .unsatisfiable:
      response = .problem(
        RoostError(.rangeNotSatisfiable, "The document has \(bytes.count) bytes."),
        requestID: request.requestID)
      response.headers.set("Content-Range", "bytes */\(bytes.count)")
    }
    return response
  }

  /// Whether a range may be answered: there is no `If-Range`, or it names these very bytes.
  private func isCurrent(_ request: Request) -> Bool {
    request.header("if-range").map { $0 == tag } ?? true
  }

  /// Whether a list of tags names `tag`, packed or not, or is `*`.
  package static func holds(_ condition: String, _ tag: String, weakly: Bool) -> Bool {
    if condition == "*" { return true }
    let packed = packedTag(tag)
    for element in condition.split(separator: ",") {
      var text = element.drop { $0 == " " || $0 == "\t" }
      while text.last == " " || text.last == "\t" { text.removeLast() }
      if text.hasPrefix("W/") {
        guard weakly else { continue }
        text = text.dropFirst(2)
      }
      if text == tag || text == packed { return true }
    }
    return false
  }

  /// The tag of the same document, packed.
  package static func packedTag(_ tag: String) -> String {
    guard tag.hasSuffix("\"") else { return tag }
    return tag.dropLast() + packedSuffix + "\""
  }
}
