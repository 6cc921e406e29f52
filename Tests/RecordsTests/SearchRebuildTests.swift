import Queries
import Records
import RoostCore
import Testing

private func schema(_ title: String = "title: String @search", _ more: String = "") -> String {
  """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User! key: String! \(title) body: String \(more)
  }
  """
}

@Suite struct SearchRebuildTests {
  private func create(_ search: SearchHouse, _ key: String, _ title: String) async throws -> JSON? {
    try await search.house.create(
      "notes", ["key": .string(key), "title": .string(title), "body": .string("b" + title)])["id"]
  }

  @Test func itGoesOnWhereItStopped() async throws {
    var search = try await SearchHouse(schema())
    let folder = search.house.folder
    let first = try await create(search, "a", "blue")
    #expect(try await search.found("blue") == ["a"])
    await search.close(keepingFolder: true)
    // Changes that no indexer saw.
    search = try await SearchHouse(schema(), folder: folder, runs: false)
    _ = try await create(search, "b", "blue")
    try await search.house.update("notes", first, ["title": "red"])
    await search.close(keepingFolder: true)
    search = try await SearchHouse(schema(), folder: folder)
    #expect(try await search.found("blue") == ["b"])
    #expect(try await search.found("red") == ["a"])
    #expect(
      try await search.house.texts("SELECT done FROM roost_search") == ["0"], "nothing was rebuilt")
    await search.close()
  }

  @Test func entriesThatComeAgainChangeNothing() async throws {
    let search = try await SearchHouse(schema(), runs: false)
    let records = search.house.records
    for key in ["a", "b"] { _ = try await create(search, key, "blue") }
    for _ in 0..<2 {
      let runner = FollowerRunner(
        SearchIndexer(records), records: records, logger: Logger(level: .error))
      runner.start()
      // Until the follower has written its place down again, what it has not seen is not found.
      var found: [String] = []
      for _ in 0..<500 where found != ["a", "b"] {
        found = try await search.found("blue")
        try await Task.sleep(nanoseconds: 10_000_000)
      }
      #expect(found == ["a", "b"])
      await runner.stop()
      _ = try await search.house.database.write { transaction in
        try await transaction.execute("UPDATE roost_follower SET position = 0")
      }
    }
    #expect(try await search.house.texts("SELECT count(*) FROM roost_search_1") == ["2"])
    await search.close()
  }

  @Test func aDatabaseThatKnewNoSearchIsBroughtInWithoutItsLog() async throws {
    let plain = schema("title: String")
    var search = try await SearchHouse(plain)
    let folder = search.house.folder
    let gone = try await create(search, "gone", "blue")
    let notes = search.house.collection("notes")
    let owner: JSON = .string(search.house.ann.uid?.description ?? "")
    let many = try (0..<1100).map { number in
      try search.house.records.systemCreate(
        notes, ["owner": owner, "key": .string("k\(number)"), "title": .string("blue w\(number)")])
    }
    _ = try await search.house.records.importBatch(many)
    try await search.house.delete("notes", gone)
    _ = try await search.house.database.write { transaction in
      try await transaction.execute("DELETE FROM roost_log")
      try await transaction.execute("DELETE FROM roost_follower")
    }
    await search.close(keepingFolder: true)
    search = try await SearchHouse(schema(), folder: folder)
    #expect(try await search.found("blue").count == 1100)
    #expect(try await search.found("w1099") == ["k1099"])
    #expect(try await search.house.texts("SELECT done FROM roost_search") == ["1100"])
    await search.close()
  }

  @Test func aRebuildIsSaidAndGoesOnAfterAStop() async throws {
    var search = try await SearchHouse(schema("title: String"))
    let folder = search.house.folder
    let notes = search.house.collection("notes")
    let owner: JSON = .string(search.house.ann.uid?.description ?? "")
    let many = try (0..<600).map { number in
      try search.house.records.systemCreate(
        notes, ["owner": owner, "key": .string("k\(number)"), "title": "blue"])
    }
    _ = try await search.house.records.importBatch(many)
    await search.close(keepingFolder: true)

    search = try await SearchHouse(schema(), folder: folder, runs: false)
    let records = search.house.records
    let error = await refusal {
      try await records.awaitSearch(search.house.collection("notes"), patience: 1)
    }
    #expect(error?.code == .overloaded)
    #expect(error?.retryAfterSeconds == 5)
    // One piece, then a stop.
    let indexer = SearchIndexer(records)
    let isDone = try await records.database.write { try await indexer.catchUp(in: $0) }
    #expect(!isDone)
    #expect(try await search.house.texts("SELECT done FROM roost_search") == ["250"])
    // A change of what was brought in, and of what was not.
    let ids = try await search.house.texts("SELECT \(search.house.hex("id")) FROM notes ORDER BY id")
    #expect(ids.count == 600)
    for (place, key) in [(0, "first"), (599, "last")] {
      let hex = ids[place]
      let isIt: SQL = "\(search.house.hex("id")) = \(hex)"
      let id = try await search.house.database.read(.statement) { reader in
        try await reader.first("SELECT id FROM notes WHERE \(isIt)") { $0.uuid(0) }
      }
      try await search.house.update(
        "notes", .string(id.flatMap { $0 }?.description ?? ""),
        ["title": "red", "key": .string(key)])
    }
    await search.close(keepingFolder: true)

    search = try await SearchHouse(schema(), folder: folder)
    #expect(try await search.found("blue").count == 598)
    #expect(try await search.found("red") == ["first", "last"])
    #expect(try await search.house.texts("SELECT count(*) FROM roost_search_1") == ["600"])
    await search.close()
  }

  @Test func otherFieldsMakeAnotherIndex() async throws {
    var search = try await SearchHouse(schema())
    let folder = search.house.folder
    _ = try await create(search, "a", "blue")
    #expect(try await search.found("blue") == ["a"])
    await search.close(keepingFolder: true)

    search = try await SearchHouse(
      schema("title: String", "@search tags: [String!] @search"), folder: folder)
    #expect(try await search.found("blue") == [])
    #expect(try await search.found("bblue") == ["a"])
    let made = try await search.house.create("notes", ["key": "b", "tags": ["x y", "z"]])
    #expect(try await search.found("\"x y\"") == ["b"])
    #expect(try await search.found("\"y z\"") == [])
    try await search.house.update("notes", made["id"], ["tags": ["q"]])
    #expect(try await search.found("x") == [])
    await search.close(keepingFolder: true)

    // The tokenizer has changed.
    search = try await SearchHouse(
      schema("title: String", "@search tags: [String!] @search"), folder: folder, runs: false)
    _ = try await search.house.database.write { transaction in
      try await transaction.execute("UPDATE roost_search SET signature = '0' || signature")
    }
    await search.close(keepingFolder: true)
    search = try await SearchHouse(
      schema("title: String", "@search tags: [String!] @search"), folder: folder)
    #expect(try await search.found("bblue") == ["a"])
    #expect(try await search.house.texts("SELECT done FROM roost_search") == ["2"])
    await search.close(keepingFolder: true)

    search = try await SearchHouse(schema("title: String", "tags: [String!]"), folder: folder)
    let tables: SQL =
      search.house.database.dialect == .sqlite
      ? "SELECT name FROM sqlite_schema WHERE name LIKE 'roost_search_%'"
      : "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'roost_search_%'"
    #expect(try await search.house.texts(tables) == [])
    #expect(try await search.house.texts("SELECT count(*) FROM roost_search") == ["0"])
    await search.close()
  }

  @Test func aFieldMayBeNamedAsTheEngineNamesItsOwn() async throws {
    let names = "rank: String @search rowid: String @search row: String @search"
    let search = try await SearchHouse(schema("title: String", names))
    try await search.house.create("notes", ["key": "a", "rank": "blue", "row": "red"])
    #expect(try await search.found("blue red") == ["a"])
    await search.close()
  }
}
