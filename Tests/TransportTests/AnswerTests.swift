import Testing
import Transport

@Suite struct AnswerTests {
  @Test(arguments: [
    ("gzip", true), ("x-gzip", true), ("*", true), ("gzip;q=0.001", true),
    ("br;q=1, gzip;q=0.2", true), ("gzip;q=0.5, identity;q=0.5", true), ("gzip; Q=1.000", true),
    ("", false), ("identity", false), ("gzip;q=0", false), ("*;q=0", false), ("gzip;q=0, *", false),
    ("gzip;q=0.4, identity", false), ("gzip;q=1.001", false), ("gzip;q=.5", false),
    ("gzip;q", false), ("gzip;q=0.0001", false), ("xgzip", false),
  ]) func gzipIsTakenOrNot(field: String, isTaken: Bool) {
    #expect(AcceptedCodings.takesGzip(field) == isTaken)
  }

  @Test(
    arguments: [
      (nil, .whole), ("bytes=0-0", .part(0..<1)), ("bytes=0-9", .part(0..<10)),
      ("bytes=5-", .part(5..<10)), ("bytes=-3", .part(7..<10)), ("bytes=-99", .part(0..<10)),
      ("bytes=0-99999999999999999999", .part(0..<10)), ("bytes=10-", .unsatisfiable),
      ("bytes=-0", .unsatisfiable), ("bytes=99999999999999999999-", .unsatisfiable),
      ("bytes=5-4", .whole), ("bytes=0-1,2-3", .whole), ("bytes=-", .whole), ("bytes=", .whole),
      ("items=0-1", .whole), ("bytes=0--1", .whole), ("bytes=+0-1", .whole),
    ] as [(String?, ByteRange)]) func aRangeIsAPartOrNot(field: String?, range: ByteRange)
  {
    #expect(ByteRange(field, of: 10) == range)
  }

  @Test func anEmptyDocumentHasNoParts() {
    #expect(ByteRange("bytes=0-", of: 0) == .unsatisfiable)
    #expect(ByteRange("bytes=-1", of: 0) == .unsatisfiable)
  }

  @Test(arguments: [
    ("https://app.example", true), ("https://app.example:8443", true),
    ("http://localhost:5173, capacitor://localhost", true), ("http://[::1]:80800", true),
    ("", true),
    ("*", false), ("null", false), ("app.example", false), ("https://app.example/", false),
    ("https://App.example", false), ("HTTPS://app.example", false), ("https://", false),
    ("https://app.example:443", false), ("http://app.example:80", false),
    ("https://*.app.example", false), ("https://user@app.example", false),
    ("https://app.example?x", false), ("https:/app.example", false),
  ]) func originsAreWrittenAsBrowsersWriteThem(list: String, areTaken: Bool) {
    #expect((CrossOrigin.origins(list) != nil) == areTaken)
  }

  @Test(arguments: [
    ("\"a\"", true, true), ("\"a-gzip\"", true, true), ("W/\"a\"", false, true),
    ("\"b\", \"a\"", true, true), ("*", true, true), ("\"b\"", false, false), ("a", false, false),
    ("\"A\"", false, false), ("\"a-gzip", false, false), ("", false, false),
  ]) func tagsAreComparedStronglyAndWeakly(condition: String, strongly: Bool, weakly: Bool) {
    #expect(StaticDocument.holds(condition, "\"a\"", weakly: false) == strongly)
    #expect(StaticDocument.holds(condition, "\"a\"", weakly: true) == weakly)
  }
}
