import Queries
import RoostCore
import TestEngine
import Testing

@testable import Records

/// The table of the stream index: entries whose ids begin alike, its plans, how it is made anew.
@Suite struct StreamIndexTests {
  private static let schema = """
    type Band @collection @allow(ops: [ALL], owner: "founder") {
      founder: User! @immutable
      members: [Member!]! @relation(inverse: "band")
    }
    type Member @collection @allow(ops: [ALL], owner: "band.founder") {
      band: Band! @immutable @relation(onDelete: CASCADE)
      user: User! @immutable
    }
    type Note @collection @allow(ops: [ALL], owner: "owner")
      @allow(ops: [READ], member: "band.members.user", fields: ["text"]) {
      owner: User! @immutable
      band: Band @relation(onDelete: SET_NULL)
      text: String
      fee: Int
    }
    """

  /// Ids that agree in all that the index of SQLite has of them.
  private static func alike(_ number: UInt64) -> UUID {
    UUID(high: 0x0192_0000_0000_7123, low: 0x8ABC_0000_0000_0000 | number)
  }

  private static func make(
    _ house: RecordsHouse, _ id: UUID, _ body: JSON = [:]
  ) async throws -> JSON {
    var body = body.object ?? JSONObject()
    body["id"] = .string(id.description)
    return try await house.create("notes", .object(body))["id"] ?? .null
  }

  /// `id kind` of what the stream of Ann has of notes, in its order.
  private static func entries(_ house: RecordsHouse) async throws -> [String] {
    let number = house.collection("notes").number
    return try await house.texts(
      """
      SELECT upper(replace(\(house.hex("r.id")), '-', '')) || ' ' || r.kind FROM roost_scope_row r
      JOIN roost_scope_head h ON h.stream = r.stream WHERE r.coll = \(number)
      AND h.scope = \("user:\(house.ann.uid?.description ?? "")") ORDER BY r.seq
      """)
  }

  private static func text(_ number: UInt64, _ kind: Int) -> String {
    "\(alike(number))".replacing("-", with: "").uppercased() + " \(kind)"
  }

  /// How many stand under the first bytes of their ids, for which there is one place.
  private static func uncrowded(_ house: RecordsHouse) async throws -> [String] {
    try await house.texts(
      "SELECT count(DISTINCT id) FROM roost_scope_row WHERE crowded IS NULL AND coll = "
        + .constant(house.collection("notes").number))
  }

  @Test func entriesWhoseIDsBeginAlikeAreToldApart() async throws {
    let house = try await RecordsHouse(StreamIndexTests.schema)
    var audit = StreamAudit()
    var ids: [JSON] = []
    for number in 1...4 as ClosedRange<UInt64> {
      ids.append(try await StreamIndexTests.make(house, StreamIndexTests.alike(number)))
      try await audit.look(at: house, "create \(number)")
    }
    typealias Tests = StreamIndexTests
    #expect(
      try await Tests.entries(house) == [
        Tests.text(1, 1), Tests.text(2, 1), Tests.text(3, 1), Tests.text(4, 1),
      ])
    if TestEngine.current == .sqlite { #expect(try await Tests.uncrowded(house) == ["1"]) }
    // The one that holds the place, and one that is crowded.
    for place in [0, 2] {
      try await house.update("notes", ids[place], ["text": "a"])
      try await audit.look(at: house, "update \(place)")
    }
    try await house.delete("notes", ids[1])
    try await audit.look(at: house, "delete")
    #expect(
      try await Tests.entries(house) == [
        Tests.text(4, 1), Tests.text(1, 1), Tests.text(3, 1), Tests.text(2, 2),
      ])
    // The holder goes for good; the others are found all the same, and one takes the place.
    try await house.delete("notes", ids[0])
    try await house.database.write { transaction in
      _ = try await transaction.execute("UPDATE roost_scope_head SET gc_floor = seq")
      _ = try await transaction.execute("DELETE FROM roost_scope_row WHERE kind = 2")
    }
    if TestEngine.current == .sqlite { #expect(try await Tests.uncrowded(house) == ["0"]) }
    try await house.update("notes", ids[3], ["text": "b"])
    try await house.update("notes", ids[2], ["text": "b"])
    #expect(try await Tests.entries(house) == [Tests.text(4, 1), Tests.text(3, 1)])
    if TestEngine.current == .sqlite { #expect(try await Tests.uncrowded(house) == ["1"]) }
    await house.close()
  }

  @Test func entriesOfOneBatchWhoseIDsBeginAlikeAreToldApart() async throws {
    let house = try await RecordsHouse(StreamIndexTests.schema)
    let ids = (1...100 as ClosedRange<UInt64>).map { StreamIndexTests.alike($0) }
    let records = house.records
    let notes = house.collection("notes")
    let owner = JSON.string(house.ann.uid?.description ?? "")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for id in ids {
        group.addTask {
          _ = try await records.create(
            notes, ["id": .string(id.description), "owner": owner], by: .system)
        }
      }
      try await group.waitForAll()
    }
    var audit = StreamAudit()
    try await audit.look(at: house, "created", isSingle: false)
    #expect(try await StreamIndexTests.entries(house).count == 100)
    if TestEngine.current == .sqlite {
      #expect(try await StreamIndexTests.uncrowded(house) == ["1"])
    }
    let stream = try await house.texts(
      "SELECT stream FROM roost_scope_head WHERE scope LIKE 'user%'")
    let number = try #require(Int64(stream.first ?? ""))
    for id in [ids[0], ids[50], ids[99]] {
      let found = try await house.database.read(.statement) { reader in
        var found: [UUID] = []
        try await reader.query(
          StreamIndex.find[reader.dialect],
          [.int(number), .int(notes.number), .uuid(id)]
        ) { row in
          found.append(StreamIndexEntry(row).id)
          return true
        }
        return found
      }
      #expect(found == [id])
    }
    await house.close()
  }

  /// A changed rule moves them together, in SQL alone.
  @Test func entriesWhoseIDsBeginAlikeFollowAChangedRule() async throws {
    let folder = RecordsHouse.folder()
    let first = try await RecordsHouse(StreamIndexTests.schema, folder: folder)
    let band = try await first.create("bands", [:])["id"] ?? .null
    for number in 1...5 as ClosedRange<UInt64> {
      _ = try await StreamIndexTests.make(
        first, StreamIndexTests.alike(number), ["band": band, "fee": 1])
    }
    await first.close(keepingFolder: true)
    let wider = StreamIndexTests.schema.replacing(
      #"fields: ["text"]"#, with: #"fields: ["text", "fee"]"#)
    let second = try await RecordsHouse(wider, folder: folder)
    var audit = StreamAudit()
    try await audit.look(at: second, "a wider mask", isSingle: false)
    await second.close(keepingFolder: true)
    let narrower = wider.replacing(
      #"@allow(ops: [READ], member: "band.members.user", fields: ["text", "fee"])"#, with: "")
    let third = try await RecordsHouse(narrower, folder: folder)
    audit = StreamAudit()
    try await audit.look(at: third, "without the rule", isSingle: false)
    if TestEngine.current == .sqlite {
      #expect(try await StreamIndexTests.uncrowded(third) == ["1"])
    }
    await third.close()
  }

  @Test func anEntryIsFoundByItsRowThroughAnIndex() async throws {
    let house = try await RecordsHouse(StreamIndexTests.schema)
    let plans = try await house.database.write { transaction in
      let dialect = transaction.dialect
      if let prepare = dialect.prepareExplain {
        try await transaction.query(prepare) { _ in true }
      }
      var plans: [[String]] = []
      let found = StreamIndex.find[dialect].sql
      for sql in [found] {
        var lines: [String] = []
        try await transaction.query(
          Statement(dialect.explain(sql)), [.int(1), .int(1), .uuid(StreamIndexTests.alike(1))]
        ) { row in
          lines.append(row.text(dialect.planColumn))
          return true
        }
        plans.append(lines)
      }
      return plans
    }
    let index =
      TestEngine.current == .sqlite ? "roost_scope_row_id (<expr>=?)" : "roost_scope_row_id"
    for plan in plans {
      #expect(plan.contains { $0.contains(index) }, "\(plan)")
    }
    await house.close()
  }

  // MARK: From before

  /// The table as the step before left it.
  private static func former(_ d: Dialect) -> [SQL] {
    [
      """
      CREATE TABLE former (
        stream \(d.integer) NOT NULL, coll \(d.integer) NOT NULL, id \(d.id) NOT NULL,
        seq \(d.integer) NOT NULL, rv \(d.integer) NOT NULL, mask \(d.integer) NOT NULL,
        kind \(d.integer) NOT NULL,
        PRIMARY KEY (stream, coll, id)
      )\(d.keyed)
      """,
      """
      INSERT INTO former SELECT stream, coll, id, seq, rv, coalesce(mask, 0), kind
      FROM roost_scope_row
      """,
      "DROP TABLE roost_scope_row",
      "ALTER TABLE former RENAME TO roost_scope_row",
      "CREATE UNIQUE INDEX roost_scope_row_seq ON roost_scope_row (stream, seq)",
      "DROP TABLE roost_scope_crowd",
      "DELETE FROM roost_migration WHERE number >= \(RecordsMigrations.all.count - 2)",
    ]
  }

  private static func everything(_ house: RecordsHouse) async throws -> [String] {
    try await house.texts(
      """
      SELECT h.scope || ' ' || h.tier || ' ' || h.seq || ' ' || h.removal_seq || ' ' || h.gc_floor
      || ' ' || r.seq || ' ' || r.coll || ' ' || \(house.hex("r.id")) || ' ' || r.rv || ' '
      || coalesce(r.mask, 0) || ' ' || r.kind
      FROM roost_scope_head h LEFT JOIN roost_scope_row r ON r.stream = h.stream
      ORDER BY h.stream, r.seq
      """)
  }

  @Test func aTableFromBeforeIsMadeAnewWithAllThatStandsInIt() async throws {
    let folder = RecordsHouse.folder()
    let first = try await RecordsHouse(StreamIndexTests.schema, folder: folder)
    let band = try await first.create("bands", [:])["id"] ?? .null
    var ids: [JSON] = []
    for number in 1...40 as ClosedRange<UInt64> {
      let id = number % 2 == 0 ? StreamIndexTests.alike(number) : UUID(high: number, low: number)
      ids.append(try await StreamIndexTests.make(first, id, ["band": band]))
    }
    for place in 0..<10 { try await first.update("notes", ids[place], ["text": "a"]) }
    for place in 5..<9 { try await first.delete("notes", ids[place]) }
    try await first.update("notes", ids[30], ["band": .null])
    let before = try await StreamIndexTests.everything(first)
    #expect(before.contains { $0.hasSuffix(" 3") } && before.contains { $0.hasSuffix(" 2") })
    try await first.database.write { transaction in
      for statement in StreamIndexTests.former(transaction.dialect) {
        try await transaction.execute(statement)
      }
    }
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(StreamIndexTests.schema, folder: folder)
    #expect(try await StreamIndexTests.everything(second) == before)
    if TestEngine.current == .sqlite {
      #expect(
        try await second.texts(
          """
          SELECT count(DISTINCT id) FROM roost_scope_row WHERE crowded IS NULL
          AND substr(id, 2, 9) = substr(\(StreamIndexTests.alike(1)), 2, 9)
          """) == ["1"])
    }
    var audit = StreamAudit()
    try await audit.look(at: second, "made anew", isSingle: false)
    for place in 0..<40 where !(5..<9).contains(place) {
      try await second.update("notes", ids[place], ["text": "b"])
    }
    try await audit.look(at: second, "written to", isSingle: false)
    await second.close()
  }
}
