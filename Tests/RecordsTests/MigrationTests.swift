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
}
