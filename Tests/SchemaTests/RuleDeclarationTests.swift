import Schema
import Testing

@Suite struct RuleDeclarationTests {
  @Test(arguments: [
    Misuse.type("@allow(ops: §[])", "names no operation", good: "@allow(ops: [ADMIN])"),
    .type(
      "@allow(ops: [READ], owner: §\"ownr\")", "Gig has no field ownr; did you mean owner?",
      good: "@allow(ops: [READ], owner: \"owner\")"),
    .type(
      "@allow(ops: [READ], owner: §\"title\")", "must end at a field of type User",
      good: "@allow(ops: [READ], owner: \"band.founder\")"),
    .type(
      "@allow(ops: [READ], owner: §\"band\")", "band of Gig is Band",
      good: "@allow(ops: [READ], owner: \"owner\")"),
    .type(
      "@allow(ops: [READ], owner: §\"title.x\")", "leads nowhere",
      good: "@allow(ops: [READ], owner: \"band.founder\")"),
    .type(
      "@allow(ops: [READ], owner: §\"band.fonder\")",
      "Band has no field fonder; did you mean founder?",
      good: "@allow(ops: [READ], owner: \"band.founder\")"),
    .type(
      "@allow(ops: [READ], owner: §\"band.members.user\")", "use member",
      good: "@allow(ops: [READ], member: \"band.members.user\")"),
    .type(
      "@allow(ops: [READ], member: §\"owner\")", "use owner",
      good: "@allow(ops: [READ], member: \"band.members.user\")"),
    .type(
      "@allow(ops: [READ], member: §\"band.members\")", "go on to its field of type User",
      good: "@allow(ops: [READ], member: \"band.members.user\")"),
    .type(
      "@allow(ops: [READ], member: §\"band.members.band.founder\")", "at most 3 steps",
      good: "@allow(ops: [READ], member: \"band.members.user\")"),
    .type("@allow(ops: [READ], member: §\"\")", "has no field", good: "@allow(ops: [READ])"),
    .type("@allow(ops: [READ], owner: §\"owner.\")", "leads nowhere", good: "@allow(ops: [READ])"),
    .type(
      "@allow(ops: [READ], having: §\"a == 1\")", "needs the argument member",
      good: "@allow(ops: [READ], member: \"band.members.user\", having: \"a == 1\")"),
    .type(
      "@allow(ops: [READ], when: §\"  \")", "may not be empty",
      good: "@allow(ops: [READ], when: \"title != null\")"),
    .type(
      "@allow(ops: [READ, DELETE], check: §\"true\")", "must hold CREATE or UPDATE",
      good: "@allow(ops: [WRITE], check: \"true\")"),
    .type(
      "@allow(ops: [READ], fields: [§\"titel\"])", "unknown field titel; did you mean title?",
      good: "@allow(ops: [READ], fields: [\"title\", \"createdAt\"])"),
    .type(
      "@allow(ops: [READ], except: §[])", "names no field",
      good: "@allow(ops: [READ], except: [\"notes\"])"),
    .type(
      "@allow(ops: [READ], roles: [§\"musican\"])", "unknown role musican; did you mean musician?",
      good: "@allow(ops: [READ], roles: [\"musician\"])"),
    .type(
      "@allow(ops: [READ], roles: §[])", "names no role",
      good: "@allow(ops: [READ], roles: \"support\")"),
    Misuse(
      "type A @collection @allow(ops: [READ], roles: §[\"admin\"]) { x: Int }",
      "declares no roles",
      good:
        "enum R @roles { admin } type A @collection @allow(ops: READ, roles: \"admin\") { x: Int }"
    ),
    .field(
      "x: Int @allow(ops: [READ], fields: §[\"title\"])", "of the type, not of a field",
      good: "x: Int @allow(ops: [READ], when: \"true\")"),
    .type(
      "@deny(ops: [READ], when: §\"\")", "may not be empty", good: "@deny(ops: [READ], when: \"a\")"
    ),
    .type(
      "@deny(ops: [READ], when: \"a\", exceptRoles: [§\"suport\"])", "did you mean support?",
      good: "@deny(ops: [READ], when: \"a\", exceptRoles: [\"support\"])"),
    .type(
      "@deny(ops: §[], when: \"a\")", "names no operation", good: "@deny(ops: [ALL], when: \"a\")"),
    .type(
      "@check(name: \"a\", expr: \"x\") @check(name: §\"a\", expr: \"y\")", "there is a @check a",
      good: "@check(name: \"a\", expr: \"x\") @check(name: \"b\", expr: \"y\")"),
    .type(
      "@check(name: §\"\", expr: \"x\")", "may not be empty",
      good: "@check(name: \"a\", expr: \"x\")"),
    .type(
      "@check(name: \"a\", expr: §\"\")", "may not be empty",
      good: "@check(name: \"a\", expr: \"x\")"),
    .type("@index(fields: §[])", "at least one field", good: "@index(fields: \"title\")"),
    .type(
      "@index(fields: [\"title\", §\"titel\"])", "did you mean title?",
      good: "@index(fields: [\"title\", \"createdAt\", \"id\"])"),
    .type(
      "@index(fields: [\"title\", §\"title\"])", "stands twice", good: "@index(fields: [\"title\"])"
    ),
    .type(
      "@index(fields: [§\"notes\"])", "no index can hold", good: "@index(fields: [\"heldAt\"])"),
    .type(
      "@index(fields: [§\"tags\"])", "[String], which no index",
      good: "@index(fields: [\"band\"])"),
    .type(
      "@retention(after: §\"title\", for: \"P1D\")", "not a Date or DateTime",
      good: "@retention(after: \"heldAt\", for: \"P1Y\")"),
    .type(
      "@retention(after: §\"id\", for: \"P1D\")", "is no time",
      good: "@retention(after: \"deletedAt\", for: \"P1D\")"),
    .type(
      "@retention(after: \"heldAt\", for: §\"P0D\")", "longer than nothing",
      good: "@retention(after: \"createdAt\", for: \"P1D\", action: ARCHIVE)"),
    .type(
      "@retention(after: \"heldAt\", for: \"P1D\", unless: §\"\")", "may not be empty",
      good: "@retention(after: \"heldAt\", for: \"P1D\", unless: \"title == \\\"kept\\\"\")"),
    .type(
      "@retention(after: \"heldAt\", for: \"P1D\", action: §ANONYMISE)",
      "no field here has one that does not KEEP",
      good: "@retention(after: \"heldAt\", for: \"P1D\", action: ARCHIVE)"),
    .type(
      "@analytics(measures: [§\"title\"])", "only numbers are measured",
      good: "@analytics(events: [CREATE], measures: [\"fee\"], dimensions: [\"band\"])"),
    .type(
      "@analytics(dimensions: [§\"notes\"])", "makes no dimension",
      good: "@analytics(dimensions: [\"title\"])"),
    .type(
      "@activity(static: [§\"titel\"])", "did you mean title?",
      good: "@activity(type: \"gig\", static: [\"title\"], dynamic: [\"fee\"])"),
    Misuse(
      "type A @collection @index(fields: §\"bs\") { bs: [B!]! @relation(inverse: \"a\") }\n"
        + "type B @collection { a: A }",
      "other side of a relation"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  /// A collection with a rule for each of `count` owners, and one more for the first of them.
  private static func owners(_ count: Int) -> String {
    let rules = (0..<count).map { "@allow(ops: [READ], owner: \"o\($0)\")" }
    let fields = (0..<count).map { "o\($0): User" }
    return "type A @collection\n" + (rules + [rules[0]]).joined(separator: "\n") + "\n{ "
      + fields.joined(separator: " ") + " }"
  }

  @Test func ownersAreBounded() {
    #expect(faults(RuleDeclarationTests.owners(63)) == [])
    for count in [64, 65] {
      let found = faults(RuleDeclarationTests.owners(count))
      #expect(found.count == 1)
      #expect(found.first?.hasPrefix("65:28 ") == true, "\(found)")
      #expect(found.first?.contains("at most 63 different fields as owner") == true)
    }
  }

  @Test func operationsAreSpelledOut() throws {
    let source = """
      type A @collection @allow(ops: WRITE) @allow(ops: ALL) @allow(ops: [ADMIN, READ]) { x: Int }
      """
    let rules = try SchemaModel.load(source: source).collections.first?.allows
    #expect(
      rules?.map(\.operations) == [
        [.create, .update, .delete], [.read, .create, .update, .delete], [.admin, .read],
      ])
    #expect(rules?.map(\.location.column) == [20, 39, 56])
  }
}

@Suite struct RoleDeclarationTests {
  private static func roles(_ values: String) -> String { "enum Role @roles { \(values) }" }

  @Test(arguments: [
    Misuse(
      "enum Role @roles { a b @inherits(from: [§\"aa\"]) }", "unknown role aa; did you mean a?",
      good: "enum Role @roles { a b @inherits(from: [\"a\"]) }"),
    Misuse(
      "enum Role @roles { a @inherits(from: [§\"a\"]) }", "circle: a → a",
      good: "enum Role @roles { a }"),
    Misuse(
      "enum R @roles{a @inherits(from: \"c\") b @inherits(from: §\"a\") c @inherits(from: \"b\") }",
      "circle: a → c → b → a"),
    Misuse(
      "enum Role { a b §@inherits(from: \"a\") }", "belongs in the enum marked @roles",
      good: "enum Role @roles { a b @inherits(from: \"a\") }"),
    Misuse(
      "enum Role @roles { a } enum More §@roles { b }", "declared by Role at 1:6 already",
      good: "enum Role @roles { a } enum More { b }"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test func closuresFollowEveryPath() throws {
    let source = RoleDeclarationTests.roles(
      "d @inherits(from: [\"b\", \"c\"]) b @inherits(from: [\"a\"]) c @inherits(from: [\"a\"]) a")
    let roles = try SchemaModel.load(source: source).roles
    #expect(roles?.closure["d"] == ["a", "b", "c", "d"])
    #expect(roles?.closure["b"] == ["a", "b"])
    #expect(roles?.closure["a"] == ["a"])
    #expect(roles?.names == ["d", "b", "c", "a"])
  }

  @Test func rolesAreBounded() {
    let many = (0..<200).map { "r\($0)" }.joined(separator: " ")
    #expect(faults(RoleDeclarationTests.roles(many)) == [])
    #expect(faults(RoleDeclarationTests.roles(many + " r")).count == 1)
  }
}
