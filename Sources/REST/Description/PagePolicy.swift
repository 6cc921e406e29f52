import Cryptography
import Transport

/// A page that stands alone: one style and one script inside of it, and no request to anybody else.
enum PagePolicy {
  /// The answer with a page, and the policy by which only this style and this script run.
  static func response(_ html: String, style: String, script: String) -> Response {
    var response = Response(
      status: 200, contentType: "text/html; charset=utf-8", body: .bytes(Array(html.utf8)))
    response.headers.set("Content-Security-Policy", policy(style: style, script: script))
    response.headers.set("Cache-Control", "no-store")
    response.headers.set("Referrer-Policy", "no-referrer")
    response.headers.set("X-Content-Type-Options", "nosniff")
    response.headers.set("Cross-Origin-Opener-Policy", "same-origin")
    return response
  }

  private static func policy(style: String, script: String) -> String {
    [
      "default-src 'none'", "script-src '\(hash(script))'", "style-src '\(hash(style))'",
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
