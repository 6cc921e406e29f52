import RoostCore
import Schema
import Testing

/// A schema with one action, written as a field of Mutation.
private func schema(_ action: String, _ more: String = "") -> String {
  """
  enum Kind { CLUB FESTIVAL }
  type Band @collection @allow(ops: [ALL], owner: "by") { by: User! name: String }
  input Seat { row: Int! @constraint(min: 1) number: Int = 7 near: Seats }
  input Seats { kinds: [Kind!] }
  \(more)
  extend type Mutation { \(action) }
  """
}

private func action(_ text: String) throws -> ActionDeclaration {
  try #require(try SchemaModel.load(source: schema(text)).actions.first)
}

@Suite("Actions of a schema")
struct ActionDeclarationTests {
  @Test func anActionHasItsNameArgumentsAndResultInTheOrderOfTheFile() throws {
    let model = try SchemaModel.load(
      source: schema(
        """
        "Joins a band." join(band: ID!, since: Date, kind: Kind! = CLUB, seats: [Seat!]): Band! @action
        leave: Boolean @action
        plain(a: Int): Int
        """))
    #expect(model.actions.map(\.name) == ["join", "leave"])
    let join = try #require(model.action(named: "join"))
    #expect(join.description == "Joins a band.")
    #expect(join.arguments.map(\.name) == ["band", "since", "kind", "seats"])
    #expect(join.arguments.map(\.declaredType) == ["ID!", "Date", "Kind!", "[Seat!]"])
    #expect(join.arguments.map(\.mustBeGiven) == [true, false, false, false])
    #expect(join.result.recordType == "Band")
    #expect(join.result.field.isRequired)
    #expect(model.action(named: "leave")?.result.field.type == .boolean)
    #expect(model.notices.allSatisfy { $0.code != "not_acted_on" })
  }

  @Test(arguments: [
    ("a: Int @action", "Int"), ("a: Kind! @action", "Kind!"), ("a: [Band!]! @action", "[Band!]!"),
    ("a: [String] @action", "[String]"), ("a: JSON @action", "JSON"), ("a: User @action", "User"),
  ])
  func anActionAnswersValuesRecordsAndLists(_ text: String, _ type: String) throws {
    #expect(try action(text).result.field.declaredType == type)
  }

  @Test(arguments: [
    Misuse(schema("a: §Nope @action"), "unknown type Nope", good: schema("a: Int @action")),
    Misuse(schema("a: §Bnad @action"), "did you mean Band?", good: schema("a: Band @action")),
    Misuse(
      schema("a: §Plain @action", "type Plain { x: Int }"), "mark it with @collection",
      good: schema("a: Plain", "type Plain { x: Int }")),
    Misuse(schema("a: §Op @action"), "cannot answer it", good: schema("a: Kind @action")),
    Misuse(schema("a: §Seat @action"), "cannot answer the input Seat"),
    Misuse(schema("a: [§[Int]] @action"), "no lists of lists", good: schema("a: [Int] @action")),
    Misuse(schema("a(x: §Strin): Int @action"), "did you mean String?"),
    Misuse(
      schema("a(x: §Band!): Int @action"), "write ID, not Band",
      good: schema("a(x: ID!): Int @action")),
    Misuse(schema("a(x: §User): Int @action"), "write ID, not User"),
    Misuse(schema("a(x: §Op): Int @action"), "cannot take it"),
    Misuse(
      schema("a(x: §Plain): Int @action", "type Plain { x: Int }"), "the type Plain is none of them"
    ),
    Misuse(schema("a(x: [§[Int]]): Int @action"), "takes no lists of lists"),
    Misuse(
      schema("a(x: Int = §\"1\"): Int @action"), "the default is not valid",
      good: schema("a(x: Int = 1): Int @action")),
    Misuse(schema("a(x: Kind = §BAR): Int @action"), "must be one of CLUB, FESTIVAL"),
    Misuse(schema("a(x: Int! = §null): Int @action"), "null is no default"),
    Misuse(
      schema("a(x: Int = §0 @constraint(min: 1)): Int @action"), "breaks its @constraint",
      good: schema("a(x: Int = 1 @constraint(min: 1)): Int @action")),
    Misuse(
      schema("a(x: Int @constraint(maxLength: §3)): Int @action"), "bounds text, not Int",
      good: schema("a(x: String @constraint(maxLength: 3)): Int @action")),
    Misuse(schema("a(x: Seat §@constraint(min: 1)): Int @action"), "put it on the fields of Seat"),
    Misuse(schema("a(x: Int §@unique): Int @action"), "may not stand on an argument"),
    Misuse(schema("a(x: Seat = §{row: 1}): Int @action"), "has no default"),
    Misuse(
      schema("a(x: Loop): Int @action", "input Loop { next: §Loop }"), "holds itself",
      good: schema("a(x: Loop): Int @action", "input Loop { next: Int }")),
    Misuse(schema("§_a: Int @action"), "begin with an underscore", good: schema("a: Int @action")),
    Misuse(schema("a: Int @action §A: Int @action"), "by case only"),
    Misuse(schema("a: Int @action §a: Int @action"), "is declared at"),
    Misuse(schema("a(x: Int, §x: Int): Int @action"), "is declared at"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test func boundsMayBeRepeatedAsAnEarlierVersionDefinedThem() {
    let definition = """
      directive @constraint(
        min: Float, max: Float, exclusiveMin: Float, minLength: Int, maxLength: Int,
        pattern: String, temporal: Temporal, minItems: Int, maxItems: Int, message: String
      ) on FIELD_DEFINITION
      """
    #expect(faults(definition + " type A @collection { x: Int }") == [])
    #expect(faults(definition + " | OBJECT type A @collection { x: Int }") != [])
  }
}

@Suite("Arguments of a call")
struct ActionArgumentTests {
  private static let text =
    "a(id: ID!, count: Int = 3 @constraint(min: 1), kind: Kind, at: DateTime, seat: Seat, "
    + "seats: [Seat!], tags: [String!]): Int @action"

  private func decode(_ json: String) throws -> JSON {
    .object(
      try action(ActionArgumentTests.text).decode(
        try JSON.parse(text: json), now: Timestamp(milliseconds: 0)))
  }

  @Test(arguments: [
    (#"{"id":"x"}"#, #"{"id":"x","count":3}"#),
    (#"{"id":"x","count":null}"#, #"{"id":"x","count":null}"#),
    (
      #"{"id":"x","at":"2026-01-31T21:00:00+01:00"}"#,
      #"{"id":"x","count":3,"at":"2026-01-31T20:00:00.000Z"}"#
    ),
    (#"{"id":"x","seat":{"row":2}}"#, #"{"id":"x","count":3,"seat":{"row":2,"number":7}}"#),
    (
      #"{"id":"x","seats":[{"row":1,"number":2,"near":{"kinds":["CLUB"]}}],"tags":["a"]}"#,
      #"{"id":"x","count":3,"seats":[{"row":1,"number":2,"near":{"kinds":["CLUB"]}}],"tags":["a"]}"#
    ),
  ])
  func whatIsValidIsReadWithDefaults(_ given: String, _ read: String) throws {
    #expect(try decode(given) == JSON.parse(text: read))
  }

  @Test(arguments: [
    ("[]", " type"), ("null", " type"), ("{}", "/id required"), (#"{"id":null}"#, "/id required"),
    (#"{"id":3}"#, "/id type"), (#"{"id":"x","count":0}"#, "/count min"),
    (#"{"id":"x","count":"3"}"#, "/count type"), (#"{"id":"x","kind":"BAR"}"#, "/kind enum"),
    (#"{"id":"x","coutn":3}"#, "/coutn unknown_argument"),
    (#"{"id":"x","a/b~":3}"#, "/a~1b~0 unknown_argument"),
    (#"{"id":"x","seat":[]}"#, "/seat type"), (#"{"id":"x","seat":{}}"#, "/seat/row required"),
    (#"{"id":"x","seat":{"row":0}}"#, "/seat/row min"),
    (#"{"id":"x","seat":{"row":1,"rows":1}}"#, "/seat/rows unknown_argument"),
    (#"{"id":"x","seats":{"row":1}}"#, "/seats type"),
    (#"{"id":"x","seats":[{"row":1},null]}"#, "/seats/1 type"),
    (#"{"id":"x","seats":[{"row":1,"near":{"kinds":["X"]}}]}"#, "/seats/0/near/kinds/0 enum"),
    (#"{"id":"x","tags":["a",3]}"#, "/tags/1 type"),
  ])
  func whatIsInvalidIsToldWithItsPlace(_ given: String, _ fault: String) {
    #expect {
      try decode(given)
    } throws: { error in
      let issues = (error as? RoostError)?.issues ?? []
      return issues.map { "\($0.pointer) \($0.code)" } == [fault]
    }
  }

  @Test func allFaultsAreToldTogetherAndNamesAreHinted() {
    #expect {
      try decode(#"{"coutn":3,"kind":"CLBU","seat":{"row":"1"}}"#)
    } throws: { error in
      let issues = (error as? RoostError)?.issues ?? []
      return issues.count == 4 && issues[0].message.contains("Did you mean count?")
    }
  }
}

@Suite("The difference of actions")
struct ActionDifferenceTests {
  @Test(arguments: [
    Revision.file(schema("x: Int"), schema("x: Int a: Int @action"), .minor, "action_added"),
    .file(schema("x: Int a: Int @action"), schema("x: Int"), .major, "action_removed"),
    .file(schema("a: Int @action"), schema("a: Int @action"), .none),
    .file(schema("a: Int @action"), schema("a: Int! @action"), .minor, "result_required"),
    .file(schema("a: Int! @action"), schema("a: Int @action"), .major, "result_optional"),
    .file(schema("a: Int @action"), schema("a: String @action"), .major, "result_retyped"),
    .file(schema("a: Int @action"), schema("a: [Int] @action"), .major, "result_retyped"),
    .file(schema("a: Int @action"), schema("a(x: Int): Int @action"), .minor, "argument_added"),
    .file(
      schema("a: Int @action"), schema("a(x: Int!): Int @action"), .major, "required_argument_added"
    ),
    .file(
      schema("a: Int @action"), schema("a(x: Int! = 1): Int @action"), .minor, "argument_added"),
    .file(schema("a(x: Int): Int @action"), schema("a: Int @action"), .major, "argument_removed"),
    .file(
      schema("a(x: Int): Int @action"), schema("a(x: Int!): Int @action"), .major,
      "argument_required"),
    .file(
      schema("a(x: Int!): Int @action"), schema("a(x: Int): Int @action"), .minor,
      "argument_optional"),
    .file(
      schema("a(x: Int): Int @action"), schema("a(x: String): Int @action"), .major,
      "argument_retyped"),
    .file(
      schema("a(x: Int = 1): Int @action"), schema("a(x: Int = 2): Int @action"), .minor,
      "argument_default"),
    .file(
      schema("a(x: Int): Int @action"), schema("a(x: Int @constraint(min: 1)): Int @action"),
      .major, "constraint_narrowed"),
    .file(
      schema("a(x: Int @constraint(min: 1)): Int @action"), schema("a(x: Int): Int @action"),
      .minor, "constraint_widened"),
    .file(
      schema("a(x: S): Int @action", "input S { p: Int }"),
      schema("a(x: S): Int @action", "input S { p: Int q: Int! }"), .major,
      "required_argument_added"),
    .file(
      schema("a: E @action", "enum E { P }"), schema("a: E @action", "enum E { P Q }"), .minor,
      "enum_value_added"),
    .file(
      schema("a: Int @action"), schema("a: Int @action @deprecated(reason: \"Old.\")"), .minor,
      "deprecated"),
    .file(schema("a: Int @action"), schema("\"More.\" a: Int @action"), .patch, "description"),
  ])
  func eachChangeHasItsLevel(_ revision: Revision) throws {
    let difference = try revision.difference()
    #expect(difference.level == revision.level)
    #expect(difference.changes.map(\.code) == revision.codes)
  }
}
