/// Lets the pages of named origins call the server from browsers (CORS, as the Fetch standard has it).
///
/// Origins are compared as a whole, byte by byte. Nothing is said to any other origin, so that
/// browsers keep the answers from its pages.
package struct CrossOrigin: AnswerMark {
  private static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
  private static let taken = [
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range",
    "Range", "Roost-Position", "Roost-Version", "X-Request-Id",
  ].joined(separator: ", ")
  private static let shown = [
    "Accept-Ranges", "Allow", "Content-Range", "Deprecation", "ETag", "Idempotent-Replayed", "Link",
    "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Roost-Compatibility", "Roost-Lost",
    "Roost-Position", "Roost-Refreshed-At", "Roost-Version", "Sunset", "WWW-Authenticate",
    "X-Request-Id",
  ].joined(separator: ", ")

  private let origins: Set<String>
  private let allowsCredentials: Bool
  private let maximumAge: String

  package init(origins: Set<String>, allowsCredentials: Bool, maximumAgeSeconds: Int) {
    self.origins = origins
    self.allowsCredentials = allowsCredentials
    maximumAge = String(maximumAgeSeconds)
  }

  /// Answers the question of a browser whether it may send a request.
  package func refusal(of request: Request) -> Response? {
    guard request.method == .options, request.header("access-control-request-method") != nil,
      let origin = request.header("origin"), origins.contains(origin)
    else { return nil }
    var response = Response(status: 204)
    response.headers.set("Access-Control-Allow-Methods", CrossOrigin.methods)
    response.headers.set("Access-Control-Allow-Headers", CrossOrigin.taken)
    response.headers.set("Access-Control-Max-Age", maximumAge)
    return response
  }

  package func mark(_ response: inout Response, of request: Request) {
    // Also where there is no Origin: a cache must not give that answer to a page.
    response.headers.add("Vary", "Origin")
    guard let origin = request.header("origin"), origins.contains(origin) else { return }
    response.headers.set("Access-Control-Allow-Origin", origin)
    if allowsCredentials { response.headers.set("Access-Control-Allow-Credentials", "true") }
    if request.method != .options {
      response.headers.set("Access-Control-Expose-Headers", CrossOrigin.shown)
    }
  }

  /// The origins of a list with commas or spaces; nil where one of them is none: a scheme, a host in
  /// lower case and a port that is not the scheme's own, as browsers write it.
  package static func origins(_ list: String) -> Set<String>? {
    var origins: Set<String> = []
    for part in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
      guard isOrigin(part) else { return nil }
      origins.insert(String(part))
    }
    return origins
  }

  private static func isOrigin(_ text: Substring) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return false }
    let scheme = text[..<colon]
    // Apps in a shell have schemes of their own, such as capacitor://localhost.
    guard let first = scheme.utf8.first, first &- 0x61 < 26,
      scheme.utf8.allSatisfy({
        $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
      })
    else { return false }
    let rest = text[colon...]
    guard rest.hasPrefix("://") else { return false }
    let host = rest.dropFirst(3)
    guard !host.isEmpty, host.utf8.count <= 255,
      host.utf8.allSatisfy({
        $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x2D || $0 == 0x2E || $0 == 0x3A || $0 == 0x5B
          || $0 == 0x5D || $0 == 0x5F
      })
    else { return false }
    return
      !(scheme == "https" && host.hasSuffix(":443") || scheme == "http" && host.hasSuffix(":80"))
  }
}
