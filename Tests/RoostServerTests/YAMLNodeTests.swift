import RoostServer
import Testing

@Suite("YAML")
struct YAMLNodeTests {
  /// The node in one line: mappings in braces, quoted texts in quotes.
  private static func shown(_ node: YAMLNode?) -> String {
    switch node {
    case nil: "nil"
    case .scalar(let scalar): scalar.isQuoted ? "'\(scalar.text)'" : scalar.text
    case .sequence(let nodes, _): "[" + nodes.map { shown($0) }.joined(separator: ",") + "]"
    case .mapping(let members, _):
      "{" + members.map { "\($0.key):\(shown($0.value))" }.joined(separator: ",") + "}"
    }
  }

  @Test(
    "Documents are read as written",
    arguments: [
      ("", "nil"),
      ("# only a comment\n", "nil"),
      ("---\n", "nil"),
      ("a: 1", "{a:1}"),
      ("\u{FEFF}a: 1", "{a:1}"),
      ("a: 1\r\nb: 2\r\n", "{a:1,b:2}"),
      ("a:\n  b: [x, 'y', \"z\"]\n  c: {}\n", "{a:{b:[x,'y','z'],c:{}}}"),
      ("- a\n- - b\n", "[a,[b]]"),
      ("a: |\n  one\n  two\n", "{a:'one\ntwo\n'}"),
      ("a: >\n  one\n  two\n", "{a:'one two\n'}"),
      ("a: \"\\u00e9\\n\"", "{a:'é\n'}"),
      ("a: é # comment", "{a:é}"),
      ("'a b': {c: d}", "{a b:{c:d}}"),
      ("a:\nb: ~", "{a:,b:~}"),
      ("---\na: 1\n...\n", "{a:1}"),
      ("url: http://127.0.0.1:8080/x#y", "{url:http://127.0.0.1:8080/x#y}"),
      ("plain", "plain"),
      ("'~'", "'~'"),
    ])
  func reads(text: String, expected: String) throws {
    #expect(Self.shown(try YAMLNode.parse(Array(text.utf8))) == expected)
  }

  @Test(
    "What is not supported is refused with its place",
    arguments: [
      ("a: &x 1\nb: *x", "1:4: anchors"),
      ("b: *x", "1:4: aliases"),
      ("a: [1, 2]\nb: &x [1]", "2:4: anchors"),
      ("a: !!int 1", "1:4: tags"),
      ("a: !own {b: c}", "1:4: tags"),
      ("a: ! [b]", "1:4: tags"),
      ("%YAML 1.1\n---\na: 1", "1:1: directives"),
      ("a: 1\n---\nb: 2", "2:1: a second document"),
      ("a: 1\nb: 2\na: 3", "3:1: the key a is given twice, first on line 1"),
      ("x: {a: 1, 'a': 2}", "1:11: the key a is given twice"),
      ("? [a]\n: b", "1:3: a key must be a text"),
      ("~: b", "1:1: a key must not be empty"),
      ("a: [1, 2", "2:1: while parsing a flow sequence"),
      ("a: 'b", "1:6: while scanning a quoted scalar"),
      ("a: b: c", "1:5: mapping values are not allowed"),
      ("a: 1\n\tb: 2", "2:1: while scanning"),
      ("a: @b", "1:4: while scanning for the next token"),
      ("a: 1\n  b: 2", "2:4: mapping values"),
    ])
  func refuses(text: String, expected: String) {
    let error = #expect(throws: YAMLError.self) { try YAMLNode.parse(Array(text.utf8)) }
    #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "")")
  }

  @Test("Bytes that are not UTF-8 and control characters are refused")
  func refusesBytes() {
    for bytes: [UInt8] in [
      [97, 58, 32, 0xE9], [97, 58, 32, 0xFF, 0xFE], [97, 58, 32, 0x00], [97, 58, 32, 0x07],
      [0xFF, 0xFE, 97, 0],
    ] {
      #expect(throws: YAMLError.self) { try YAMLNode.parse(bytes) }
    }
  }

  @Test("Sixteen nested lists are read and seventeen refused")
  func depth() throws {
    func nested(_ count: Int) -> [UInt8] {
      Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8)
    }
    _ = try YAMLNode.parse(nested(16))
    let error = #expect(throws: YAMLError.self) { try YAMLNode.parse(nested(17)) }
    #expect(error?.place == SourcePlace(line: 1, column: 17))
    #expect(throws: YAMLError.self) { try YAMLNode.parse(nested(400_000)) }
  }

  @Test("A megabyte is read and a byte more refused")
  func size() throws {
    var bytes = Array("a: 1\n#".utf8)
    bytes += [UInt8](repeating: 120, count: 1_000_000 - bytes.count)
    #expect(Self.shown(try YAMLNode.parse(bytes)) == "{a:1}")
    bytes.append(120)
    #expect(throws: YAMLError.self) { try YAMLNode.parse(bytes) }
  }

  @Test("Places count from 1, in characters")
  func places() throws {
    let node = try YAMLNode.parse(Array("é:\n  ü: [ä, b]\n".utf8))
    let outer = try #require(node?.mapping?.first)
    #expect(outer.keyPlace == SourcePlace(line: 1, column: 1))
    let inner = try #require(outer.value.mapping?.first)
    #expect(inner.keyPlace == SourcePlace(line: 2, column: 3))
    #expect(inner.value.place == SourcePlace(line: 2, column: 6))
    #expect(inner.value.sequence?.last?.place == SourcePlace(line: 2, column: 10))
  }

  @Test(
    "Only unquoted texts are booleans and numbers",
    arguments: [
      ("true", true, nil, nil), ("False", false, nil, nil), ("yes", nil, nil, nil),
      ("'true'", nil, nil, nil), ("1", nil, 1, 1), ("-7", nil, -7, -7), ("\"1\"", nil, nil, nil),
      ("1.5", nil, nil, 1.5), ("1e3", nil, nil, 1000), ("1e999", nil, nil, nil),
      ("nan", nil, nil, nil), (".inf", nil, nil, nil), ("0x10", nil, nil, nil),
      ("9223372036854775807", nil, Int.max, 9.223372036854775807e18),
      ("9223372036854775808", nil, nil, 9.223372036854775808e18), ("+-1", nil, nil, nil),
      ("-", nil, nil, nil), ("1-2", nil, nil, nil),
    ] as [(String, Bool?, Int?, Double?)])
  func scalars(text: String, bool: Bool?, int: Int?, double: Double?) throws {
    let node = try YAMLNode.parse(Array("a: \(text == "-" ? "'-'" : text)".utf8))
    let scalar = try #require(node?.mapping?.first?.value.scalar)
    #expect(scalar.bool == bool)
    #expect(scalar.int == int)
    #expect(scalar.double == double)
  }
}
