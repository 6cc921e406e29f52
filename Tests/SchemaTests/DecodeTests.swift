import RoostCore
import Schema
import Testing

@Suite struct DecodeTests {
  private static let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
  private static let hash = String(repeating: "0a", count: 32)

  /// The stored value of `json` in a field of `type`, or its issue as `pointer code message`.
  private func decode(_ type: String, _ json: String) throws -> Result<FieldValue, FieldIssue> {
    try field("x: \(type)").decode(try JSON.parse(text: json, maxDepth: 64), pointer: "/x")
  }

  @Test(arguments: [
    ("Boolean", "true", FieldValue.bool(true)), ("Boolean", "false", .bool(false)),
    ("Boolean", "null", .null),
    ("Int", "0", .int(0)), ("Int", "-0", .int(0)), ("Int", "1.0", .int(1)),
    ("Int", "1e3", .int(1000)),
    ("Int", "2147483647", .int(2_147_483_647)), ("Int", "-2147483648", .int(-2_147_483_648)),
    ("Int64", "9223372036854775807", .int(.max)), ("Int64", "-9223372036854775808", .int(.min)),
    ("Int64", "\"9223372036854775807\"", .int(.max)),
    ("Int64", "\"-9223372036854775808\"", .int(.min)),
    ("Int64", "\"-0\"", .int(0)), ("Int64", "\"007\"", .int(7)),
    ("Int64", "9007199254740992.0", .int(1 << 53)),
    ("Money", "1250", .int(1250)), ("Money", "-1", .int(-1)),
    ("Money", "9223372036854775807", .int(.max)),
    ("Money", "1250.0", .int(1250)),
    ("Float", "1.5", .double(1.5)), ("Float", "3", .double(3)), ("Float", "-0", .double(0)),
    ("Float", "-0.0", .double(0)), ("Float", "1e300", .double(1e300)),
    ("Float", "5e-324", .double(.leastNonzeroMagnitude)),
    ("String", "\"\"", .text("")), ("String", "\"é𝄞\"", .text("é𝄞")),
    ("ID", "\"a b\"", .text("a b")),
    ("Date", "\"2024-02-29\"", .text("2024-02-29")),
    ("Date", "\"0000-01-01\"", .text("0000-01-01")),
    ("Date", "\"9999-12-31\"", .text("9999-12-31")),
    ("DateTime", "\"1970-01-01T00:00:00Z\"", .int(0)),
    ("DateTime", "\"1970-01-01T02:00:00.123456+02:00\"", .int(123)),
    ("DateTime", "\"1969-12-31T23:59:59.999Z\"", .int(-1)),
    ("Duration", "\"PT1M30S\"", .int(90_000)), ("Duration", "\"P1DT0.5S\"", .int(86_400_500)),
    ("Duration", "\"-PT1S\"", .int(-1000)),
    ("Email", "\"ada@example.org\"", .text("ada@example.org")),
    ("URL", "\"https://example.org/a?b#c\"", .text("https://example.org/a?b#c")),
    ("Kind", "\"FESTIVAL\"", .text("FESTIVAL")),
    (
      "JSON", "{\"a\": [1, null]}",
      .json(.object(JSONObject(uniqueMembers: [("a", .array([.int(1), .null]))])))
    ),
    ("JSON", "\"text\"", .json(.string("text"))),
    (
      "GeoPoint", "{\"lon\": -180, \"lat\": 90}",
      .json(.object(JSONObject(uniqueMembers: [("lat", .double(90)), ("lon", .double(-180))])))
    ),
    ("[Int!]", "[]", .json(.array([]))),
    ("[Int!]", "[1, 2.0, -0]", .json(.array([.int(1), .int(2), .int(0)]))),
    ("[Int]", "[1, null]", .json(.array([.int(1), .null]))), ("[Int]", "null", .null),
    (
      "[DateTime!]", "[\"1970-01-01T01:00:00+01:00\"]",
      .json(.array([.string("1970-01-01T00:00:00.000Z")]))
    ),
    ("[Duration!]", "[\"PT60S\"]", .json(.array([.string("PT1M")]))),
    ("[Int64!]", "[\"9223372036854775807\"]", .json(.array([.int(.max)]))),
    ("[Kind!]", "[\"CLUB\"]", .json(.array([.string("CLUB")]))),
  ])
  func aValueBecomesItsCanonicalForm(_ type: String, _ json: String, _ value: FieldValue) throws {
    #expect(try decode(type, json) == .success(value))
  }

  @Test(arguments: [
    ("Boolean", "1", "type"), ("Boolean", "\"true\"", "type"), ("Boolean!", "null", "required"),
    ("Int", "1.5", "type"), ("Int", "\"1\"", "type"), ("Int", "true", "type"),
    ("Int", "[1]", "type"),
    ("Int", "2147483648", "range"), ("Int", "-2147483649", "range"), ("Int", "1e300", "range"),
    ("Int", "-1e300", "range"), ("Int", "9223372036854775808", "range"), ("Int", "1e-300", "type"),
    ("Int64", "9223372036854775808", "range"), ("Int64", "-9223372036854775809", "range"),
    ("Int64", "1e18", "range"), ("Int64", "1e300", "range"), ("Int64", "1.5", "type"),
    ("Int64", "\"9223372036854775808\"", "range"), ("Int64", "\"\"", "type"),
    ("Int64", "\"-\"", "type"),
    ("Int64", "\"+1\"", "type"), ("Int64", "\"1e3\"", "type"), ("Int64", "\" 1\"", "type"),
    ("Int64", "\"١\"", "type"), ("Int64", "true", "type"), ("Int64", "{}", "type"),
    ("Money", "12.5", "type"), ("Money", "\"12\"", "type"),
    ("Money", "9223372036854775808", "range"),
    ("Money", "1e300", "range"), ("Money", "1e-9", "type"),
    ("Float", "\"1\"", "type"), ("Float", "false", "type"), ("Float", "[]", "type"),
    ("String", "1", "type"), ("String", "\"a\\u0000b\"", "type"), ("ID", "1", "type"),
    ("ID", "\"\\u0000\"", "type"),
    ("Date", "\"2026-02-29\"", "type"), ("Date", "\"2026-1-1\"", "type"),
    ("Date", "\"20260101\"", "type"),
    ("Date", "\"2026-01-31T00:00:00Z\"", "type"), ("Date", "20260131", "type"),
    ("Date", "\"\"", "type"),
    ("DateTime", "\"2026-01-31\"", "type"), ("DateTime", "\"2026-01-31T20:00:00\"", "type"),
    ("DateTime", "\"2026-01-31T24:00:00Z\"", "type"), ("DateTime", "1700000000", "type"),
    ("DateTime", "\"10000-01-01T00:00:00Z\"", "type"),
    ("DateTime", "\"0000-01-01T00:00:00+01:00\"", "type"),
    ("Duration", "\"P1M\"", "type"), ("Duration", "\"P1Y\"", "type"),
    ("Duration", "\"PT\"", "type"),
    ("Duration", "\"P999999999999999999D\"", "type"), ("Duration", "90", "type"),
    ("Kind", "\"CULB\"", "enum"), ("Kind", "\"club\"", "enum"), ("Kind", "0", "type"),
    ("Band", "\"nothing\"", "type"), ("Band", "7", "type"),
    ("User", "\"0190a1b2c3d47e5f8a9b0c1d2e3f4a5b\"", "type"),
    ("JSON", "\"\\u0000\"", "type"), ("JSON", "{\"a\": [\"\\u0000\"]}", "type"),
    ("JSON", "{\"\\u0000\": 1}", "type"), ("JSON!", "null", "required"),
    ("[Int!]", "1", "type"), ("[Int!]", "{}", "type"), ("[Int!]!", "null", "required"),
  ])
  func aHostileValueIsRefused(_ type: String, _ json: String, _ code: String) throws {
    switch try decode(type, json) {
    case .success(let value): Issue.record("\(json) became \(value)")
    case .failure(let issue):
      #expect(issue.code == code, "\(issue)")
      #expect(issue.pointer == "/x")
      #expect(issue.message.hasPrefix("x "))
      #expect(issue.message.hasSuffix(".") || issue.message.hasSuffix("?"))
    }
  }

  @Test(arguments: [
    ("[Int!]", "[1, \"2\"]", "/x/1", "type"), ("[Int!]", "[1, 2, null]", "/x/2", "required"),
    ("[String!]", "[\"a\", \"b\", \"c\", 3]", "/x/3", "type"),
    ("[Kind]", "[null, \"X\"]", "/x/1", "enum"),
    ("[Date]", "[\"2026-02-30\"]", "/x/0", "type"), ("[Int]", "[[1]]", "/x/0", "type"),
    ("GeoPoint", "{\"lat\": 1}", "/x/lon", "required"),
    ("GeoPoint", "{\"lat\": 91, \"lon\": 0}", "/x/lat", "range"),
    ("GeoPoint", "{\"lat\": 0, \"lon\": -180.5}", "/x/lon", "range"),
    ("GeoPoint", "{\"lat\": \"0\", \"lon\": 0}", "/x/lat", "type"),
    ("GeoPoint", "{\"lat\": 0, \"lng\": 0}", "/x/lng", "type"),
    ("GeoPoint", "[0, 0]", "/x", "type"),
    ("GeoPoint", "{\"lat\": 0, \"lon\": 0, \"a/b~\": 0}", "/x/a~1b~0", "type"),
    ("[GeoPoint]", "[{\"lat\": 0, \"lon\": null}]", "/x/0/lon", "type"),
    ("File", "{\"size\": 1, \"mime\": \"a/b\"}", "/x/sha256", "required"),
    ("File", "{\"sha256\": \"00\", \"size\": 1, \"mime\": \"a/b\"}", "/x/sha256", "type"),
    ("File", "{\"sha256\": \"\(hash)\", \"size\": -1, \"mime\": \"a/b\"}", "/x/size", "range"),
    ("File", "{\"sha256\": \"\(hash)\", \"size\": 1.5, \"mime\": \"a/b\"}", "/x/size", "type"),
    ("File", "{\"sha256\": \"\(hash)\", \"size\": 1, \"mime\": \"a\"}", "/x/mime", "type"),
    ("File", "{\"sha256\": \"\(hash)\", \"size\": 1, \"mime\": \"a/b; c=d\"}", "/x/mime", "type"),
    (
      "File", "{\"sha256\": \"\(hash)\", \"size\": 1, \"mime\": \"a/b\", \"url\": 1}", "/x/url",
      "type"
    ),
    ("File", "\"\(hash)\"", "/x", "type"),
  ])
  func anIssuePointsAtWhatIsWrong(
    _ type: String, _ json: String, _ pointer: String, _ code: String
  ) throws {
    switch try decode(type, json) {
    case .success(let value): Issue.record("\(json) became \(value)")
    case .failure(let issue):
      #expect(issue.pointer == pointer, "\(issue)")
      #expect(issue.code == code, "\(issue)")
    }
  }

  @Test func aMessageSaysWhatToDo() throws {
    func message(_ type: String, _ json: String) throws -> String? {
      if case .failure(let issue) = try decode(type, json) { issue.message } else { nil }
    }
    #expect(
      try message("Kind", "\"CULB\"") == "x must be one of CLUB, FESTIVAL; did you mean CLUB?")
    #expect(
      try message("[Int!]", "[1, true]") == "x, item 2, must be a whole number, not a boolean.")
    #expect(try message("Band", "1") == "x must be the id of a Band (a UUID), not a number.")
    #expect(try message("Int!", "null") == "x is required.")
    #expect(
      try message("GeoPoint", "{\"lat\": 1, \"lno\": 2}")
        == "x holds lat, lon only, not lno; did you mean lon?")
  }

  @Test func referencesAreIdentifiers() throws {
    let id = DecodeTests.id
    let parsed = RoostCore.UUID(id)
    let wanted = try #require(parsed)
    for type in ["Band", "User"] {
      #expect(try decode(type, "\"\(id)\"") == .success(.uuid(wanted)))
      #expect(try decode(type, "\"\(id.uppercased())\"") == .success(.uuid(wanted)))
    }
  }

  @Test func aFileIsCanonical() throws {
    let json = """
      {"mime": "image/png", "size": 9007199254740992, "sha256": "\(DecodeTests.hash.uppercased())"}
      """
    let members: [(key: String, value: JSON)] = [
      ("sha256", .string(DecodeTests.hash)), ("size", .int(1 << 53)),
      ("mime", .string("image/png")),
    ]
    let value = try decode("File", json)
    #expect(value == .success(.json(.object(JSONObject(uniqueMembers: members)))))
    guard case .success(.json(let stored)) = value else { return }
    #expect(stored.text.hasPrefix("{\"sha256\":\"0a"))
    #expect(try decode("File", json.replacing("992,", with: "994,")) != value)
  }

  @Test(arguments: [
    "a@b.c", "a.b+c@example.co.uk", "ä@bücher.example", "x@a-b.example", "!#$%&'*/=?^_`{|}~@x.y",
    String(repeating: "a", count: 64) + "@x.org",
    "a@" + String(repeating: String(repeating: "b", count: 62) + ".", count: 3) + "example",
  ])
  func anAddressIsAccepted(_ text: String) throws {
    #expect(try field("x: Email").decode(.string(text), pointer: "") == .success(.text(text)))
  }

  @Test(arguments: [
    "", "a", "@", "a@", "@b.c", "a@b", "a@@b.c", "a@b@c.d", "a b@c.d", "a@b c.d", "a@b.c\n",
    ".a@b.c",
    "a.@b.c", "a@.b.c", "a@b..c", "a@b.c.", "a@-b.c", "a@b-.c", "a@b.c-", "a@b_c.d", "\"a\"@b.c",
    "a@[1.2.3.4]", "a\u{0}@b.c", "a\u{A0}@b.c", "a@b\u{3000}.c", "<a@b.c>", "a@b.c,d@e.f",
    String(repeating: "a", count: 65) + "@x.org", "a@" + String(repeating: "b", count: 64) + ".org",
    "a@" + String(repeating: "b.", count: 126) + "org",
  ])
  func anAddressIsRefused(_ text: String) throws {
    #expect((try? field("x: Email").decode(.string(text), pointer: "").get()) == nil)
  }

  @Test(arguments: [
    "http://a", "https://a.b", "HTTPS://A.B/", "https://a.b:443/c", "https://a.b?c",
    "https://a.b#c",
    "https://u:p@a.b/c", "http://[::1]:80/", "http://127.0.0.1", "https://bücher.example/ä",
    "https://a.b/%20(c)'!*,;=:@[]", "https://" + String(repeating: "a", count: 2040),
  ])
  func aWebAddressIsAccepted(_ text: String) throws {
    #expect(try field("x: URL").decode(.string(text), pointer: "") == .success(.text(text)))
  }

  @Test(arguments: [
    "", "a", "a.b", "//a.b", "/a", "http:", "http:/", "http://", "http:///a", "http://?a",
    "http://#a",
    "http:a.b", "ftp://a.b", "javascript:alert(1)", "httpx://a", "htt://a", "https://a b",
    "https://a.b/c d",
    "https://a.b/\u{0}", "https://a.b/\n", "https://a.b/<", "https://a.b/\"", "https://a\\b",
    "https://@/",
    "https://:80", "https://a:b", "https://a:65536", "https://[::1", "https://[g]",
    "https://[::1]x",
    "https://a:80:80", "https://.a", "https://a\u{A0}b",
    "https://" + String(repeating: "a", count: 2041),
  ])
  func aWebAddressIsRefused(_ text: String) throws {
    #expect((try? field("x: URL").decode(.string(text), pointer: "").get()) == nil)
  }

  @Test func jsonIsBoundedInSizeAndDepth() throws {
    let json = try field("x: JSON")
    func code(_ value: JSON) -> String? {
      if case .failure(let issue) = json.decode(value, pointer: "") { issue.code } else { nil }
    }
    func nested(_ depth: Int) -> JSON {
      (0..<depth).reduce(JSON.int(1)) { value, _ in .array([value]) }
    }
    #expect(code(nested(32)) == nil)
    #expect(code(nested(33)) == "range")
    #expect(code(nested(5000)) == "range")
    // Two quotes, and 65,534 characters.
    #expect(code(.string(String(repeating: "a", count: 65_534))) == nil)
    #expect(code(.string(String(repeating: "a", count: 65_535))) == "range")
    #expect(code(.string(String(repeating: "\n", count: 32_767))) == nil)
    #expect(code(.string(String(repeating: "\n", count: 32_768))) == "range")
    #expect(code(.array(Array(repeating: .int(1), count: 32_767))) == nil)
    #expect(code(.array(Array(repeating: .int(1), count: 32_768))) == "range")
    #expect(code(.double(.nan)) == "range")
    #expect(code(.array([.double(.infinity)])) == "range")
    let value: JSON = [
      "a": [1, -20, 0.5, true, false, nil], "b\"": ["\u{1}": "x\\y\n"], "c": [[:], []],
    ]
    let length = value.encoded.count
    let padding = JSON.string(String(repeating: "a", count: 65_536 - length - 3 - 2))
    #expect(code(.array([value, padding])) == nil)
    #expect(JSON.array([value, padding]).encoded.count == 65_536)
    #expect(code(.array([value, padding, .int(1)])) == "range")
  }

  @Test func floatsThatAreNotFiniteAreRefused() throws {
    for value in [Double.nan, .infinity, -.infinity] {
      for type in ["Float", "Int", "Int64", "Money"] {
        let result = try field("x: \(type)").decode(.double(value), pointer: "/x")
        #expect((try? result.get()) == nil, "\(type) \(value)")
      }
    }
  }
}
