import Queries
import Records
import RoostCore
import Testing

private func schema(
  _ fields: String = "title: String @search body: String @search tags: [String!] @search"
) -> String {
  """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User! key: String! rank: String \(fields)
  }
  type Plain @collection @allow(ops: [ALL], owner: "owner") { owner: User! name: String }
  """
}

@Suite struct SearchTests {
  private func filled() async throws -> SearchHouse {
    let search = try await SearchHouse(schema())
    let notes: [JSON] = [
      ["key": "a", "title": "Élève à Paris", "body": "Blue moon", "tags": ["rock", "blue note"]],
      ["key": "b", "title": "The blues", "body": "moon over Straße 7"],
      ["key": "c", "title": "東京都の夜", "body": "blue", "tags": ["night", "moon"]],
      ["key": "d", "title": "\"quoted\" OR nothing", "body": ""],
      ["key": "e", "title": "ภาษาไทย", "body": "한국어를 배우다"],
    ]
    for note in notes { try await search.house.create("notes", note) }
    return search
  }

  @Test func whatIsWrittenIsFoundAtOnce() async throws {
    let search = try await filled()
    for (text, keys) in [
      ("blue", ["a", "c"]), ("BLUE moon", ["a", "c"]), ("blue*", ["a", "b", "c"]),
      ("\"blue moon\"", ["a"]), ("\"moon blue\"", []), ("eleve paris", ["a"]), ("lue", []),
      ("strasse", ["b"]), ("東京", ["c"]), ("京都", ["c"]), ("京", ["c"]), ("夜", ["c"]), ("東都", []),
      ("ไทย", ["e"]), ("한국어*", ["e"]), ("한국어", []), ("quoted", ["d"]), ("or", ["d"]),
      ("\"rock blue\"", []), ("\"blue note\"", ["a"]), ("night", ["c"]), ("7", ["b"]),
    ] {
      #expect(try await search.found(text) == keys, "\(text)")
    }
    await search.close()
  }

  @Test func changesAndDeletesAreFollowed() async throws {
    let search = try await filled()
    let house = search.house
    let made = try await house.create("notes", ["key": "f", "title": "green"])
    #expect(try await search.found("green") == ["f"])
    try await house.update("notes", made["id"], ["title": "yellow"])
    #expect(try await search.found("green") == [])
    #expect(try await search.found("yellow") == ["f"])
    try await house.update("notes", made["id"], ["title": .null])
    #expect(try await search.found("yellow") == [])
    #expect(try await house.texts("SELECT count(*) FROM roost_search_1") == ["5"])
    try await house.update("notes", made["id"], ["title": "red"])
    #expect(try await search.found("red") == ["f"])
    try await house.delete("notes", made["id"])
    #expect(try await search.found("red") == [])
    #expect(try await house.texts("SELECT count(*) FROM roost_search_1") == ["5"])
    // The index of FTS5 is what its content says, word by word; a vector is part of its row.
    if house.database.dialect == .sqlite {
      _ = try await house.database.write { transaction in
        try await transaction.execute(
          """
          INSERT INTO roost_search_1_index (roost_search_1_index, rank) VALUES ('integrity-check', 1)
          """)
      }
    }
    await search.close()
  }

  @Test func whatOtherColumnsHoldMakesNoDifference() async throws {
    let search = try await filled()
    #expect(try await search.found("moon", fields: ["title"]) == [])
    #expect(try await search.found("moon", fields: ["body"]) == ["a", "b"])
    #expect(try await search.found("moon", fields: ["tags"]) == ["c"])
    #expect(try await search.found("blue moon", fields: ["body", "tags"]) == ["a", "c"])
    #expect(try await search.found("eleve moon", fields: ["title"]) == [])
    #expect(try await search.found("eleve moon", fields: ["title", "body"]) == ["a"])
    #expect(try await search.found("moon", fields: []) == [])
    // A field that is not searchable is as if it were not named.
    #expect(try await search.found("a", fields: ["key"]) == [])
    #expect(try await search.found("moon", fields: ["key", "body"]) == ["a", "b"])
    await search.close()
  }

  @Test func theConditionIsServedByTheIndex() async throws {
    let search = try await filled()
    let notes = search.house.collection("notes")
    let query = try SearchQuery("blue")
    try await search.house.records.awaitSearch(notes, patience: 60_000)
    let condition = notes.searchCondition(query, fields: notes.searchableFields)
    let keys = try await search.house.texts(
      "SELECT key FROM notes WHERE \(condition) ORDER BY key")
    #expect(keys == ["a", "c"])
    let plan = try await search.house.plan(
      """
      SELECT key FROM notes
      WHERE \(notes.searchCondition(query, fields: notes.searchableFields)) LIMIT 5
      """)
    let served = ["VIRTUAL TABLE INDEX", "Bitmap Index Scan on roost_search_1_words"]
    #expect(plan.contains { line in served.contains { line.contains($0) } }, "\(plan)")
    #expect(!plan.contains { $0.contains("CORRELATED") }, "\(plan)")
    await search.close()
  }

  @Test func hostileWordsFindNothingAndBreakNothing() async throws {
    let search = try await filled()
    for text in [
      "\"; DROP TABLE notes; --", "a' OR '1'='1", "{f4}", "f4:blue x", "NEAR(zz zz)", "zz*",
      "\u{FDFA}", String(repeating: "\u{FDFA}", count: 200), String(repeating: "京", count: 200),
      "rowid", "rank:zz", "zz AND", "NOT zz", "(((zz", "zz)))", "^zz", "zz\\", "zz%00",
    ] {
      #expect(try await search.found(text) == [], "\(text.prefix(20))")
    }
    #expect(try await search.found("blue") == ["a", "c"])
    await search.close()
  }

  @Test func hostileRecordsAreIndexed() async throws {
    let search = try await SearchHouse(schema())
    let marks = String(repeating: "\u{301}", count: 400_000)
    for (key, text) in [
      ("marks", "a" + marks + "b"), ("lone", marks),
      ("long", String(repeating: "x", count: 900_000)),
      ("many", String(repeating: "z ", count: 400_000) + "last"), ("nul", "a\u{7F}c"),
      ("gap", "first | second"), ("quote", "it\"s '; --"),
    ] {
      try await search.house.create("notes", ["key": .string(key), "title": .string(text)])
    }
    #expect(try await search.found("ab") == ["marks"])
    #expect(try await search.found(String(repeating: "x", count: 100)) == ["long"])
    #expect(try await search.found("z") == ["many"])
    #expect(try await search.found("last") == [])
    #expect(try await search.found("\"first second\"") == ["gap"])
    #expect(try await search.found("it s") == ["quote"])
    await search.close()
  }

  @Test func whatCannotBeIndexedInTimeIsSaid() async throws {
    let search = try await SearchHouse(schema(), runs: false)
    try await search.house.create("notes", ["key": "a", "title": "blue"])
    let notes = search.house.collection("notes")
    let error = await refusal { try await search.house.records.awaitSearch(notes, patience: 1) }
    #expect(error?.code == .overloaded)
    #expect(error?.retryAfterSeconds == 1)
    await search.close()
  }

  @Test func manyWritersFindTheirOwnWritesAtOnce() async throws {
    let search = try await SearchHouse(schema())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          for number in 0..<10 {
            let word = "w\(writer)n\(number)"
            try await search.house.create("notes", ["key": .string(word), "body": .string(word)])
            #expect(try await search.found(word) == [word])
          }
        }
      }
      try await group.waitForAll()
    }
    await search.close()
  }
}
