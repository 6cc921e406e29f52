/// Tells browsers to come over TLS alone (RFC 6797), where a request did.
package struct StrictTransport: AnswerMark {
  private let value: String

  package init(seconds: Int) { value = "max-age=\(seconds)" }

  package func refusal(of request: Request) -> Response? { nil }

  package func mark(_ response: inout Response, of request: Request) {
    if request.isSecure { response.headers.set("Strict-Transport-Security", value) }
  }
}
