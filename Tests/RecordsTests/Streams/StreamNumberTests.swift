import Queries
import RoostCore
import Schema
import SyncProtocol
import TestEngine
import Testing

@testable import Records

/// Rows of one number in the index of PostgreSQL, and streams with holes.
@Suite struct StreamNumberTests {
  private static let schema = """
    type Note @collection @allow(ops: [ALL], owner: "owner") {
      owner: User! @immutable
      text: String
    }
    """
  private typealias Tests = StreamNumberTests

  // MARK: Ids of one number

  /// `hash_bytes_extended` of PostgreSQL for 16 bytes, step by step and back:
  /// https://burtleburtle.net/bob/c/lookup3.c.
  private struct State {
    var a: UInt32
    var b: UInt32
    var c: UInt32

    init(seed: UInt64) {
      a = 0x9e37_79b9 &+ 16 &+ 3_923_095
      b = a
      c = a
      a &+= UInt32(truncatingIfNeeded: seed >> 32)
      b &+= UInt32(truncatingIfNeeded: seed)
      mix()
    }

    init(_ a: UInt32, _ b: UInt32, _ c: UInt32) { (self.a, self.b, self.c) = (a, b, c) }

    private static func turned(_ value: UInt32, _ by: UInt32) -> UInt32 {
      value << by | value >> (32 - by)
    }

    private static func mix(_ x: inout UInt32, _ y: UInt32, _ z: inout UInt32, _ by: UInt32) {
      x &-= z
      x ^= turned(z, by)
      z &+= y
    }

    private static func unmix(_ x: inout UInt32, _ y: UInt32, _ z: inout UInt32, _ by: UInt32) {
      z &-= y
      x ^= turned(z, by)
      x &+= z
    }

    mutating func mix() {
      State.mix(&a, b, &c, 4)
      State.mix(&b, c, &a, 6)
      State.mix(&c, a, &b, 8)
      State.mix(&a, b, &c, 16)
      State.mix(&b, c, &a, 19)
      State.mix(&c, a, &b, 4)
    }

    mutating func unmix() {
      State.unmix(&c, a, &b, 4)
      State.unmix(&b, c, &a, 19)
      State.unmix(&a, b, &c, 16)
      State.unmix(&c, a, &b, 8)
      State.unmix(&b, c, &a, 6)
      State.unmix(&a, b, &c, 4)
    }

    mutating func unfinish() {
      c &+= State.turned(b, 24); c ^= b
      b &+= State.turned(a, 14); b ^= a
      a &+= State.turned(c, 4); a ^= c
      c &+= State.turned(b, 16); c ^= b
      b &+= State.turned(a, 25); b ^= a
      a &+= State.turned(c, 11); a ^= c
      c &+= State.turned(b, 14); c ^= b
    }
  }

  /// So many ids of version 7 that have one number in a stream and collection.
  private static func twins(_ count: Int, stream: Int64, collection: Int64) -> [UUID] {
    let start = State(seed: UInt64((stream << 15) + collection))
    var ids: [UUID] = []
    var free: UInt32 = 0
    while ids.count < count {
      free += 1
      var state = State(free, 0x1234_5678, 0x9abc_def0)
      state.unfinish()
      let last = free &* 2_654_435_761
      state.a &-= last
      state.unmix()
      let words = [
        state.a &- start.a, state.b &- start.b, state.c &- start.c, last,
      ].map { UInt64($0.byteSwapped) }
      let id = UUID(high: words[0] << 32 | words[1], low: words[2] << 32 | words[3])
      if id.high >> 12 & 15 == 7, id.low >> 62 == 2 { ids.append(id) }
    }
    return ids
  }

  /// Ids of one number in the stream of Ann, which has an entry already.
  private static func twins(_ count: Int, in house: RecordsHouse) async throws -> [UUID] {
    let number = house.collection("notes").number
    let found = try await house.texts("SELECT stream FROM roost_scope_row LIMIT 1")
    let stream = try #require(found.first.flatMap { Int64($0) })
    let ids = twins(count, stream: stream, collection: number)
    let numbers = ids.map { id -> SQL in
      "(\(StreamIndex.number(of: "CAST(\(id) AS uuid)", in: .constant(number), at: .constant(stream))))"
    }
    #expect(
      try await house.texts(
        "SELECT count(DISTINCT n) FROM (VALUES \(numbers.joined(by: ", "))) v (n)") == ["1"])
    return ids
  }

  private static func make(_ house: RecordsHouse, _ id: UUID) async throws {
    try await house.create("notes", ["id": .string(id.description)])
  }

  private static func crowded(_ house: RecordsHouse) async throws -> [String] {
    try await house.texts(
      "SELECT coalesce(crowded, 0) FROM roost_scope_row WHERE kind = 1 ORDER BY 1")
  }

  private static func json(_ id: UUID) -> JSON { .string(id.description) }

  @Test(.enabled(if: TestEngine.current == .postgres))
  func rowsOfOneNumberAreToldApart() async throws {
    let folder = RecordsHouse.folder()
    let house = try await RecordsHouse(Tests.schema, folder: folder)
    var audit = StreamAudit()
    try await house.create("notes", [:])
    let ids = try await Tests.twins(4, in: house)
    try await audit.look(at: house, "before")
    for id in ids.prefix(3) {
      try await Tests.make(house, id)
      try await audit.look(at: house, "created")
    }
    #expect(try await Tests.crowded(house) == ["0", "0", "1", "1"])
    for id in ids.prefix(3) {
      try await house.update("notes", Tests.json(id), ["text": "a"])
      try await audit.look(at: house, "changed")
    }
    // The holder of the number goes for good; the others stand where they stood.
    try await house.delete("notes", Tests.json(ids[0]))
    try await audit.look(at: house, "deleted")
    try await house.create("notes", [:])
    try await house.database.write { transaction in
      _ = try await transaction.execute("UPDATE roost_scope_head SET gc_floor = seq")
      _ = try await transaction.execute("DELETE FROM roost_scope_row WHERE kind = 2")
    }
    audit = StreamAudit()
    try await audit.look(at: house, "purged", isSingle: false)
    for id in ids[1...2] {
      try await house.update("notes", Tests.json(id), ["text": "b"])
      try await audit.look(at: house, "changed without the holder")
    }
    try await Tests.make(house, ids[3])
    try await audit.look(at: house, "another takes the place")
    #expect(try await Tests.crowded(house) == ["0", "0", "0", "1", "1"])
    let stream = try await house.texts("SELECT max(stream) FROM roost_scope_row")
    let number = try #require(stream.first.flatMap { Int64($0) })
    let collection = house.collection("notes").number
    for id in ids[1...] {
      let found = try await house.database.read(.statement) { reader in
        var found: [UUID] = []
        try await reader.query(
          StreamIndex.find[reader.dialect], [.int(number), .int(collection), .uuid(id)]
        ) { row in
          found.append(StreamIndexEntry(row).id)
          return true
        }
        return found
      }
      #expect(found == [id])
    }
    await house.close(keepingFolder: true)
    // All of them leave their stream for another one, and come back.
    let nobody = try await RecordsHouse(
      Tests.schema.replacing("owner: \"owner\"", with: "to: USER"), folder: folder)
    audit = StreamAudit()
    try await audit.look(at: nobody, "another rule", isSingle: false)
    await nobody.close(keepingFolder: true)
    let again = try await RecordsHouse(Tests.schema, folder: folder)
    audit = StreamAudit()
    try await audit.look(at: again, "the rule of before", isSingle: false)
    await again.close()
  }

  @Test(.enabled(if: TestEngine.current == .postgres))
  func rowsOfOneNumberMayComeInOneBatch() async throws {
    let house = try await RecordsHouse(Tests.schema)
    try await house.create("notes", [:])
    let ids = try await Tests.twins(40, in: house)
    let records = house.records
    let notes = house.collection("notes")
    let ann = house.ann
    try await withThrowingTaskGroup(of: Void.self) { group in
      for id in ids {
        group.addTask {
          _ = try await records.create(
            notes, ["id": .string(id.description)], by: .caller(ann))
        }
      }
      try await group.waitForAll()
    }
    var audit = StreamAudit()
    try await audit.look(at: house, "created", isSingle: false)
    #expect(try await Tests.crowded(house).count == 41)
    await house.close()
  }

  /// Entries are made anew in SQL alone, where none of the numbers are taken before.
  @Test(.enabled(if: TestEngine.current == .postgres))
  func rowsOfOneNumberAreMovedTogether() async throws {
    let folder = RecordsHouse.folder()
    let house = try await RecordsHouse(Tests.schema, folder: folder)
    try await house.create("notes", [:])
    for id in try await Tests.twins(5, in: house) { try await Tests.make(house, id) }
    try await house.database.write { transaction in
      _ = try await transaction.execute("DELETE FROM roost_scope_row")
      _ = try await transaction.execute("DELETE FROM roost_scope_crowd")
      _ = try await transaction.execute("UPDATE roost_stream_rules SET signature = ''")
    }
    await house.close(keepingFolder: true)
    let second = try await RecordsHouse(Tests.schema, folder: folder)
    var audit = StreamAudit()
    try await audit.look(at: second, "rebuilt", isSingle: false)
    #expect(try await Tests.crowded(second) == ["0", "0", "1", "1", "1", "1"])
    // The step that brought the numbers finds them, too.
    try await second.database.write { transaction in
      for statement: SQL in [
        "DROP INDEX roost_scope_row_id", "DROP INDEX roost_scope_row_seq",
        "DROP TABLE roost_scope_crowd",
        // What a move brought along, and says nothing here.
        "UPDATE roost_scope_row SET crowded = 1",
        "ALTER TABLE roost_scope_row ADD CONSTRAINT roost_scope_row_pkey PRIMARY KEY (stream, coll, id)",
        "CREATE UNIQUE INDEX roost_scope_row_seq ON roost_scope_row (stream, seq)",
        "DELETE FROM roost_migration WHERE number >= \(RecordsMigrations.all.count - 1)",
      ] {
        try await transaction.execute(statement)
      }
    }
    await second.close(keepingFolder: true)
    let third = try await RecordsHouse(Tests.schema, folder: folder)
    try await audit.look(at: third, "made anew", isSingle: false)
    // Told apart by their place, from a start that nobody foresees.
    let numbers = try await Tests.crowded(third).compactMap { Int($0) }
    #expect(numbers.prefix(2) == [0, 0] && Set(numbers.dropFirst(2)).count == 4)
    #expect(numbers.allSatisfy { (0...30_000).contains($0) })
    // As a move writes them to another database, in pieces at a time.
    let moved = try await third.database.write { transaction in
      let rows = try await transaction.all(StreamIndex.moved(behind: nil, 1000, .postgres)) { row in
        [
          .int(row.int64(0)), .int(row.int64(1)), .int(row.int64(2)), .uuid(row.uuid(3) ?? .zero),
          .int(row.int64(4)), .null, .int(row.int64(6)),
        ] as [Value]
      }
      _ = try await transaction.execute("DELETE FROM roost_scope_row")
      _ = try await transaction.execute("DELETE FROM roost_scope_crowd")
      return rows
    }
    try #require(moved.count == 6)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for part in [moved[..<3], moved[3...]] {
        group.addTask {
          try await third.database.write {
            try await StreamIndex.put(moved: Array(part), in: $0)
          }
        }
      }
      try await group.waitForAll()
    }
    audit = StreamAudit()
    try await audit.look(at: third, "moved", isSingle: false)
    #expect(try await Tests.crowded(third) == ["0", "0", "1", "1", "1", "1"])
    await third.close()
  }

  /// As a start left them that took marks of SQLite's for its own: found by nobody, so that the next
  /// write put a second entry beside one of them.
  @Test(.enabled(if: TestEngine.current == .postgres))
  func entriesThatWereNotFoundAreMended() async throws {
    let folder = RecordsHouse.folder()
    let house = try await RecordsHouse(Tests.schema, folder: folder)
    var ids: [UUID] = []
    for _ in 0..<4 {
      let made = try await house.create("notes", [:])
      ids.append(try #require(made["id"]?.string.flatMap { UUID($0) }))
    }
    let deleted = ids[1]
    for id in ids.prefix(3) {
      try await house.database.write { transaction in
        _ = try await transaction.execute(
          "UPDATE roost_scope_row SET crowded = 1 WHERE id = \(id)")
      }
    }
    try await house.update("notes", Tests.json(ids[0]), ["text": "a"])
    try await house.delete("notes", Tests.json(deleted))
    #expect(
      try await house.texts("SELECT count(*) FROM roost_scope_row") == ["6"], "planted for nothing")
    try await house.database.write { transaction in
      _ = try await transaction.execute(
        "DELETE FROM roost_scope_row WHERE id = \(deleted) AND crowded IS NULL")
      _ = try await transaction.execute(
        "DELETE FROM roost_migration WHERE number = \(RecordsMigrations.all.count)")
    }
    await house.close(keepingFolder: true)
    let second = try await RecordsHouse(Tests.schema, folder: folder)
    var audit = StreamAudit()
    try await audit.look(at: second, "mended", isSingle: false)
    for id in [ids[0]] + ids[2...] {
      try await second.update("notes", Tests.json(id), ["text": "b"])
      try await audit.look(at: second, "changed")
    }
    await second.close()
  }

  // MARK: Along a stream

  @Test(arguments: [1, 1_000_000])
  func aStreamWithHolesIsReadToItsEnd(room: Int) async throws {
    let house = try await RecordsHouse(Tests.schema)
    for _ in 0..<300 { try await house.create("notes", [:]) }
    let head: Int64 = 5_000_000_000_000
    let moved: [(Int64, Int64)] = [
      (2, 256), (3, 257), (4, 511), (5, 512), (6, 90_000), (7, 90_300), (8, 1_000_000), (300, head),
    ]
    try await house.database.write { transaction in
      _ = try await transaction.execute(
        "UPDATE roost_scope_row SET seq = seq + 2000000 WHERE seq > 8")
      for (from, to) in moved {
        let from = from > 8 ? from + 2_000_000 : from
        _ = try await transaction.execute(
          "UPDATE roost_scope_row SET seq = \(to) WHERE seq = \(from)")
      }
      _ = try await transaction.execute("UPDATE roost_scope_head SET seq = \(head)")
    }
    let records = house.records
    let sequences = try await house.database.read(.snapshot) { reader in
      let stream =
        try await reader.first("SELECT max(stream) FROM roost_scope_row") { $0.int64(0) } ?? 0
      var streams = StreamReader(records, in: reader)
      var found: [Int64] = []
      var last: Int64 = 0
      while last < head {
        var delta = DeltaWriter(stream: stream, from: last)
        let step = try await streams.write(
          stream, .live, after: last, end: head, room: delta.byteCount + room, to: &delta)
        #expect(step.to > last)
        last = step.to
        var limits = FrameLimits()
        limits.bytes = .max
        guard case .delta(let frame) = try FrameReader(limits: limits).frame(delta.finish(to: last))
        else {
          Issue.record("not a delta")
          break
        }
        found += frame.entries.map(\.seq).sorted()
      }
      return found
    }
    let stored = try await house.texts("SELECT seq FROM roost_scope_row ORDER BY seq")
    #expect(sequences.map { "\($0)" } == stored)
    #expect(stored.count == 300)
    await house.close()
  }

  @Test(.enabled(if: TestEngine.current == .postgres))
  func anIndexKnowsTheStretchesOfAStream() async throws {
    let house = try await RecordsHouse(Tests.schema)
    let sql = StreamIndex.along(
      "r.seq", "r", from: "roost_scope_row r", tail: " ORDER BY r.seq LIMIT 8", .postgres)
    let plan = try await house.plan(sql.binding([.int(1), .int(2), .int(3)]))
    #expect(plan.contains { $0.contains("roost_scope_row_seq") }, "\(plan)")
    #expect(plan.contains { $0.contains("Index Cond") && $0.contains(">> 8) <=") }, "\(plan)")
    await house.close()
  }
}
