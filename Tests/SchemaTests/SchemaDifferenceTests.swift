import RoostCore
import Schema
import Testing

/// Two versions of a schema, and what the change between them is.
struct Revision: Sendable, CustomTestStringConvertible {
  let old: String
  let new: String
  let level: ChangeLevel
  /// The codes of the changes, the most breaking first.
  let codes: [String]

  var testDescription: String { "\(old) → \(new)" }

  /// A change inside of a collection of one owner.
  static func fields(
    _ old: String, _ new: String, _ level: ChangeLevel, _ codes: String...
  ) -> Revision {
    func schema(_ fields: String) -> String {
      "type A @collection @allow(ops: [ALL], owner: \"by\") { by: User! x: Int \(fields) } "
        + "type B @collection @allow(ops: [READ]) { n: Int } enum E { P Q } enum F { P Q R }"
    }
    return Revision(old: schema(old), new: schema(new), level: level, codes: codes)
  }

  /// A change of the directives of a collection.
  static func type(
    _ old: String, _ new: String, _ level: ChangeLevel, _ codes: String...
  ) -> Revision {
    func schema(_ directives: String) -> String {
      "enum R @roles { one two } type A @collection \(directives) { by: User! x: Int y: Int }"
    }
    return Revision(old: schema(old), new: schema(new), level: level, codes: codes)
  }

  static func file(
    _ old: String, _ new: String, _ level: ChangeLevel, _ codes: String...
  ) -> Revision {
    Revision(old: old, new: new, level: level, codes: codes)
  }

  func difference() throws -> SchemaDifference {
    SchemaDifference(
      from: try SchemaModel.load(source: old, stage: .everything),
      to: try SchemaModel.load(source: new, stage: .everything))
  }
}

@Suite("The difference of two schemas")
struct SchemaDifferenceTests {
  @Test(arguments: [
    Revision.fields("f: Int", "f: Int", .none),
    .fields("f: Int", "f:   Int # a comment\n", .none),
    .fields("f: Int g: Int", "g: Int f: Int", .none),
    .fields("", "f: Int", .minor, "field_added"),
    .fields("", "f: Int! @default(value: \"1\")", .minor, "field_added"),
    .fields("", "f: Int!", .major, "required_field_added"),
    .fields("f: Int", "", .major, "field_removed"),
    .fields("f: Int", "g: Int @was(name: \"f\")", .major, "field_renamed"),
    .fields("g: Int", "g: Int @was(name: \"f\")", .none),
    .fields(
      "f: String",
      "g: String @was(name: \"f\", expr: \"{f}\") h: Int @was(name: \"f\", expr: \"{f}\")",
      .major, "field_split", "field_added", "field_added"),
    .fields("g: String", "g: String @was(name: \"f\", expr: \"{f}\")", .none),
    .fields("", "g: Int @was(name: \"f\")", .minor, "field_added"),
    .fields("f: Int", "f: String", .major, "field_retyped"),
    .fields("f: Int", "f: [Int]", .major, "field_retyped"),
    .fields("f: E", "f: F", .minor, "enum_renamed"),
    .fields("f: F", "f: E", .major, "field_retyped"),
    .fields("f: [Int]", "f: [Int!]", .major, "elements_required"),
    .fields("f: Int", "f: Int!", .major, "field_required", "required_on_create"),
    .fields(
      "f: Int @default(value: \"1\")", "f: Int! @default(value: \"1\")", .major, "field_required"),
    .fields("f: Int!", "f: Int", .major, "field_optional", "optional_on_create"),
    .fields(
      "f: Int!", "f: Int! @default(value: \"1\")", .minor, "optional_on_create", "default_changed"),
    .fields(
      "f: Int! @default(value: \"1\")", "f: Int!", .major, "required_on_create", "default_changed"),
    .fields(
      "f: Int @default(value: \"1\")", "f: Int @default(value: \"2\")", .minor, "default_changed"),
    .fields("f: Int", "f: Int @immutable", .major, "immutable"),
    .fields("f: Int @immutable", "f: Int", .minor, "immutable"),
    .fields("f: Int", "f: Int @serverOnly", .major, "server_only"),
    .fields("f: Int @serverOnly", "f: Int", .minor, "server_only"),
    .fields("f: Int", "f: Int @unique", .major, "unique"),
    .fields("f: Int @unique", "f: Int", .minor, "unique"),
    .fields("f: String", "f: String @search", .minor, "search_changed"),
    .fields("f: String @search", "f: String", .major, "search_changed"),
    .fields("f: Int", "f: Int @merge(strategy: MAX)", .minor, "merge_changed"),
    .fields("f: Int", "f: Int @merge(strategy: REJECT)", .major, "merge_changed"),
    .fields(
      "f: B @relation(onDelete: SET_NULL)", "f: B @relation(onDelete: RESTRICT)", .major,
      "on_delete"),
    .fields(
      "f: B @relation(onDelete: RESTRICT)", "f: B @relation(onDelete: CASCADE)", .minor,
      "on_delete"),
    .fields("f: B", "f: B @relation(refCheck: NONE)", .minor, "reference_check"),
    .fields("f: B @relation(refCheck: NONE)", "f: B", .major, "reference_check"),
    .fields("f: Int", "\"About it.\" f: Int", .patch, "description"),
    .fields("f: Int", "f: Int @pii(kind: \"name\")", .patch, "personal_data"),
    .fields("f: Int", "f: Int @deprecated", .minor, "deprecated"),
    .fields("f: Int @deprecated", "f: Int", .minor, "deprecated"),
    .fields(
      "f: Int @deprecated", "f: Int @deprecated(reason: \"Old\", sunset: \"2027-01-01\")", .patch,
      "deprecated"),
    .fields("f: Int", "f: Int @sync(tier: DAILY)", .minor, "sync"),
  ])
  func ofFields(_ revision: Revision) throws {
    let difference = try revision.difference()
    #expect(difference.changes.map(\.code) == revision.codes)
    #expect(difference.level == revision.level)
    #expect(difference.isEmpty == (revision.level == .none))
  }

  @Test(arguments: [
    ("", "min: 1", ChangeLevel.major), ("min: 1", "min: 2", .major), ("min: 2", "min: 1", .minor),
    ("min: 1", "", .minor), ("max: 9", "max: 8", .major), ("max: 8", "max: 9", .minor),
    ("exclusiveMin: 1", "exclusiveMin: 0", .minor), ("min: 1", "min: 1, max: 9", .major),
    ("min: 1", "min: 1, message: \"No\"", .patch), ("min: 1, max: 9", "min: 0, max: 8", .major),
  ])
  func ofBounds(_ old: String, _ new: String, _ level: ChangeLevel) throws {
    func field(_ bounds: String) -> String {
      bounds.isEmpty ? "f: Int" : "f: Int @constraint(\(bounds))"
    }
    #expect(try Revision.fields(field(old), field(new), level).difference().level == level)
  }

  @Test(arguments: [
    ("String", "maxLength: 9", "maxLength: 8", ChangeLevel.major),
    ("String", "minLength: 2", "minLength: 1", .minor),
    ("String", "pattern: \"a\"", "pattern: \"b\"", .major),
    ("String", "pattern: \"a\", maxLength: 9", "maxLength: 9", .minor),
    ("Date", "temporal: PAST", "temporal: PAST_OR_PRESENT", .minor),
    ("Date", "temporal: FUTURE_OR_PRESENT", "temporal: FUTURE", .major),
    ("Date", "temporal: PAST", "temporal: FUTURE", .major),
    ("[Int]", "maxItems: 3", "maxItems: 2", .major),
    ("[Int]", "minItems: 3", "minItems: 2", .minor),
  ])
  func ofBoundsOfOtherTypes(
    _ type: String, _ old: String, _ new: String, _ level: ChangeLevel
  ) throws {
    let revision = Revision.fields(
      "f: \(type) @constraint(\(old))", "f: \(type) @constraint(\(new))", level)
    #expect(try revision.difference().level == level)
  }

  @Test(arguments: [
    Revision.type("@allow(ops: [READ])", "@allow(ops: [READ, CREATE])", .minor, "rules_widened"),
    .type("@allow(ops: [READ, CREATE])", "@allow(ops: [READ])", .major, "rules_narrowed"),
    .type("@allow(ops: [READ])", "@allow(ops: [READ], to: PUBLIC)", .minor, "rules_widened"),
    .type("@allow(ops: [READ])", "@allow(ops: [READ], to: ANONYMOUS)", .major, "rules_narrowed"),
    .type("@allow(ops: [READ])", "@allow(ops: [READ], owner: \"by\")", .major, "rules_narrowed"),
    .type("@allow(ops: [READ], owner: \"by\")", "@allow(ops: [READ])", .minor, "rules_widened"),
    .type(
      "@allow(ops: [READ], when: \"x > 1\")", "@allow(ops: [READ], when: \"x>1\")", .none),
    .type(
      "@allow(ops: [READ], when: \"x > 1\")", "@allow(ops: [READ], when: \"x > 2\")", .major,
      "rules_narrowed", "rules_widened"),
    .type(
      "@allow(ops: [READ], roles: [\"one\"])", "@allow(ops: [READ], roles: [\"one\", \"two\"])",
      .minor, "rules_widened"),
    .type(
      "@allow(ops: [READ], fields: [\"x\", \"y\"])", "@allow(ops: [READ], fields: [\"x\"])",
      .major, "rules_narrowed"),
    .type(
      "@allow(ops: [READ], except: [\"x\"])", "@allow(ops: [READ])", .minor, "rules_widened"),
    .type(
      "@allow(ops: [READ, UPDATE])", "@allow(ops: [READ]) @allow(ops: [UPDATE])", .patch,
      "rules_rewritten"),
    .type(
      "@allow(ops: [READ])", "@allow(ops: [READ]) @deny(ops: [READ], when: \"x > 1\")", .major,
      "rules_narrowed"),
    .type(
      "@allow(ops: [READ]) @deny(ops: [READ], when: \"x > 1\")", "@allow(ops: [READ])", .minor,
      "rules_widened"),
    .type(
      "@allow(ops: [READ]) @deny(ops: [READ], when: \"x > 1\")",
      "@allow(ops: [READ]) @deny(ops: [READ], when: \"x > 1\", exceptRoles: [\"one\"])", .minor,
      "rules_widened"),
    .type("", "@check(name: \"c\", expr: \"x > 1\")", .major, "check_added"),
    .type("@check(name: \"c\", expr: \"x > 1\")", "", .minor, "check_removed"),
    .type(
      "@check(name: \"c\", expr: \"x > 1\")",
      "@check(name: \"c\", expr: \"x > 1\", message: \"m\")",
      .patch, "check_message"),
    .type("", "@index(fields: [\"x\"])", .minor, "index_added"),
    .type("", "@index(fields: [\"x\"], unique: true)", .major, "unique_added"),
    .type("@index(fields: [\"x\"], unique: true)", "", .minor, "unique_removed"),
    .type(
      "@merge(strategy: LAST_WRITE_WINS)", "@merge(strategy: REJECT)", .major, "merge_changed"),
    .type("", "@sync(tier: SERVER_ONLY)", .major, "sync_changed"),
    .type("", "@sync(tier: DAILY)", .minor, "sync_changed"),
    .type("", "@retention(after: \"createdAt\", for: \"P30D\")", .minor, "retention_added"),
    .type("", "@deprecated(reason: \"Old\")", .minor, "deprecated"),
    .type("", "@analytics(events: [CREATE])", .patch, "options"),
  ])
  func ofCollections(_ revision: Revision) throws {
    let difference = try revision.difference()
    #expect(difference.changes.map(\.code) == revision.codes)
    #expect(difference.level == revision.level)
  }

  @Test(arguments: [
    Revision.file(
      "type A @collection { x: Int }",
      "type A @collection { x: Int } type B @collection { x: Int }",
      .minor, "collection_added"),
    .file(
      "type A @collection { x: Int } type B @collection { x: Int }",
      "type A @collection { x: Int }",
      .major, "collection_removed"),
    .file(
      "type A @collection { x: Int } type C @collection { a: A }",
      "type B @collection @was(name: \"A\") { x: Int } type C @collection { a: B }", .major,
      "collection_renamed", "type_renamed"),
    .file(
      "type A @collection { x: Int }",
      "type B @collection(name: \"as\") @was(name: \"A\") { x: Int }", .minor, "type_renamed"),
    .file(
      "type A @collection { e: E } enum E { P }", "type A @collection { e: E } enum E { P Q }",
      .minor, "enum_value_added"),
    .file(
      "type A @collection { e: E } enum E { P Q }", "type A @collection { e: E } enum E { P }",
      .major, "enum_value_removed"),
    .file(
      "type A @collection { e: E } enum E { P Q }", "type A @collection { e: E } enum E { Q P }",
      .minor, "enum_reordered"),
    .file(
      "type A @collection { x: Int } enum E { P }", "type A @collection { x: Int } enum E { Q }",
      .none),
    .file(
      "enum R @roles { a b @inherits(from: [\"a\"]) } type A @collection { x: Int }",
      "enum R @roles { a b } type A @collection { x: Int }", .major, "role_narrowed"),
    .file(
      "enum R @roles { a } type A @collection { x: Int }",
      "enum R @roles { a b } type A @collection { x: Int }", .minor, "role_added"),
    .file(
      "type A @collection { x: Int } type B @collection { a: A }",
      "type A @collection { bs: [B!]! @relation(inverse: \"a\") } "
        + "type B @collection { a: A @relation(inverse: \"bs\") }",
      .major, "field_removed", "relation_added"),
  ])
  func ofFiles(_ revision: Revision) throws {
    let difference = try revision.difference()
    #expect(difference.changes.map(\.code) == revision.codes)
    #expect(difference.level == revision.level)
  }

  @Test func renamesThatMatchNothingAreTold() throws {
    let difference = try Revision.file(
      "type A @collection { x: Int }",
      "type A @collection { y: Int @was(name: \"z\") } type B @collection @was(name: \"C\") { x: Int }",
      .major
    ).difference()
    #expect(difference.unmatchedFormerNames == ["C"])
    #expect(difference.collections.first?.unmatchedFormerNames == ["z"])
    #expect(difference.collections.first?.removedFields.map(\.name) == ["x"])
  }

  @Test func aRenamedFieldKeepsItsIndexes() throws {
    let difference = try Revision.file(
      "type A @collection @index(fields: [\"x\"]) { x: Int }",
      "type A @collection @index(fields: [\"y\"]) { y: Int @was(name: \"x\") }", .major
    ).difference()
    #expect(difference.collections.first?.addedIndexes.isEmpty == true)
    #expect(difference.collections.first?.removedIndexes.isEmpty == true)
    #expect(difference.collections.first?.fields.map(\.isRenamed) == [true])
  }

  /// Bands with members and gigs, as `owner`, `user` and `state` are called, with rules on gigs.
  private func gigs(_ names: [String], _ rules: String, was: Bool) -> String {
    let before = ["owner", "user", "state"]
    let fields = zip(names, before).map { name, old in
      (name, was && name != old ? " @was(name: \"\(old)\")" : "")
    }
    return """
      enum S { OPEN DONE }
      type Band @collection { members: [Member!]! @relation(inverse: "band") x: Int }
      type Member @collection @allow(ops: [READ], owner: "\(fields[1].0)") {
        band: Band! @relation(inverse: "members") \(fields[1].0): User!\(fields[1].1) level: Int
      }
      type Gig @collection \(rules) {
        band: Band \(fields[0].0): User\(fields[0].1) \(fields[2].0): S\(fields[2].1)
      }
      """
  }

  @Test(arguments: [
    ("@allow(ops: [READ], owner: \"owner\")", "@allow(ops: [READ], owner: \"by\")", 0),
    (
      "@allow(ops: [READ], when: \"state == OPEN && 'state' != 'x'\", except: [\"owner\"])",
      "@allow(ops: [READ], when: \"phase == OPEN && 'state' != 'x'\", except: [\"by\"])", 0
    ),
    (
      "@allow(ops: [READ], member: \"band.members.user\", having: \"level > 1\")",
      "@allow(ops: [READ], member: \"band.members.who\", having: \"level > 1\")", 0
    ),
    (
      "@deny(ops: [READ], when: \"state == OPEN\") @check(name: \"c\", expr: \"state != DONE\")",
      "@deny(ops: [READ], when: \"phase == OPEN\") @check(name: \"c\", expr: \"phase != DONE\")", 0
    ),
    (
      "@allow(ops: [READ], when: \"state == OPEN\")",
      "@allow(ops: [READ], when: \"phase == DONE\")", 1
    ),
  ])
  func aRuleThatSpeaksOfARenamedFieldIsTheSame(_ old: String, _ new: String, _ count: Int) throws {
    let difference = try Revision.file(
      gigs(["owner", "user", "state"], old, was: false),
      gigs(["by", "who", "phase"], new, was: true), .major
    ).difference()
    let codes = difference.changes.map(\.code).filter { $0 != "field_renamed" }
    #expect(codes.filter { $0 == "rules_narrowed" }.count == count, "\(codes)")
    if count == 0 { #expect(codes == []) }
  }

  @Test func aRetentionThatIsGoneIsToldInWords() throws {
    let difference = try Revision.type("@retention(after: \"createdAt\", for: \"P1D\")", "", .minor)
      .difference()
    #expect(
      difference.changes.map(\.text) == ["Records are no longer removed P1D after `createdAt`."])
  }

  @Test func whatBreaksSaysWhatToDo() throws {
    let difference = try Revision.fields("f: Int g: Int", "f: Int! h: Int!", .major).difference()
    for change in difference.changes where change.level == .major {
      #expect(change.guidance != nil, "\(change.code)")
    }
  }
}

@Suite("Versions of an API")
struct APIVersionTests {
  @Test(arguments: [
    ("1.0.0", APIVersion(1, 0, 0)), ("10.20.30", APIVersion(10, 20, 30)), ("1.0", nil),
    ("01.0.0", nil), ("1.0.0-a", nil), ("", nil), ("1..0", nil), ("a.b.c", nil),
    ("1.0.9999999999", nil), ("1.0.0.0", nil), ("-1.0.0", nil),
  ])
  func areRead(_ text: String, _ version: APIVersion?) {
    #expect(APIVersion(text) == version)
  }

  @Test(arguments: [
    (ChangeLevel.none, "1.2.3"), (.patch, "1.2.4"), (.minor, "1.3.0"), (.major, "2.0.0"),
  ])
  func goOnByLevel(_ level: ChangeLevel, _ next: String) {
    #expect(APIVersion(1, 2, 3).next(level).description == next)
  }

  @Test func areOrderedByNumbers() {
    #expect(APIVersion(1, 10, 0) > APIVersion(1, 9, 9))
    #expect(APIVersion(2, 0, 0) > APIVersion(1, 99, 99))
  }
}

@Suite("Deprecation in a schema")
struct DeprecationTests {
  @Test(arguments: [
    Misuse.field(
      "x: Int @deprecated(since: §\"yesterday\")", "must be a date such as",
      good: "x: Int @deprecated(since: \"2026-01-31\")"),
    .field(
      "x: Int @deprecated(since: \"2026-02-01\", sunset: §\"2026-01-31\")", "lies before since",
      good: "x: Int @deprecated(since: \"2026-02-01\", sunset: \"2026-02-01\")"),
    .field(
      "x: Int @deprecated(successor: §\"z\") y: Int", "no other field z",
      good: "x: Int @deprecated(successor: \"y\") y: Int"),
    .field(
      "x: Int @deprecated(successor: §\"x\")", "no other field x",
      good: "x: Int @deprecated(successor: \"y\") y: Int"),
    Misuse(
      "type A @collection @deprecated(successor: §\"cs\") { x: Int } type B @collection { x: Int }",
      "no other collection cs",
      good: "type A @collection @deprecated(successor: \"bs\") { x: Int } "
        + "type B @collection { x: Int }"),
  ])
  func isChecked(_ misuse: Misuse) { expectFault(misuse) }

  @Test func isInTheModel() throws {
    let model = try SchemaModel.load(
      source: """
        type A @collection @deprecated(reason: "Old", successor: "bs") {
          x: Int @deprecated(since: "2026-01-01", sunset: "2027-01-01")
        }
        type B @collection { x: Int }
        """)
    let collection = try #require(model.collection(named: "as"))
    #expect(collection.deprecation == Deprecation(reason: "Old", successor: "bs"))
    let field = try #require(collection.field(named: "x")?.deprecation)
    #expect(field.since?.description == "2026-01-01")
    #expect(field.sentence == "No longer supported. It may be gone from 2027-01-01 on.")
  }
}
