import Queries
import RoostCore
import SyncProtocol
import Testing

@testable import Records

@Suite("Old removals leave the streams")
struct StreamPurgeTests {
  private static let schema = """
    type Note @collection(name: "notes") @allow(ops: [ALL], owner: "owner") {
      owner: User!
      title: String!
    }
    """
  private static let day: Int64 = 86_400_000

  private struct State: Equatable {
    var puts: Int64 = 0
    var removals: Int64 = 0
    var floor: Int64 = 0
    var head: Int64 = 0
  }

  private func state(_ house: RecordsHouse) async throws -> State {
    try await house.database.read(.snapshot) { reader in
      var state = State()
      try await reader.query("SELECT kind, count(*) FROM roost_scope_row GROUP BY kind") { row in
        if row.int64(0) == 1 { state.puts = row.int64(1) } else { state.removals += row.int64(1) }
        return true
      }
      try await reader.query("SELECT max(gc_floor), max(seq) FROM roost_scope_head") { row in
        state.floor = row.int64(0)
        state.head = row.int64(1)
        return false
      }
      return state
    }
  }

  private func note(_ house: RecordsHouse) async throws -> JSON {
    try await house.create("notes", ["title": "a"])["id"] ?? .null
  }

  @Test func removalsGoNinetyDaysAfterTheyWereMarked() async throws {
    let house = try await RecordsHouse(StreamPurgeTests.schema)
    var ids: [JSON] = []
    for _ in 0..<6 { ids.append(try await note(house)) }
    for id in ids.prefix(2) { try await house.delete("notes", id) }
    #expect(try await house.records.purgeStreams() == 0)
    let before = try await state(house)
    #expect(before == State(puts: 4, removals: 2, floor: 0, head: 8))
    house.time.advance(89 * StreamPurgeTests.day)
    try await house.delete("notes", ids[2])
    #expect(try await house.records.purgeStreams() == 0)
    house.time.advance(StreamPurgeTests.day)
    let counted = try await house.database.read(.statement) { try await RecordStore.purges(in: $0) }
    #expect(try await house.records.purgeStreams() == 2)
    // What went later than the mark stays, and the floor lies where the last purged one stood.
    #expect(try await state(house) == State(puts: 3, removals: 1, floor: 8, head: 9))
    let after = try await house.database.read(.statement) { try await RecordStore.purges(in: $0) }
    #expect(after == counted + 1)
    house.time.advance(90 * StreamPurgeTests.day)
    #expect(try await house.records.purgeStreams() == 1)
    #expect(try await state(house) == State(puts: 3, removals: 0, floor: 9, head: 9))
    await house.close()
  }

  @Test func aStreamWithoutRemovalsKeepsItsFloor() async throws {
    let house = try await RecordsHouse(StreamPurgeTests.schema)
    _ = try await note(house)
    _ = try await house.records.purgeStreams()
    house.time.advance(200 * StreamPurgeTests.day)
    #expect(try await house.records.purgeStreams() == 0)
    #expect(try await state(house).floor == 0)
    await house.close()
  }

  @Test func manyRemovalsGoInPieces() async throws {
    let house = try await RecordsHouse(StreamPurgeTests.schema)
    _ = try await note(house)
    let stream = try await house.database.read(.statement) { reader in
      try await reader.first("SELECT stream FROM roost_scope_head") { $0.int64(0) } ?? 0
    }
    let coll = try #require(house.records.catalogue.collection(named: "notes")).number
    try await house.database.write { transaction in
      for number in 0..<4500 {
        _ = try await transaction.execute(
          """
          INSERT INTO roost_scope_row (stream, coll, id, seq, rv, mask, kind) VALUES (\(stream), \
          \(coll), \(UUID(high: 9, low: UInt64(number))), \(Int64(number) + 2), 2, 0, 2)
          """)
      }
      _ = try await transaction.execute(
        "UPDATE roost_scope_head SET seq = 4501, removal_seq = 4501 WHERE stream = \(stream)")
    }
    _ = try await house.records.purgeStreams()
    house.time.advance(91 * StreamPurgeTests.day)
    #expect(try await house.records.purgeStreams() == 4500)
    #expect(try await state(house) == State(puts: 1, removals: 0, floor: 4501, head: 4501))
    await house.close()
  }
}
