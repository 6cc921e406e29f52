import RoostCore
import Testing

@Suite struct JSONReaderTests {
  @Test(
    arguments: [
      ("0", JSON.int(0)), ("-1", .int(-1)), ("9223372036854775807", .int(.max)),
      ("-9223372036854775808", .int(.min)),
      ("9223372036854775808", .double(9_223_372_036_854_775_808)),
      ("1e2", .double(100)), ("1e300", .double(1e300)), (" [1, 2] ", [1, 2]),
      ("\"\\ud83d\\ude00\"", "😀"),
      ("{\"a\":{\"b\":null}}", ["a": ["b": nil]]), ("\"\\u0000\"", "\0"),
    ] as [(String, JSON)]) func readsWhatIsValid(text: String, expected: JSON) throws
  {
    #expect(try JSON.parse(text: text) == expected)
  }

  @Test func keepsTheSignOfMinusZero() throws {
    guard case .double(let value) = try JSON.parse(text: "-0") else {
      Issue.record("not a double")
      return
    }
    #expect(value == 0 && value.sign == .minus)
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "nul", "tru",
    "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\u{1}\"",
    "{\"a\":1,\"a\":2}", "1 2", "1e400", "NaN", "Infinity", "// c\n1", "'a'", "\u{FEFF}1",
    "{\"a\" 1}", "[1 2]", "\"a\nb\"",
  ]) func refusesWhatIsNot(text: String) {
    #expect(throws: JSONError.self) { try JSON.parse(text: text) }
  }

  @Test func refusesInvalidUTF8() {
    #expect(throws: JSONError.self) { try JSON.parse([34, 0xFF, 34]) }
    #expect(throws: JSONError.self) { try JSON.parse([34, 0xC0, 0x80, 34]) }
    #expect(throws: JSONError.self) { try JSON.parse([34, 0xED, 0xA0, 0x80, 34]) }
  }

  @Test func refusesDepthBeyondTheLimitWithoutRecursing() throws {
    _ = try JSON.parse(text: String(repeating: "[", count: 32) + String(repeating: "]", count: 32))
    #expect(throws: JSONError.self) {
      try JSON.parse(text: String(repeating: "[", count: 33) + String(repeating: "]", count: 33))
    }
    #expect(throws: JSONError.self) { try JSON.parse(text: String(repeating: "[", count: 100_000)) }
  }

  @Test func findsDuplicatesAmongManyMembers() throws {
    let members = (0..<500).map { "\"k\($0)\":\($0)" }
    let document = try JSON.parse(text: "{" + members.joined(separator: ",") + "}")
    #expect(document["k499"] == 499)
    #expect(throws: JSONError.self) {
      try JSON.parse(text: "{" + (members + ["\"k3\":1"]).joined(separator: ",") + "}")
    }
  }

  /// Names are compared one by one up to a number of them, and by a set beyond.
  @Test(arguments: [1, 2, 8, 16, 31, 32, 33, 34, 64])
  func findsADuplicateOfEachMember(among count: Int) throws {
    let members = (0..<count).map { "\"k\($0)\":\($0)" }
    let object = try JSON.parse(text: "{" + members.joined(separator: ",") + "}").object
    #expect(object?.members.map(\.key) == (0..<count).map { "k\($0)" })
    for name in 0..<count {
      #expect(throws: JSONError.self) {
        try JSON.parse(text: "{" + (members + ["\"k\(name)\":1"]).joined(separator: ",") + "}")
      }
    }
  }

  @Test func saysWhereTheFaultIs() {
    #expect {
      try JSON.parse(text: "{\n  \"a\": 1,\n  \"a\": 2\n}")
    } throws: { error in
      let fault = error as? JSONError
      return fault?.line == 3 && fault?.column == 3 && fault?.reason.contains("\"a\"") == true
    }
  }

  @Test func writesWhatItReads() throws {
    let text = #"{"a":[1,-2,1.5,1e+300,true,null],"b":"q\"\\\n\u0001é😀","c":{}}"#
    #expect(try JSON.parse(text: text).text == text)
  }
}
