import Cryptography
import Transport

/// A page that stands alone: one style and one script inside of it, and no request to anybody else.
enum PagePolicy {
  /// The answer with a page, and the policy by which only this style and this script run.
  ///
  /// Without a script none runs at all.
  static func response(
    _ html: String, style: String, script: String? = nil, status: Int = 200
  ) -> Response {
    var response = Response(
      status: status, contentType: "text/html; charset=utf-8", body: .bytes(Array(html.utf8)))
    response.headers = headers(style: style, script: script)
    response.headers.set("Cache-Control", "no-store")
    return response
  }

  /// A page that holds nothing private, and may be kept by whoever asks whether it has changed.
  static func document(_ html: String, style: String, script: String) -> StaticDocument {
    let bytes = Array(html.utf8)
    var headers = headers(style: style, script: script)
    headers.set("Cache-Control", "no-cache")
    return StaticDocument(
      bytes, contentType: "text/html; charset=utf-8", digest: DocumentDigest.of(bytes),
      headers: headers)
  }

  /// Every answer of the server forbids to guess types and to send a Referer; this is for pages.
  private static func headers(style: String, script: String?) -> Headers {
    var headers = Headers()
    headers.set("Content-Security-Policy", policy(style: style, script: script))
    headers.set("Cross-Origin-Opener-Policy", "same-origin")
    return headers
  }

  private static func policy(style: String, script: String?) -> String {
    [
      "default-src 'none'", "script-src \(script.map { "'\(hash($0))'" } ?? "'none'")",
      "style-src '\(hash(style))'",
      "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
      "frame-ancestors 'none'",
    ].joined(separator: "; ")
  }

  /// The source expression of an inline element (CSP level 2, section 4.2.4).
  private static func hash(_ text: String) -> String {
    // 32 bytes leave one byte over a multiple of three: one sign of padding.
    "sha256-" + Base64.encode(SHA256.digest(Array(text.utf8)), .standard) + "="
  }
}
