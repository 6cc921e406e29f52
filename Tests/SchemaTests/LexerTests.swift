import Schema
import Testing

@Suite struct LexerTests {
  private static let type = "type A @collection { x: String"

  @Test(arguments: [
    Misuse("type A @collection { x: §% }", "unexpected character '%'"),
    Misuse("type A @collection { x: §é }", "unexpected character 'é'"),
    Misuse("# é𝄞\ntype §𝄞", "unexpected character '𝄞'"),
    Misuse("type A @collection { §é: Int }", "unexpected character"),
    Misuse("\(type) @default(value: §\"abc", "the string does not end"),
    Misuse("\(type) @default(value: §\"abc\n\") }", "does not end on its line"),
    Misuse("\(type) @default(value: \"a§\\x\") }", "unknown escape"),
    Misuse("\(type) @default(value: \"a§\\u12G4\") }", "four hexadecimal digits"),
    Misuse("\(type) @default(value: \"é§\\uD800\") }", "lone surrogate"),
    Misuse("\(type) @default(value: \"§\\uD800\\u0041\") }", "lone surrogate"),
    Misuse("\(type) @default(value: \"§\\uDC00\") }", "lone surrogate"),
    Misuse("\(type) @default(value: \"a§\u{1}\") }", "control character"),
    Misuse("\(type) @default(value: §\"\"\"abc\"\" }", "block string does not end"),
    Misuse("\(type) @default(value: §'a') }", "double quotes"),
    Misuse("\(type) @constraint(min: §01) }", "leading zero"),
    Misuse("\(type) @constraint(min: -§) }", "number without digits"),
    Misuse("\(type) @constraint(min: 1.§) }", "number without digits"),
    Misuse("\(type) @constraint(min: 1e§) }", "number without digits"),
    Misuse("\(type) @constraint(min: 1§x) }", "followed by a space"),
    Misuse("\(type) @constraint(min: 1.0§.0) }", "followed by a space"),
    Misuse("type A §.. { x: Int }", "only '...' is known"),
    Misuse("# a comment with §\u{0} in it\n", "control character"),
    Misuse("§\u{7F}", "control character"),
  ])
  func aFaultIsFoundAtItsCharacter(_ misuse: Misuse) { expectFault(misuse) }

  @Test(arguments: [
    "type A @collection { x: Int @constraint(min: 0) }",
    "type A @collection { x: Int @constraint(min: -0) }",
    "type A @collection { x: Float @constraint(min: -1.5e-3, max: 1E+3) }",
    "\u{FEFF}type A @collection { x: Int }",
    "type A @collection { x: Int }\n\u{FEFF}type B @collection { x: Int }",
    "type A @collection,{,,,x: Int,,,y: Int,,}",
    "type A @collection {\r\n x: Int\r y: Int\n}",
    "type A @collection { x: Int } # the end, without a line's end: é𝄞",
    "type A @collection{x:ID @default(value:\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\uD834\\uDD1E\") }",
    "type A @collection { x: String @default(value: \"\") y: Int }",
    "type A @collection { x: String @default(value: \"\"\"a \"quoted\" \\\"\"\" word\"\"\") }",
  ])
  func whatTheSpecificationAllowsIsRead(_ source: String) { #expect(faults(source) == []) }

  @Test(arguments: [
    ("\"one\"", "one"),
    ("\"\\u00e9\\uD834\\uDD1E\\n\"", "é𝄞\n"),
    ("\"\"\"one\"\"\"", "one"),
    ("\"\"\"\"\"\"", ""),
    ("\"\"\"\n    one\n      two\n    three\n  \"\"\"", "one\n  two\nthree"),
    ("\"\"\"one\n    two\n      three\"\"\"", "one\ntwo\n  three"),
    ("\"\"\"\n\n\n  one\n\n  two\n\n\n\"\"\"", "one\n\ntwo"),
    ("\"\"\"\r\n  one\r  two\r\n\"\"\"", "one\ntwo"),
    ("\"\"\"  \n\t\n  \"\"\"", ""),
    ("\"\"\"\n  say \\\"\"\" and \\n\n\"\"\"", "say \"\"\" and \\n"),
  ])
  func aDescriptionHasItsValue(_ written: String, _ value: String) throws {
    let field = try field("\(written) x: Int")
    #expect(field.description == value)
  }

  @Test func linesAndColumnsCountCharactersAndEveryKindOfLineEnd() {
    #expect(faults("# é\r\n# 𝄞\r  §").first?.hasPrefix("3:3 ") == true)
    #expect(faults("\u{FEFF}§").first?.hasPrefix("1:1 ") == true)
    #expect(faults("\t\t§").first?.hasPrefix("1:3 ") == true)
  }

  @Test func bytesThatAreNotUTF8AreRefusedWithTheirPlace() {
    let bytes = Array("type A {\n  é".utf8) + [0xC3, 0x28]
    let error = #expect(throws: SchemaError.self) { try SchemaModel.load(bytes: bytes) }
    #expect(error?.faults.first?.location.description == "2:4")
    #expect(throws: Never.self) {
      try SchemaModel.load(bytes: Array("type A @collection { éa: Int }".utf8.filter { $0 < 128 }))
    }
  }
}
