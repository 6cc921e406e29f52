import HTTPClient
import Testing

@Suite("URLs of targets")
struct OutgoingURLTests {
  @Test(
    "A URL is taken apart",
    arguments: [
      ("https://example.org/a?b=c", "https://example.org:443", true),
      ("http://example.org", "http://example.org:80", false),
      ("https://Example.org:8443/x", "https://Example.org:8443", true),
      ("http://[::1]:9000/x", "http://[::1]:9000", false),
      ("http://127.0.0.1:9000", "http://127.0.0.1:9000", false),
    ])
  func takesApart(_ text: String, _ origin: String, _ isSecure: Bool) throws {
    let url = try OutgoingURL(text)
    #expect(url.origin.lowercased() == origin.lowercased())
    #expect(url.isSecure == isSecure)
    #expect(!url.description.contains("?"))
  }

  @Test(
    "What is no URL of a target is refused with the reason",
    arguments: [
      ("", "no URL"), ("example.org", "no URL"), ("/path", "no URL"),
      ("ftp://example.org/", "https://"), ("file:///etc/passwd", "no host behind 3 slashes"),
      ("gopher://example.org/", "https://"),
      ("https://user:word@example.org/", "user and password"),
      ("https://user@example.org/", "user and password"), ("https://example.org/#part", "fragment"),
      ("https://exa mple.org/", "ASCII"), ("https://example.org/\r\nX: y", "ASCII"),
      ("https://bücher.example/", "ASCII"), ("https://example.org:99999/", "no URL"),
      ("https:///path", "no host behind 3 slashes"), ("https:/path", "has one slash"),
      ("https://example.org:0/", "a port is a number from 1 to 65535"),
      ("https://" + String(repeating: "a", count: 2048), "2,048"),
    ])
  func refuses(_ text: String, _ reason: String) {
    let fault = #expect(throws: OutgoingURL.Fault.self) { try OutgoingURL(text) }
    #expect(fault?.reason.contains(reason) == true || reason.isEmpty, "\(fault?.reason ?? "")")
  }

  @Test(
    "Other ways to write this machine's address lead to it all the same",
    arguments: [
      "http://127.1/", "http://0x7f.0.0.1/", "http://2130706433/", "http://0177.0.0.1/",
    ])
  func knowsOtherForms(_ text: String) throws {
    // curl writes them in the usual form, so that the guard sees what a connection would go to.
    #expect(try OutgoingURL(text).host == "127.0.0.1")
  }
}
