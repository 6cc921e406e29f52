import Queries
import Records
import RoostCore
import Testing

/// What becomes of the stream index and the log when the schema changes between two starts.
@Suite struct StreamChangeTests {
  private static func note(
    _ rules: String = "@allow(ops: [ALL], owner: \"owner\")", fields: String = ""
  ) -> String {
    """
    type Note @collection \(rules) { owner: User! editor: User text: String \(fields) }
    type Other @collection @allow(ops: [ALL], owner: "owner") { owner: User! }
    """
  }

  /// The scope of the stream `h`, with the names of people.
  private static func shown(_ house: RecordsHouse) -> SQL {
    let ann = "user:\(house.ann.uid?.description ?? "")"
    let bob = "user:\(house.bob.uid?.description ?? "")"
    return "CASE h.scope WHEN \(ann) THEN 'ann' WHEN \(bob) THEN 'bob' ELSE h.scope END"
  }

  /// `scope tier collection kind rv` of every entry in the order of the stream's sequences, after a
  /// check that these are dense enough: one for each entry at most, and none beyond the head.
  private func entries(_ house: RecordsHouse) async throws -> [String] {
    let beyond = try await house.texts(
      """
      SELECT r.seq FROM roost_scope_row r JOIN roost_scope_head h ON h.stream = r.stream
      WHERE r.seq > h.seq OR r.seq < 1
      """)
    #expect(beyond == [])
    return try await house.texts(
      """
      SELECT \(StreamChangeTests.shown(house)) || ' ' || h.tier || ' ' || c.name || ' ' || r.kind || ' ' || r.rv
      FROM roost_scope_row r JOIN roost_scope_head h ON h.stream = r.stream
      JOIN roost_collection c ON c.number = r.coll ORDER BY h.stream, r.seq
      """)
  }

  /// `scope seq removal_seq` of every stream, in the order of their making.
  private func heads(_ house: RecordsHouse) async throws -> [String] {
    try await house.texts(
      """
      SELECT \(StreamChangeTests.shown(house)) || ' ' || h.seq || ' ' || h.removal_seq
      FROM roost_scope_head h ORDER BY h.stream
      """)
  }

  /// Two notes of ann, the first of them changed once, one of bob, one deleted, and something else.
  private func filled(_ schema: String) async throws -> RecordsHouse {
    let house = try await RecordsHouse(schema)
    let first = try await house.create("notes", ["text": "a"])
    house.time.advance(1)
    try await house.create("notes", ["text": "b"])
    house.time.advance(1)
    try await house.create("notes", ["text": "c"], by: house.bob)
    try await house.update("notes", first["id"], ["text": "d"])
    let gone = try await house.create("notes", ["text": "e"])
    try await house.delete("notes", gone["id"])
    try await house.create("others", [:])
    return house
  }

  private let ofOwners = [
    "ann LIVE notes 1 1", "ann LIVE notes 1 2", "ann LIVE notes 2 2", "ann LIVE others 1 1",
    "bob LIVE notes 1 1",
  ]

  @Test func rowsLeaveTheStreamsOfOldRulesAndAreInThoseOfNewOnes() async throws {
    let first = try await filled(StreamChangeTests.note())
    #expect(try await entries(first) == ofOwners)
    #expect(try await heads(first) == ["ann 6 5", "bob 1 0"])
    await first.close(keepingFolder: true)

    let open = StreamChangeTests.note(
      "@allow(ops: [ALL], owner: \"owner\") @allow(ops: [READ], to: USER)")
    let second = try await RecordsHouse(open, folder: first.folder, time: first.time)
    let rows = [
      "ann LIVE notes 2 2", "ann LIVE others 1 1", "ann LIVE notes 3 2", "ann LIVE notes 3 1",
      "bob LIVE notes 3 1", "users LIVE notes 1 2", "users LIVE notes 1 1", "users LIVE notes 1 1",
    ]
    #expect(try await entries(second) == rows)
    #expect(try await heads(second) == ["ann 8 8", "bob 2 2", "users 3 0"])
    // The streams go on behind what was moved.
    try await second.create("notes", ["text": "f"])
    #expect(try await heads(second) == ["ann 8 8", "bob 2 2", "users 4 0"])
    await second.close(keepingFolder: true)

    let third = try await RecordsHouse(StreamChangeTests.note(), folder: first.folder)
    #expect(
      try await entries(third).filter { !$0.hasPrefix("users") } == [
        "ann LIVE notes 2 2", "ann LIVE others 1 1", "ann LIVE notes 1 2", "ann LIVE notes 1 1",
        "ann LIVE notes 1 1", "bob LIVE notes 1 1",
      ])
    #expect(try await heads(third) == ["ann 11 8", "bob 3 2", "users 8 8"])
    await third.close()
  }

  @Test func rowsMoveWhenTheTierChanges() async throws {
    let first = try await filled(StreamChangeTests.note())
    await first.close(keepingFolder: true)
    let hourly = StreamChangeTests.note(
      "@allow(ops: [ALL], owner: \"owner\") @sync(tier: HOURLY)")
    let second = try await RecordsHouse(hourly, folder: first.folder)
    #expect(
      try await entries(second).filter { $0.contains(" HOURLY notes 1 ") }.count == 3)
    #expect(try await entries(second).filter { $0.contains(" notes 3 ") }.count == 3)
    await second.close(keepingFolder: true)
    let none = StreamChangeTests.note(
      "@allow(ops: [ALL], owner: \"owner\") @sync(tier: SERVER_ONLY)")
    let third = try await RecordsHouse(none, folder: first.folder)
    #expect(try await entries(third).filter { $0.contains(" notes 1 ") } == [])
    #expect(try await entries(third).filter { $0.contains(" others 1 ") }.count == 1)
    await third.close()
  }

  @Test(arguments: [
    "@allow(ops: [ALL], owner: \"owner\")",
    "@allow(ops: [WRITE], owner: \"owner\") @allow(ops: [READ], owner: \"owner\")",
    "@allow(ops: [ALL], owner: \"owner\") @allow(ops: [CREATE], to: USER)",
  ]) func nothingMovesWhereTheScopesStay(rules: String) async throws {
    let first = try await filled(StreamChangeTests.note())
    let before = (try await entries(first), try await heads(first))
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(StreamChangeTests.note(rules), folder: first.folder)
    #expect(try await entries(second) == before.0)
    #expect(try await heads(second) == before.1)
    #expect(try await second.texts("SELECT count(*) FROM roost_stream_rules") == ["2"])
    await second.close()
  }

  @Test func aDatabaseThatKnowsNoRulesYetIsBroughtInStep() async throws {
    let first = try await filled(StreamChangeTests.note())
    try await first.database.write { transaction in
      try await transaction.execute("DELETE FROM roost_stream_rules")
      try await transaction.execute("UPDATE roost_scope_row SET kind = 3 WHERE rv = 2 AND kind = 1")
    }
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(StreamChangeTests.note(), folder: first.folder)
    #expect(try await entries(second).sorted() == ofOwners.sorted())
    #expect(try await heads(second) == ["ann 7 5", "bob 1 0"])
    await second.close()
  }

  // MARK: Defaults of new fields

  @Test func theDefaultOfANewFieldIsAChangeOfEachRow() async throws {
    let first = try await filled(StreamChangeTests.note())
    let before = try await first.list("notes")
    #expect(try await first.logged() == ["7"])
    await first.close(keepingFolder: true)
    first.time.advance(5000)
    let fields =
      "stars: Int! @default(value: \"3\") tags: [String!] @default(value: \"[\\\"x\\\"]\")"
    let second = try await RecordsHouse(
      StreamChangeTests.note(fields: fields), folder: first.folder, time: first.time)
    let after = try await second.list("notes")
    #expect(after.count == 2)
    for (old, new) in zip(before, after) {
      #expect(new["id"] == old["id"])
      #expect(new["stars"] == 3)
      #expect(new["tags"] == ["x"])
      #expect(new["version"]?.int == (old["version"]?.int ?? 0) + 1)
      #expect(new["updatedAt"] != old["updatedAt"])
      #expect(new["createdAt"] == old["createdAt"])
    }
    let logged = try await second.texts(
      """
      SELECT l.kind || ' ' || l.mutation FROM roost_log l JOIN notes n ON n.id = l.id
      WHERE l.at = n."updatedAt" AND l.version = n.version AND l.mutation LIKE '{"stars":3%'
      """)
    let text = "{\"stars\":3,\"tags\":[\"x\"]}"
    #expect(logged == ["2 \(text)", "2 \(text)", "2 \(text)"])
    #expect(try await second.logged() == ["10"])
    #expect(try await second.texts("SELECT count(*) FROM roost_log") == ["10"])
    #expect(
      try await entries(second) == [
        "ann LIVE notes 2 2", "ann LIVE others 1 1", "ann LIVE notes 1 3", "ann LIVE notes 1 2",
        "bob LIVE notes 1 2",
      ])
    #expect(try await heads(second) == ["ann 8 5", "bob 2 0"])
    // A deleted row is no news, but its column holds what it must.
    #expect(
      try await second.texts(
        "SELECT version || ' ' || stars FROM notes WHERE \"deletedAt\" IS NOT NULL") == ["2 3"])
    try await second.create("notes", [:])
    #expect(try await second.logged() == ["11"])
    await second.close()
  }

  @Test func aNewFieldWithoutADefaultChangesNoRow() async throws {
    let first = try await filled(StreamChangeTests.note())
    let before = (try await entries(first), try await heads(first))
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(
      StreamChangeTests.note(fields: "stars: Int"), folder: first.folder)
    #expect(try await entries(second) == before.0)
    #expect(try await heads(second) == before.1)
    #expect(try await second.logged() == ["7"])
    await second.close()
  }

  @Test func aDefaultThatBreaksAUniqueIndexIsRefused() async throws {
    let first = try await filled(StreamChangeTests.note())
    await first.close(keepingFolder: true)
    await #expect(throws: SchemaChangeError.self) {
      _ = try await RecordsHouse(
        StreamChangeTests.note(fields: "slug: String! @unique @default(value: \"a\")"),
        folder: first.folder)
    }
    let again = try await RecordsHouse(StreamChangeTests.note(), folder: first.folder)
    #expect(try await heads(again) == ["ann 6 5", "bob 1 0"])
    await again.close()
  }
}
