import Schema
import Testing

@Suite struct ConstraintDeclarationTests {
  @Test(arguments: [
    Misuse.field(
      "x: String @constraint(min: §1)", "min bounds numbers, Money and Duration",
      good: "x: Duration @constraint(min: 1)"),
    .field("x: Date @constraint(max: §1)", "not Date", good: "x: Float @constraint(max: 1)"),
    .field(
      "x: Boolean @constraint(exclusiveMin: §1)", "not Boolean",
      good: "x: Money @constraint(exclusiveMin: 1)"),
    .field(
      "x: Int @constraint(minLength: §1)", "bounds text",
      good: "x: String @constraint(minLength: 1)"),
    .field(
      "x: JSON @constraint(maxLength: §1)", "bounds text",
      good: "x: URL @constraint(maxLength: 1)"),
    .field(
      "x: Kind @constraint(pattern: §\"A\")", "bounds text",
      good: "x: Email @constraint(pattern: \"A\")"),
    .field(
      "x: String @constraint(temporal: §PAST)", "bounds Date and DateTime",
      good: "x: Date @constraint(temporal: PAST)"),
    .field(
      "x: Duration @constraint(temporal: §FUTURE)", "bounds Date and DateTime",
      good: "x: DateTime @constraint(temporal: FUTURE_OR_PRESENT)"),
    .field(
      "x: String @constraint(minItems: §1)", "bounds lists",
      good: "x: [String!] @constraint(minItems: 1, maxItems: 1, minLength: 2)"),
    .field(
      "x: JSON @constraint(maxItems: §1)", "bounds lists",
      good: "x: [JSON] @constraint(maxItems: 1)"),
    .field(
      "x: Int @constraint(min: §3, max: 2)", "min is greater than max",
      good: "x: Int @constraint(min: 2, max: 2)"),
    .field(
      "x: Int @constraint(exclusiveMin: §2, max: 2)", "not less than max",
      good: "x: Int @constraint(exclusiveMin: 1, max: 2)"),
    .field(
      "x: String @constraint(minLength: §3, maxLength: 2)", "greater than maxLength",
      good: "x: String @constraint(minLength: 3, maxLength: 3)"),
    .field(
      "x: [Int] @constraint(minItems: §3, maxItems: 2)", "greater than maxItems",
      good: "x: [Int] @constraint(minItems: 0, maxItems: 0)"),
    .field(
      "x: String @constraint(minLength: §-1)", "may not be negative",
      good: "x: String @constraint(minLength: 0)"),
    .field(
      "x: String @constraint(maxLength: §-1)", "may not be negative",
      good: "x: String @constraint(maxLength: 1)"),
    .field(
      "x: [Int] @constraint(minItems: §-1)", "may not be negative",
      good: "x: [Int] @constraint(minItems: 1)"),
    .field(
      "x: String @constraint(pattern: §\"(\")", "does not compile",
      good: "x: String @constraint(pattern: \"^(a+)+$\")"),
    .field(
      "x: String @constraint(pattern: §\"(?=a)\")", "does not compile",
      good: "x: String @constraint(pattern: \"(?i)a\")"),
    .field(
      "x: String @constraint(pattern: §\"\")", "1 to 1,000",
      good: "x: String @constraint(pattern: \"a\")"),
    .field(
      "x: String @constraint(maxLength: 1, message: §\"\")", "1 to 500",
      good: "x: String @constraint(maxLength: 1, message: \"short\")"),
    .field("x: String §@constraint", "names no bound", good: "x: String"),
    .field(
      "x: String §@constraint(message: \"no\")", "names no bound",
      good: "x: String @constraint(minLength: 1, message: \"no\")"),
    .field(
      "x: Int @constraint(min: §2147483648)", "no Int is that large",
      good: "x: Int @constraint(min: 2147483647)"),
    .field(
      "x: Int @constraint(max: §-2147483649)", "no Int is that small",
      good: "x: Int64 @constraint(max: -2147483649)"),
    .field(
      "x: Int64 @constraint(exclusiveMin: §1e19)", "no Int64 is that large",
      good: "x: Float @constraint(exclusiveMin: 1e19)"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }
}

@Suite struct MergeDeclarationTests {
  @Test(arguments: [
    Misuse.field(
      "x: String @merge(strategy: §COUNTER)", "and x is String",
      good: "x: Money @merge(strategy: COUNTER)"),
    .field(
      "x: [Int] @merge(strategy: §COUNTER)", "and x is [Int]",
      good: "x: Float @merge(strategy: COUNTER)"),
    .field(
      "x: Date @merge(strategy: §COUNTER)", "Int, Int64, Float or Money",
      good: "x: Int64 @merge(strategy: COUNTER)"),
    .field(
      "x: String @merge(strategy: §SET_UNION)", "merges a list",
      good: "x: [String!]! @merge(strategy: SET_UNION)"),
    .field(
      "x: JSON @merge(strategy: §APPEND)", "merges a list",
      good: "x: [JSON] @merge(strategy: APPEND)"),
    .field(
      "x: String @merge(strategy: §MERGE_DEEP)", "merges JSON",
      good: "x: JSON @merge(strategy: MERGE_DEEP)"),
    .field(
      "x: [JSON] @merge(strategy: §MERGE_DEEP)", "merges JSON",
      good: "x: [JSON] @merge(strategy: REJECT)"),
    .field(
      "x: String @merge(strategy: §MAX)", "a number, a Duration",
      good: "x: Kind @merge(strategy: MAX)"),
    .field(
      "x: Boolean @merge(strategy: §MIN)", "a number, a Duration",
      good: "x: Date @merge(strategy: MIN)"),
    .field(
      "x: Band @merge(strategy: §MAX)", "and x is Band", good: "x: Duration @merge(strategy: MAX)"),
    .field(
      "x: Int §@merge(strategy: LATEST_VALID)", "needs validWhen",
      good: "x: Int @merge(strategy: LATEST_VALID, validWhen: \"x > 0\")"),
    .field(
      "x: Int §@merge(strategy: LATEST_VALID, validWhen: \" \")", "needs validWhen",
      good: "x: Int @merge(strategy: USER_CHOICE)"),
    .field(
      "x: Int @merge(strategy: MAX, validWhen: §\"x > 0\")", "belongs to LATEST_VALID",
      good: "x: Int @merge(strategy: MIN)"),
    .field(
      "x: Int @merge(strategy: MAX, staleAfter: §\"P1D\")", "belongs to CLIENT_WINS",
      good: "x: Int @merge(strategy: CLIENT_WINS, staleAfter: \"P1D\")"),
    .field(
      "x: Int @merge(strategy: CLIENT_WINS, staleAfter: §\"PT0S\")", "longer than nothing",
      good: "x: Int @merge(strategy: CLIENT_WINS, staleAfter: \"PT1S\")"),
    .type(
      "@merge(strategy: §COUNTER)", "give it to the field, not to Gig",
      good: "@merge(strategy: MERGE_DEEP)"),
    .type(
      "@merge(strategy: §LATEST_VALID, validWhen: \"true\")", "give it to the field",
      good: "@merge(strategy: USER_CHOICE)"),
    .type(
      "@merge(strategy: §LAST_WRITE_WIN)", "did you mean LAST_WRITE_WINS?",
      good: "@merge(strategy: LAST_WRITE_WINS)"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test func optionsAreModelled() throws {
    let field = try field("x: Int @merge(strategy: CLIENT_WINS, staleAfter: \"P1Y\")")
    #expect(field.merge == .clientWins)
    #expect(field.mergeOptions.staleAfter != nil)
  }
}
