import RoostCore
import Schema
import Testing

@Suite struct ValidateTests {
  /// 2026-01-31T12:00:00Z.
  private static let now = Timestamp(milliseconds: 1_769_860_800_000)

  private func codes(_ declaration: String, _ json: String) throws -> [String] {
    try issues(declaration, json).map(\.code)
  }

  private func issues(_ declaration: String, _ json: String) throws -> [FieldIssue] {
    let field = try field(declaration)
    let value = try field.decode(try JSON.parse(text: json), pointer: "/x").get()
    return field.validate(value, pointer: "/x", now: ValidateTests.now)
  }

  @Test func theTimeOfTheTestsIsWhatItSays() {
    #expect(ValidateTests.now.description == "2026-01-31T12:00:00.000Z")
  }

  /// A constraint, a value that keeps it, one that does not, and the code.
  @Test(arguments: [
    ("Int @constraint(min: 1)", "1", "0", "min"), ("Int @constraint(min: 0.5)", "1", "0", "min"),
    ("Int @constraint(max: -1)", "-1", "0", "max"), ("Int @constraint(max: 1.5)", "1", "2", "max"),
    ("Int @constraint(exclusiveMin: 0)", "1", "0", "exclusive_min"),
    ("Int @constraint(exclusiveMin: 0.5)", "1", "0", "exclusive_min"),
    ("Int64 @constraint(max: 9007199254740992)", "9007199254740992", "9007199254740993", "max"),
    ("Int64 @constraint(min: 9007199254740992)", "9007199254740992", "9007199254740991", "min"),
    ("Int64 @constraint(max: 1e300, min: -1e300, exclusiveMin: 5)", "6", "5", "exclusive_min"),
    ("Money @constraint(min: 0)", "0", "-1", "min"),
    ("Float @constraint(min: 0.1)", "0.1", "0.09999999999999999", "min"),
    ("Float @constraint(max: 1)", "1", "1.0000000000000002", "max"),
    ("Float @constraint(exclusiveMin: 0)", "5e-324", "-0.0", "exclusive_min"),
    ("Duration @constraint(exclusiveMin: 0)", "\"PT0.001S\"", "\"PT0S\"", "exclusive_min"),
    ("Duration @constraint(min: 1.001)", "\"PT1.001S\"", "\"PT1S\"", "min"),
    ("Duration @constraint(max: 60)", "\"PT1M\"", "\"PT1M0.001S\"", "max"),
    ("Duration @constraint(min: 0)", "\"PT0S\"", "\"-PT1S\"", "min"),
    ("String @constraint(minLength: 2)", "\"é𝄞\"", "\"𝄞\"", "min_length"),
    ("String @constraint(minLength: 1)", "\"a\"", "\"\"", "min_length"),
    ("String @constraint(maxLength: 2)", "\"𝄞𝄞\"", "\"abc\"", "max_length"),
    ("String @constraint(maxLength: 0)", "\"\"", "\"a\"", "max_length"),
    ("String @constraint(pattern: \"^a+$\")", "\"aa\"", "\"aab\"", "pattern"),
    ("String @constraint(pattern: \"b\")", "\"abc\"", "\"ac\"", "pattern"),
    ("URL @constraint(pattern: \"^https://\")", "\"https://a.b\"", "\"http://a.b\"", "pattern"),
    ("ID @constraint(maxLength: 1)", "\"a\"", "\"ab\"", "max_length"),
    ("Email @constraint(maxLength: 5)", "\"a@b.c\"", "\"aa@b.c\"", "max_length"),
    (
      "DateTime @constraint(temporal: PAST)", "\"2026-01-31T11:59:59.999Z\"",
      "\"2026-01-31T12:00:00Z\"", "past"
    ),
    (
      "DateTime @constraint(temporal: PAST_OR_PRESENT)", "\"2026-01-31T12:00:00Z\"",
      "\"2026-01-31T12:00:00.001Z\"", "past_or_present"
    ),
    (
      "DateTime @constraint(temporal: FUTURE)", "\"2026-01-31T12:00:00.001Z\"",
      "\"2026-01-31T12:00:00Z\"", "future"
    ),
    (
      "DateTime @constraint(temporal: FUTURE_OR_PRESENT)", "\"2026-01-31T12:00:00Z\"",
      "\"2026-01-31T11:59:59.999Z\"", "future_or_present"
    ),
    ("Date @constraint(temporal: PAST)", "\"2026-01-30\"", "\"2026-01-31\"", "past"),
    (
      "Date @constraint(temporal: PAST_OR_PRESENT)", "\"2026-01-31\"", "\"2026-02-01\"",
      "past_or_present"
    ),
    ("Date @constraint(temporal: FUTURE)", "\"2026-02-01\"", "\"2026-01-31\"", "future"),
    (
      "Date @constraint(temporal: FUTURE_OR_PRESENT)", "\"2026-01-31\"", "\"1969-12-31\"",
      "future_or_present"
    ),
    ("[Int!] @constraint(minItems: 1)", "[1]", "[]", "min_items"),
    ("[Int!] @constraint(maxItems: 1)", "[1]", "[1, 2]", "max_items"),
    ("[Int!] @constraint(max: 1)", "[1, 0]", "[1, 2]", "max"),
    ("[String!] @constraint(maxLength: 1)", "[\"a\"]", "[\"a\", \"bc\"]", "max_length"),
    ("[Date!] @constraint(temporal: PAST)", "[\"2026-01-30\"]", "[\"2026-01-31\"]", "past"),
    (
      "[DateTime!] @constraint(temporal: FUTURE)", "[\"2027-01-01T00:00:00Z\"]",
      "[\"2025-01-01T00:00:00Z\"]", "future"
    ),
  ])
  func aConstraintHoldsOneSideOfItsBound(
    _ type: String, _ valid: String, _ invalid: String, _ code: String
  ) throws {
    #expect(try codes("x: \(type)", valid) == [])
    #expect(try codes("x: \(type)", invalid) == [code])
    #expect(try codes("x: \(type)", "null") == [])
  }

  @Test func aRequiredFieldMayNotBeNull() throws {
    let field = try field("x: Int!")
    let issues = field.validate(.null, pointer: "/x", now: ValidateTests.now)
    #expect(issues == [FieldIssue(pointer: "/x", code: "required", message: "x is required.")])
    #expect(field.validate(.int(1), pointer: "/x", now: ValidateTests.now) == [])
  }

  @Test func everyElementIsPointedAt() throws {
    let found = try issues(
      "x: [String!] @constraint(maxLength: 1, maxItems: 2)", "[\"aa\", \"b\", \"cc\"]")
    #expect(found.map(\.pointer) == ["/x", "/x/0", "/x/2"])
    #expect(found.map(\.code) == ["max_items", "max_length", "max_length"])
    #expect(found.last?.message == "x, item 3, may have at most 1 character.")
  }

  @Test func aMessageOfTheSchemaReplacesOurs() throws {
    let own = try issues("x: Int @constraint(min: 1, message: \"One at least, please.\")", "0")
    #expect(own.map(\.message) == ["One at least, please."])
    #expect(
      try issues("x: Int @constraint(min: 1)", "0").map(\.message) == ["x must be at least 1."])
    #expect(
      try issues("x: Duration @constraint(max: 1.5)", "\"PT2S\"").map(\.message)
        == ["x must be at most 1.5 seconds."])
  }

  @Test func aPatternTakesLinearTime() throws {
    let text = String(repeating: "a", count: 50_000) + "!"
    let field = try field("x: String @constraint(pattern: \"^(a+)+$\")")
    let issues = field.validate(.text(text), pointer: "/x", now: ValidateTests.now)
    #expect(issues.map(\.code) == ["pattern"])
  }
}
