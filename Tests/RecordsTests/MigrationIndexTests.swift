import Queries
import Records
import RoostCore
import Schema
import Testing

/// Indexes through a migration: on an engine with other writers none is made while they wait.
@Suite struct MigrationIndexTests {
  /// The indexes of the notes as the engine knows them: their names with their numbers.
  private func indexes(_ house: MigrationHouse, _ schema: String) async throws -> [String: Int64] {
    try await house.migrate(schema, schema) { _, database async throws in
      let rows = try await database.read(.statement) { reader in
        try await reader.all(
          """
          SELECT CAST(relname AS text), CAST(oid AS bigint) FROM pg_class WHERE relkind = 'i' \
          AND relnamespace = CAST(current_schema() AS regnamespace) \
          AND (relname LIKE 'ix%' OR relname LIKE 'ux%' OR relname LIKE 'next%')
          """
        ) { ($0.text(0), $0.int64(1)) }
      }
      return Dictionary(rows) { first, _ in first }
    }
  }

  /// Applies, and makes the indexes that can be made ahead; returns what they are over.
  private func apply(
    _ house: MigrationHouse, _ before: String, _ after: String, isRollback: Bool = false
  ) async throws -> [String] {
    house.time.advance(1000)
    return try await house.migrate(before, after, isRollback: isRollback) {
      migration, database async throws in
      let made = Made()
      _ = try await migration.apply(ahead: { indexes in
        for index in indexes {
          // A statement in no transaction is a matter of the driver: nobody writes here.
          _ = try await database.write { try await $0.execute(index.create(besideWriters: false)) }
          try await index.record(on: database)
          await made.add(index.words)
        }
      })
      return await made.words
    }
  }

  private actor Made {
    var words: [String] = []
    func add(_ text: String) { words.append(text) }
  }

  private func hasOtherWriters(_ house: MigrationHouse, _ schema: String) async throws -> Bool {
    try await house.serve(schema) { served async throws in
      for number in 0..<3 {
        try await served.create("notes", ["x": .int(Int64(number)), "y": .string("a\(number) b")])
      }
      return served.database.dialect.hasOtherWriters
    }
  }

  @Test func anIndexOverARenamedFieldIsTheSameIndex() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let marks = "@index(fields: [\"x\", \"y\"]) @index(fields: [\"y\"], unique: true)"
    let before = MigrationHouse.schema("x: Int y: String", directives: marks)
    let after = MigrationHouse.schema(
      "z: Int @was(name: \"x\") y: String", type: "Memo",
      directives: "@was(name: \"Note\") "
        + marks.replacing("\"x\"", with: "\"z\""))
    guard try await hasOtherWriters(house, before) else { return }
    let old = try await indexes(house, before)
    #expect(try await apply(house, before, after).isEmpty)
    let new = try await indexes(house, after)
    #expect(Set(new.values) == Set(old.values))
    #expect(new["ix$memos$z$y"] == old["ix$notes$x$y"])
    #expect(new["ux$memos$y"] == old["ux$notes$y"])
    #expect(try await house.plan(after, after).isEmpty)
    #expect(try await apply(house, after, before, isRollback: true).isEmpty)
    #expect(try await indexes(house, before) == old)
  }

  @Test func anIndexOverANewColumnIsMadeAheadAndRenamed() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema(
      "x: Int y: String", directives: "@index(fields: [\"x\"])")
    let after = MigrationHouse.schema(
      """
      x: String
      a: String @was(name: "y", expr: "{y | before ' '}", back: "{a} {b}") @unique
      b: String @was(name: "y", expr: "{y | after ' '}")
      """, directives: "@index(fields: [\"x\"]) @index(fields: [\"b\", \"x\"])")
    guard try await hasOtherWriters(house, before) else { return }
    let made = try await apply(house, before, after)
    #expect(made.count == 3, "\(made)")
    let names = try await indexes(house, after)
    #expect(names["ix$notes$x"] != nil && names["ux$notes$a"] != nil)
    #expect(names["ix$notes$b$x"] != nil)
    #expect(!names.keys.contains { $0.hasPrefix("next") })
    #expect(try await house.plan(after, after).isEmpty)
    try await house.serve(after) { served async throws in
      #expect(
        try await served.texts("SELECT count(*) FROM roost_index WHERE definition LIKE 'next%'")
          == ["0"])
    }
    // The index that stays is not made again by the start.
    #expect(try await indexes(house, after) == names)
    #expect(try await apply(house, after, before, isRollback: true).count == 1)
    #expect(try await indexes(house, before)["ix$notes$x"] != nil)
  }

  @Test func anIndexThatWasMadeForAnotherPlanGoes() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: Int y: String")
    let other = MigrationHouse.schema(
      "x: Int z: String @was(name: \"y\")", directives: "@index(fields: [\"z\", \"x\"])")
    guard try await hasOtherWriters(house, before) else { return }
    struct Stop: Error {}
    await #expect(throws: Stop.self) {
      try await house.migrate(before, other) { migration, database async throws in
        _ = try await migration.apply(ahead: { indexes in
          for index in indexes { try await index.record(on: database) }
          if !indexes.isEmpty { throw Stop() }
        })
      }
    }
    let last = MigrationHouse.schema(
      "z: Int @was(name: \"x\") y: String", directives: "@index(fields: [\"z\", \"y\"])")
    #expect(try await apply(house, before, last).count == 1)
    let names = try await indexes(house, last)
    #expect(Set(names.keys) == ["ix$notes$owner", "ix$notes$z$y"], "\(names.keys)")
  }
}
