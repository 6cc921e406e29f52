import Queries
import Records
import RoostCore
import Testing

@Suite struct IndexChangeTests {
  private func indexes(_ house: RecordsHouse) async throws -> [String] {
    if house.database.dialect == .postgres {
      return try await house.texts(
        """
        SELECT indexname || ':' || tablename FROM pg_indexes WHERE schemaname = current_schema()
        AND tablename NOT LIKE 'roost_%' AND indexname NOT LIKE 'pk$%' ORDER BY indexname COLLATE "C"
        """)
    }
    return try await house.texts(
      """
      SELECT name || ':' || tbl_name FROM sqlite_master
      WHERE type = 'index' AND sql IS NOT NULL AND tbl_name NOT LIKE 'roost_%' ORDER BY name
      """)
  }

  @Test func fieldsWhoseNamesRunTogetherHaveIndexesOfTheirOwn() async throws {
    let house = try await RecordsHouse(
      """
      type Note @collection @allow(ops: [ALL], owner: "owner")
        @index(fields: ["a_b"]) @index(fields: ["a", "b"], unique: true)
        @index(fields: ["a", "unique"]) @index(fields: ["a"], unique: true) {
        owner: User! a_b: String a: String b: String unique: String
      }
      """)
    #expect(
      try await indexes(house) == [
        "ix$notes$a$unique:notes", "ix$notes$a_b:notes", "ix$notes$owner:notes",
        "ux$notes$a:notes", "ux$notes$a$b:notes",
      ])
    try await house.create("notes", ["a": "x", "b": "y"])
    let error = await refusal { try await house.create("notes", ["a": "x", "b": "y"]) }
    #expect(error?.code == .conflict)
    await house.close()
  }

  @Test func collectionsWhoseNamesRunTogetherHaveIndexesOfTheirOwn() async throws {
    let house = try await RecordsHouse(
      """
      type Left @collection(name: "a_b") @index(fields: ["c"]) { c: Int }
      type Right @collection(name: "a") @index(fields: ["b_c"]) { b_c: Int }
      """)
    #expect(try await indexes(house) == ["ix$a$b_c:a", "ix$a_b$c:a_b"])
    await house.close()
  }

  @Test func anIndexUnderAnOlderNameIsMadeAnew() async throws {
    let schema = "type Note @collection @index(fields: [\"n\"]) { n: Int }"
    let first = try await RecordsHouse(schema)
    try await first.database.write { transaction in
      try await transaction.execute("DROP INDEX \"ix$notes$n\"")
      try await transaction.execute("CREATE INDEX ix_notes_n ON notes (n)")
      try await transaction.execute("UPDATE roost_index SET name = 'ix_notes_n'")
    }
    #expect(try await indexes(first) == ["ix_notes_n:notes"])
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(schema, folder: first.folder)
    #expect(try await indexes(second) == ["ix$notes$n:notes"])
    #expect(try await second.texts("SELECT name FROM roost_index") == ["ix$notes$n"])
    await second.close()
  }
}
