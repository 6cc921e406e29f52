import RoostCore
import Schema
import Testing

@Suite struct AnonymityTests {
  @Test(arguments: [
    ("String @pii(kind: \"x\")", "null"),
    ("String! @pii(kind: \"x\")", "\"anonymised-00000000000000010000000000000002\""),
    (
      "String @pii(kind: \"x\", onErase: PSEUDONYMISE)",
      "\"anonymised-00000000000000010000000000000002\""
    ),
    (
      "Email! @pii(kind: \"x\")",
      "\"anonymised-00000000000000010000000000000002@example.invalid\""
    ),
    (
      "URL! @pii(kind: \"x\")",
      "\"https://example.invalid/anonymised-00000000000000010000000000000002\""
    ),
    ("Int @pii(kind: \"x\", onErase: PSEUDONYMISE)", "null"),
    ("[String!]! @pii(kind: \"x\")", "[]"),
    ("[String!] @pii(kind: \"x\", onErase: DELETE)", "null"),
  ])
  func everyKindOfFieldHasItsForm(_ field: String, _ expected: String) throws {
    let model = try SchemaModel.load(source: Self.source(field))
    let found = try #require(model.collections.first?.field(named: "x"))
    let value = try #require(found.anonymity).value(of: UUID(high: 1, low: 2))
    var json = JSONWriter()
    found.encode(value, into: &json)
    #expect(String(decoding: json.bytes, as: UTF8.self) == expected)
  }

  @Test(arguments: [
    "Int! @pii(kind: \"x\")", "Date! @pii(kind: \"x\")",
    "String! @pii(kind: \"x\") @constraint(maxLength: 20)",
    "[String!]! @pii(kind: \"x\") @constraint(minItems: 1)",
    "String! @pii(kind: \"x\") @constraint(pattern: \"^[0-9]+$\")",
    "String @pii(kind: \"x\", onErase: KEEP)",
  ])
  func whatCannotBeEmptiedIsRefused(_ field: String) {
    #expect(throws: SchemaError.self) { try SchemaModel.load(source: Self.source(field)) }
  }

  private static func source(_ field: String) -> String {
    """
    type Cup @collection @allow(ops: [ALL])
      @retention(after: "createdAt", for: "P1D", action: ANONYMISE) { x: \(field) }
    """
  }
}
