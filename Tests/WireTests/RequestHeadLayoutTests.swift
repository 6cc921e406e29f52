import Testing
import Wire

@Suite("What a head says")
struct RequestHeadLayoutTests {
  private func layout(_ text: String) throws -> RequestHeadLayout {
    guard case .complete(let layout) = HeadCase.parse(Array(text.utf8)) else {
      throw Failure()
    }
    return layout
  }

  struct Failure: Error {}

  private func slice(_ text: String, _ start: UInt16, _ length: UInt16) -> String {
    String(decoding: Array(text.utf8)[Int(start)..<Int(start + length)], as: UTF8.self)
  }

  @Test(
    "A target has a path and a query",
    arguments: [
      ("/a/b?c=d", "/a/b", "c=d"), ("/a", "/a", nil), ("/a?", "/a", ""), ("/?a?b", "/", "a?b"),
      ("http://h/a/b?c", "/a/b", "c"), ("http://h?c", "", "c"), ("https://h:1/x", "/x", nil),
    ] as [(String, String, String?)])
  func targets(target: String, path: String, query: String?) throws {
    let text = "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
    let layout = try layout(text)
    #expect(slice(text, layout.pathStart, layout.pathLength) == path)
    #expect(layout.hasQuery == (query != nil))
    if let query { #expect(slice(text, layout.queryStart, layout.queryLength) == query) }
    #expect(layout.length == text.utf8.count)
  }

  @Test(
    "A connection is kept or closed",
    arguments: [
      ("1.1", "", true), ("1.0", "", false), ("1.1", "Connection: close\r\n", false),
      ("1.1", "Connection: keep-alive\r\n", true), ("1.0", "Connection: keep-alive\r\n", true),
      ("1.0", "Connection: Keep-Alive\r\n", true), ("1.1", "connection: CLOSE\r\n", false),
      ("1.1", "Connection: a, close , b\r\n", false), ("1.1", "Connection: closed\r\n", true),
      ("1.1", "Connection: a\r\nConnection: close\r\n", false),
      ("1.0", "Connection: keep-alive, close\r\n", false),
    ])
  func persistence(version: String, field: String, keeps: Bool) throws {
    #expect(try layout("GET / HTTP/\(version)\r\nHost: a\r\n\(field)\r\n").keepsAlive == keeps)
  }

  @Test(
    "An expectation is known, unknown, or ignored in HTTP/1.0",
    arguments: [
      ("1.1", "100-continue", true, false), ("1.1", "100-Continue", true, false),
      ("1.1", "200-ok", false, true), ("1.1", "", false, true),
      ("1.0", "100-continue", false, false),
      ("1.0", "x", false, false),
    ])
  func expectations(version: String, value: String, known: Bool, unknown: Bool) throws {
    let layout = try layout("GET / HTTP/\(version)\r\nHost: a\r\nExpect: \(value)\r\n\r\n")
    #expect(layout.expectsContinue == known)
    #expect(layout.hasUnknownExpectation == unknown)
  }

  @Test(
    "A body has a length, or chunks, or is not there",
    arguments: [
      ("", -1, false, false), ("Content-Length: 0\r\n", 0, false, false),
      ("Content-Length: 12\r\n", 12, false, true),
      ("Transfer-Encoding: chunked\r\n", -1, true, true),
    ])
  func bodies(field: String, length: Int, chunked: Bool, hasBody: Bool) throws {
    let layout = try layout("POST / HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
    #expect(layout.contentLength == length)
    #expect(layout.isChunked == chunked)
    #expect(layout.hasBody == hasBody)
  }

  @Test(
    "Methods are told by their exact token",
    arguments: [
      ("GET", MethodToken.get), ("HEAD", .head), ("POST", .post), ("PUT", .put),
      ("PATCH", .patch), ("DELETE", .delete), ("OPTIONS", .options), ("get", .other),
      ("GOT", .other), ("PAST", .other), ("TRACE", .other), ("DELETED", .other), ("X", .other),
    ])
  func methods(token: String, method: MethodToken) throws {
    #expect(try layout("\(token) / HTTP/1.1\r\nHost: a\r\n\r\n").method == method)
  }

  @Test("Fields are found without the space around their values")
  func fields() throws {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id:  abc \t\r\nB:\r\n\r\n"
    let parser = RequestHeadParser(headBytes: 16_384, fields: 100, targetBytes: 8192)
    guard case .complete(let layout) = parser.parse(Array(text.utf8).span) else {
      throw Failure()
    }
    #expect(layout.fieldCount == 3)
    #expect(layout.requestIDField == 1)
    let field = parser.fields[1]
    #expect(slice(text, field.nameStart, field.nameLength) == "X-Request-Id")
    #expect(slice(text, field.valueStart, field.valueLength) == "abc")
    #expect(parser.fields[2].valueLength == 0)
  }
}
