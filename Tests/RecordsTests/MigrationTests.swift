import Queries
import Records
import RoostCore
import Schema
import Testing

@Suite struct MigrationTests {
  private let text = MigrationHouse.schema("text: String")

  /// Makes `bodies` under `before`, migrates, and returns what the records are then, by creation.
  private func migrated(
    _ before: String, _ bodies: [JSON], _ after: String, name: String = "notes",
    allowing: Set<String> = [], in house: MigrationHouse
  ) async throws -> [JSON] {
    try await house.serve(before) { served async throws in
      for body in bodies { try await served.create("notes", body) }
    }
    try await house.apply(before, after, allowing: allowing)
    return try await house.serve(after) { try await $0.list(name) }
  }

  // MARK: Renames

  @Test func aRenamedFieldKeepsItsValuesItsNumberAndItsIndex() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("text: String @unique")
    let after = MigrationHouse.schema("body: String @unique @was(name: \"text\")")
    let rows = try await migrated(before, [["text": "a"]], after, in: house)
    #expect(rows.map { $0["body"] } == ["a"])
    try await house.serve(after) { served async throws in
      let error = await refusal { try await served.create("notes", ["body": "a"]) }
      #expect(error?.code == .conflict)
      #expect(
        try await served.texts("SELECT name FROM roost_field ORDER BY number") == [
          "owner", "body",
        ])
    }
    // The directive may stay in the file.
    #expect(try await house.plan(after, after).isEmpty)
  }

  @Test func aRenamedCollectionKeepsItsRows() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema(
      "text: String",
      others: "type Tag @collection @allow(ops: [ALL], owner: \"owner\") "
        + "{ owner: User! note: Note @relation }")
    let after = MigrationHouse.schema(
      "text: String", type: "Memo", directives: "@was(name: \"Note\")",
      others: "type Tag @collection @allow(ops: [ALL], owner: \"owner\") "
        + "{ owner: User! note: Memo @relation }")
    let rows = try await migrated(before, [["text": "a"]], after, name: "memos", in: house)
    #expect(rows.map { $0["text"] } == ["a"])
    try await house.serve(after) { served async throws in
      try await served.create("tags", ["note": rows[0]["id"] ?? .null])
    }
  }

  @Test func aStartRenamesNothing() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { try await $0.create("notes", ["text": "a"]) }
    await #expect(throws: SchemaChangeError.self) {
      try await house.serve(MigrationHouse.schema("body: String @was(name: \"text\")")) { _ in }
    }
    try await house.serve(text) { served async throws in
      #expect(try await served.list("notes").count == 1)
    }
  }

  @Test(arguments: [
    ("body: String @was(name: \"txet\")", "rename_unmatched", "3:3"),
    ("a: String @was(name: \"text\") b: String @was(name: \"text\")", "rename_ambiguous", "3:32"),
  ]) func aRenameThatIsAmissIsToldWithItsPlace(
    fields: String, code: String, place: String
  ) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { try await $0.create("notes", ["text": "a"]) }
    let plan = try await house.plan(text, MigrationHouse.schema(fields))
    #expect(plan.faults.map(\.code) == [code])
    #expect(plan.faults.first?.location?.description == place)
    let refused = try await house.refusals(text, MigrationHouse.schema(fields))
    #expect(refused.first == code)
    try await house.serve(text) { served async throws in
      #expect(try await served.list("notes").count == 1)
    }
  }

  @Test func aFreshDatabaseMindsNoFormerNames() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let schema = MigrationHouse.schema(
      "body: String @was(name: \"text\")", directives: "@was(name: \"Paper\")")
    try await house.serve(schema) { try await $0.create("notes", ["body": "a"]) }
  }

  // MARK: Types

  @Test(
    arguments: [
      ("Int", "Int64", 7, 7), ("Int", "Float", 7, 7), ("Int", "String", 7, "7"),
      ("Float", "String", 1.5, "1.5"), ("Boolean", "String", true, "true"),
      ("String", "Int", "12", 12), ("String", "Float", "1.25", 1.25),
      ("String", "Date", "2026-01-31", "2026-01-31"), ("String", "Boolean", "true", true),
      ("String", "E", "B", "B"), ("E", "String", "A", "A"),
      ("DateTime", "String", "2026-01-31T20:00:00.000Z", "2026-01-31T20:00:00.000Z"),
      ("[Int!]", "[String!]", [1, 2], ["1", "2"]), ("[String!]", "[Int!]", ["3"], [3]),
    ] as [(String, String, JSON, JSON)]) func aValueIsConverted(
      from: String, to: String, value: JSON, expected: JSON
    ) async throws
  {
    let house = MigrationHouse()
    defer { house.remove() }
    let others = "enum E { A B } type Use @collection { e: E }"
    let before = MigrationHouse.schema("x: \(from)", others: others)
    let after = MigrationHouse.schema("x: \(to)", others: others)
    let rows = try await migrated(before, [["x": value], [:]], after, in: house)
    #expect(Set(rows.map { $0["x"]?.text }) == [expected.text, "null"])
    // Back again, with what was written since.
    try await house.serve(after) { try await $0.create("notes", ["x": expected]) }
    try await house.apply(after, before, isRollback: true)
    let back = try await house.serve(before) { try await $0.list("notes") }
    #expect(back.map { $0["x"] == value }.filter { $0 }.count == 2)
    // And forward once more.
    try await house.apply(before, after)
    let again = try await house.serve(after) { try await $0.list("notes") }
    #expect(again.map { $0["x"] == expected }.filter { $0 }.count == 2)
  }

  @Test(
    arguments: [
      ("String", "Int", "twelve"), ("String", "Date", "yesterday"), ("String", "Float", "0x10"),
      ("String", "E", "C"),
    ] as [(String, String, JSON)]) func aValueThatCannotBeConvertedStopsTheMigration(
      from: String, to: String, value: JSON
    ) async throws
  {
    let house = MigrationHouse()
    defer { house.remove() }
    let others = "enum E { A B } type Use @collection { e: E }"
    let before = MigrationHouse.schema("x: \(from)", others: others)
    let after = MigrationHouse.schema("x: \(to)", others: others)
    try await house.serve(before) { try await $0.create("notes", ["x": value]) }
    #expect(try await house.plan(before, after).broken.map(\.breaking) == [1])
    #expect(try await house.refusals(before, after) == ["rows_in_the_way"])
    let rows = try await house.serve(before) { try await $0.list("notes") }
    #expect(rows.map { $0["x"] } == [value])
  }

  @Test(arguments: [("Int64", "Int"), ("Float", "Int"), ("Boolean", "Int"), ("Int", "[Int!]")])
  func aConversionThatIsNotStatedIsRefused(from: String, to: String) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: \(from)")
    try await house.serve(before) { try await $0.create("notes", [:]) }
    let refused = try await house.refusals(before, MigrationHouse.schema("x: \(to)"))
    #expect(refused == ["no_conversion"])
  }

  @Test func whatCannotBeConvertedIsLeftBehindWhereThatIsAllowed() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: String")
    let after = MigrationHouse.schema("x: Int")
    let rows = try await migrated(
      before, [["x": "twelve"], ["x": "12"]], after, allowing: ["Note.x"], in: house)
    #expect(Set(rows.map { $0["x"]?.text }) == ["null", "12"])
    try await house.apply(after, before, isRollback: true)
    let back = try await house.serve(before) { try await $0.list("notes") }
    #expect(Set(back.map { $0["x"]?.string }) == ["twelve", "12"])
  }

  // MARK: What is derived

  @Test func aRequiredFieldThatIsDerivedNeedsNoDefault() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    func schema(_ field: String) -> String {
      let rules = "@collection @allow(ops: [ALL], to: PUBLIC)"
      return """
        type Band \(rules) { gigs: [Gig!] @relation(inverse: "band") name: String \(field) }
        type Gig \(rules) { band: Band @relation(inverse: "gigs", onDelete: SET_NULL) }
        """
    }
    let before = schema("")
    let after = schema("played: Int! @derived(from: \"gigs\", count: true)")
    try await house.serve(before) { try await $0.create("bands", ["name": "x"]) }
    #expect(try await house.plan(before, after).broken.isEmpty)
    #expect(try await house.refusals(before, after) == [])
    try await house.serve(after) { served async throws in
      #expect(try await served.list("bands").map { $0["played"] } == [0])
    }
  }

  @Test(arguments: ["deletedAt", "createdAt", "updatedAt"])
  func anIndexOverATimeOfEveryRecordIsThere(after: String) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let schema = MigrationHouse.schema(
      "x: Int", directives: "@retention(after: \"\(after)\", for: \"P30D\")")
    try await house.serve(schema) { try await $0.create("notes", ["x": 1]) }
    #expect(try await house.plan(schema, schema).steps.map(\.text) == [])
  }

  // MARK: Retention

  private func kept(_ days: String, more: String = "", name: String = "at") -> String {
    MigrationHouse.schema(
      name == "at" ? "at: DateTime" : "\(name): DateTime @was(name: \"at\")",
      directives: "@retention(after: \"\(name)\", for: \"\(days)\"\(more))")
  }

  @Test func rowsThatAreDueAreDeletedOnlyWhereThatIsAllowed() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("at: DateTime")
    try await house.serve(before) { served async throws in
      for at in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        try await served.create("notes", ["at": .string(at)])
      }
    }
    let plan = try await house.plan(before, kept("P1D"))
    let step = plan.steps.first { $0.code == "retain" }
    #expect(step?.item == "Note.@retention")
    #expect(step?.rows == 1)
    #expect(step?.text.contains("1 row at the first run, which no rollback brings back") == true)
    #expect(try await house.refusals(before, kept("P1D")) == ["data_loss"])
    // One that takes nothing yet asks nobody.
    let later = try await house.plan(before, kept("P99999D"))
    #expect(later.steps.filter { $0.code == "retain" }.map(\.kind) == [.additive])
    let most = try await house.plan(before, kept("P1D", more: ", unless: \"at == null\""))
    #expect(most.steps.contains { $0.text.contains("at most 1 row at the first run") })
    #expect(try await house.refusals(before, kept("P1D"), allowing: ["Note.@retention"]) == [])
    // What was taken as early already is nothing new, under whatever name.
    for after in [kept("P1D"), kept("P2D"), kept("P2D", name: "on")] {
      #expect(try await house.plan(kept("P1D"), after).steps.allSatisfy { $0.code != "retain" })
    }
    let sooner = try await house.plan(kept("P1D"), kept("PT1H"))
    #expect(sooner.steps.filter { $0.code == "retain" }.map(\.rows) == [1])
  }

  // MARK: Names

  @Test func aNameOfNothingIsToldBeforeAnythingIsDone() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("text: String size: Int")
    try await house.serve(before) { try await $0.create("notes", ["text": "a"]) }
    try await house.migrate(before, text) { migration, _ async throws in
      let error = await #expect(throws: MigrationRefused.self) {
        try await migration.checkNames(["Note.size", "Note.sizes"])
      }
      #expect(error?.faults.map(\.code) == ["unknown_name"])
      #expect(error?.description.contains("did you mean Note.size?") == true)
    }
    try await house.apply(before, text, allowing: ["Note.size"])
    // A script says it again.
    try await house.migrate(text, text) { migration, _ async throws in
      try await migration.checkNames(["Note.size"])
    }
  }
}
