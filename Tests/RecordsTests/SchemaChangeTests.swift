import Records
import RoostCore
import Testing

@Suite struct SchemaChangeTests {
  /// Opens `before`, makes a record, then opens `after` over the same folder; returns what the
  /// record is then, or the error.
  private func change(
    _ before: String, _ body: JSON, _ after: String
  ) async throws -> Result<JSON, SchemaChangeError> {
    let rules = " @allow(ops: [ALL], owner: \"owner\") "
    func schema(_ text: String) -> String {
      text.replacing("@collection", with: "@collection" + rules)
    }
    let first = try await RecordsHouse(schema(before))
    let made = try await first.create("notes", body)
    await first.close(keepingFolder: true)
    do {
      let second = try await RecordsHouse(schema(after), folder: first.folder)
      let row = try await second.read("notes", made["id"])
      await second.close()
      return .success(row)
    } catch let error as SchemaChangeError {
      let third = try await RecordsHouse(schema(before), folder: first.folder)
      #expect(try await third.read("notes", made["id"]) == made)
      await third.close()
      return .failure(error)
    }
  }

  private let base = "type Note @collection { owner: User! text: String }"

  @Test(arguments: [
    "type Note @collection { owner: User! text: String more: Int }",
    "type Note @collection { owner: User! text: String more: Int! @default(value: \"7\") }",
    "type Note @collection @index(fields: [\"text\"]) { owner: User! text: String }",
    "type Note @collection { owner: User! text: String @unique }",
    "type Note @collection { owner: User! text: String } type Other @collection { owner: User! }",
    "type Note @collection { owner: User! text: String! }",
  ]) func additionsAreMadeAtStart(after: String) async throws {
    let row = try await change(base, ["text": "a"], after).get()
    #expect(row["text"] == "a")
    if after.contains("more") { #expect(row["more"] == (after.contains("7") ? 7 : .null)) }
  }

  @Test(arguments: [
    ("type Note @collection { owner: User! }", "Note.text"),
    ("type Note @collection { owner: User! text: Int }", "Note.text"),
    ("type Note @collection { owner: User! text: [String!] }", "Note.text"),
    ("type Note @collection { owner: User! text: String more: Int! }", "Note.more"),
    ("type Other @collection { owner: User! }", "notes"),
  ]) func anythingElseIsRefusedAndNothingIsLost(after: String, name: String) async throws {
    guard case .failure(let error) = try await change(base, ["text": "a"], after) else {
      Issue.record("the change was made")
      return
    }
    #expect(error.description.contains(name))
  }

  @Test func aFieldCannotBecomeRequiredOverMissingValues() async throws {
    let result = try await change(
      base, [:], "type Note @collection { owner: User! text: String! }")
    #expect(throws: SchemaChangeError.self) { try result.get() }
  }

  @Test func anEnumGainsValuesButLosesNone() async throws {
    let two = "enum E { A B } type Note @collection { owner: User! e: E }"
    let three = "enum E { A B C } type Note @collection { owner: User! e: E }"
    #expect(try await change(two, ["e": "B"], three).get()["e"] == "B")
    guard case .failure = try await change(three, ["e": "C"], two) else {
      Issue.record("a value was lost")
      return
    }
  }
}
