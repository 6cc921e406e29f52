import Queries
import Records
import RoostCore
import Testing

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    text: String
  }
  type Page @collection @allow(ops: [READ], to: PUBLIC) @allow(ops: [ALL], owner: "owner") {
    owner: User!
  }
  """

@Suite struct LogTests {
  @Test func everyChangeHasOneEntryAndPositionsAreDense() async throws {
    let house = try await RecordsHouse(schema)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask {
          let made = try await house.create("notes", ["text": "a"])
          try await house.update("notes", made["id"], ["text": "b"])
          try await house.delete("notes", made["id"])
        }
      }
      try await group.waitForAll()
    }
    let gaps = try await house.texts(
      """
      SELECT DISTINCT position - row_number() OVER (PARTITION BY partition ORDER BY position)
      FROM roost_log
      """)
    #expect(gaps == ["0"])
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["60"])
    #expect(try await house.logged() == ["60"])
    #expect(
      try await house.texts("SELECT count(*) FROM roost_log GROUP BY kind ORDER BY kind")
        == ["20", "20", "20"])
    await house.close()
  }

  @Test func aRefusedWriteLeavesNothingInTheLog() async throws {
    let house = try await RecordsHouse(schema)
    _ = await refusal { try await house.create("notes", ["text": 1]) }
    _ = await refusal { try await house.update("notes", .string(UUID.zero.description), [:]) }
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["0"])
    await house.close()
  }

  @Test func aRowHasOneEntryInEachStreamThatMovesToTheEnd() async throws {
    let house = try await RecordsHouse(schema)
    let first = try await house.create("notes", ["text": "a"])
    try await house.create("notes", ["text": "b"])
    try await house.update("notes", first["id"], ["text": "c"])
    let scope = "user:\(house.ann.uid?.description ?? "")"
    #expect(try await house.texts("SELECT scope FROM roost_scope_head") == [scope])
    #expect(try await house.texts("SELECT seq FROM roost_scope_row ORDER BY seq") == ["2", "3"])
    #expect(try await house.texts("SELECT seq FROM roost_scope_head") == ["3"])
    try await house.delete("notes", first["id"])
    #expect(
      try await house.texts("SELECT kind FROM roost_scope_row ORDER BY seq") == ["1", "2"])
    #expect(try await house.texts("SELECT removal_seq FROM roost_scope_head") == ["4"])
    await house.close()
  }

  @Test func aRowThatMovesLeavesItsOldStream() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["text": "a"])
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    _ = await refusal { try await house.update("notes", made["id"], ["owner": bob]) }
    let notes = house.collection("notes")
    _ = try await house.records.update(
      notes, RecordsHouse.uuid(made["id"]), ["owner": bob], expecting: .nothing, by: .system)
    let rows = try await house.texts(
      """
      SELECT h.scope || ' ' || r.kind FROM roost_scope_row r
      JOIN roost_scope_head h ON h.stream = r.stream ORDER BY r.kind
      """)
    #expect(
      rows == [
        "user:\(house.bob.uid?.description ?? "") 1", "user:\(house.ann.uid?.description ?? "") 3",
      ])
    await house.close()
  }

  @Test func whatEverybodyMaySeeHasOneStreamOnly() async throws {
    let house = try await RecordsHouse(schema)
    try await house.create("pages", [:])
    #expect(try await house.texts("SELECT scope FROM roost_scope_head") == ["public"])
    await house.close()
  }

  @Test func theCounterFollowsTheLogAndGoesOnWhereItStopped() async throws {
    let house = try await RecordsHouse(schema)
    func follow(until live: String) async throws {
      let runner = FollowerRunner(
        CollectionCounter(), records: house.records, logger: Logger(level: .error))
      runner.start()
      // A minute at most.
      for _ in 0..<6000 {
        if try await house.texts("SELECT live FROM roost_collection_count") == [live] { break }
        try await Task.sleep(nanoseconds: 10_000_000)
      }
      await runner.stop()
      #expect(try await house.texts("SELECT live FROM roost_collection_count") == [live])
    }
    var last: JSON?
    for _ in 0..<5 { last = try await house.create("pages", [:])["id"] }
    try await follow(until: "5")
    try await house.delete("pages", last)
    try await follow(until: "4")
    let page = try await house.records.list(
      house.collection("pages"), ListQuery(count: .estimated), by: .everyone)
    #expect(page.count == 4)
    await house.close()
  }
}

@Suite struct LogTrimmingTests {
  @Test func onlyWhatIsOldAndBehindEveryFollowerGoes() async throws {
    let house = try await RecordsHouse(schema)
    for _ in 0..<3 { try await house.create("notes", ["text": "a"]) }
    house.time.advance(RecordStore.logKeptMilliseconds + 1)
    try await house.create("notes", ["text": "b"])
    // Behind the head of each part of the log by so many.
    func place(_ name: String, _ behind: Int64) async throws {
      try await house.database.write { transaction in
        _ = try await transaction.execute(
          """
          INSERT INTO roost_follower (name, partition, position)
          SELECT \(name), partition, position - \(behind) FROM roost_log_head WHERE position > 0
          ON CONFLICT (name, partition) DO UPDATE SET position = excluded.position
          """)
      }
    }
    let behind = try await house.texts(
      "SELECT count(*) FROM roost_log_head WHERE position > 0")
    try await place("fast", 0)
    try await place("slow", 1)
    try await house.records.trimLog(followers: ["fast", "slow"])
    // The last of each part is not yet behind the slow one, nor is what was just made old.
    let left = try await house.texts("SELECT count(*) FROM roost_log")
    #expect(left == behind)
    try await place("slow", 0)
    try await house.records.trimLog(followers: ["fast", "slow"])
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["1"])
    try await house.create("notes", ["text": "c"])
    #expect(try await house.logged() == ["5"])
    await house.close()
  }

  @Test func whatAClockStampedThatStoodInTheFutureGoesWithWhatFollowsIt() async throws {
    let house = try await RecordsHouse(schema)
    let notes = house.collection("notes")
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    let ahead = 3650 * 86_400_000 as Int64
    house.time.advance(ahead)
    // More than are looked at in one portion.
    let early = try (0..<2500).map { _ in
      try house.records.systemCreate(notes, ["owner": owner])
    }
    _ = try await house.records.importBatch(early)
    house.time.advance(-ahead)
    // Some in each part of the log: what nothing follows there stays.
    let behind = house.database.dialect.partitions == 1 ? 1 : 200
    for _ in 0..<behind { try await house.create("notes", ["text": "a"]) }
    func left() async throws -> [String] {
      try await house.texts("SELECT count(*) FROM roost_log")
    }
    try await house.records.trimLog(followers: [])
    #expect(try await left() == ["\(2500 + behind)"])
    house.time.advance(RecordStore.logKeptMilliseconds + 1)
    try await house.create("notes", ["text": "b"])
    try await house.records.trimLog(followers: [])
    #expect(try await left() == ["1"])
    #expect(try await house.logged() == ["\(2501 + behind)"])
    await house.close()
  }

  @Test func aClockThatStandsInThePastRemovesNothing() async throws {
    let house = try await RecordsHouse(schema)
    for _ in 0..<3 { try await house.create("notes", ["text": "a"]) }
    house.time.advance(-3650 * 86_400_000)
    try await house.records.trimLog(followers: [])
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["3"])
    await house.close()
  }
}
