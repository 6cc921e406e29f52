import Queries
import Records
import RoostCore
import Testing

private let schema = """
  type Band @collection @allow(ops: [ALL], to: USER) {
    name: String
    plays: Int! @merge(strategy: COUNTER) @default(value: "0")
    slug: String @unique
    songs: [Song!]! @relation(inverse: "band")
  }
  type Song @collection @allow(ops: [ALL], to: USER) { band: Band @relation(onDelete: CASCADE) }
  """

/// What many writers do at once is as if they had done it one after the other, on any engine.
@Suite struct ConcurrencyTests {
  /// Runs `count` bodies at once and counts those that were refused with a code.
  private func together(
    _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void
  ) async throws -> [ErrorCode: Int] {
    try await withThrowingTaskGroup(of: ErrorCode?.self) { group in
      for number in 0..<count {
        group.addTask {
          do {
            try await body(number)
            return nil
          } catch let error as RoostError {
            return error.code
          }
        }
      }
      var codes: [ErrorCode: Int] = [:]
      for try await code in group { if let code { codes[code, default: 0] += 1 } }
      return codes
    }
  }

  /// Sequences and positions have no holes, and heads say how far they go.
  private func expectDense(_ house: RecordsHouse) async throws {
    let positions = try await house.texts(
      """
      SELECT DISTINCT position - row_number() OVER (PARTITION BY partition ORDER BY position)
      FROM roost_log
      """)
    #expect(positions == ["0"])
    let count = try await house.texts("SELECT count(*) FROM roost_log")
    #expect(try await house.logged() == count)
    let beyond = try await house.texts(
      """
      SELECT count(*) FROM roost_scope_row r JOIN roost_scope_head h ON h.stream = r.stream
      WHERE r.seq > h.seq
      """)
    #expect(beyond == ["0"])
  }

  @Test func noIncrementIsLost() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"])["id"]
    let codes = try await together(200) { _ in
      try await house.update("bands", band, ["plays": ["$increment": 1]])
    }
    #expect(codes == [:])
    #expect(try await house.read("bands", band)["plays"] == 200)
    #expect(try await house.read("bands", band)["version"] == 201)
    try await expectDense(house)
    await house.close()
  }

  @Test func aUniqueValueIsTakenOnce() async throws {
    let house = try await RecordsHouse(schema)
    let codes = try await together(40) { number in
      try await house.create("bands", ["slug": .string("s\(number % 4)")])
    }
    #expect(codes == [.conflict: 36])
    #expect(try await house.texts("SELECT count(*) FROM bands") == ["4"])
    try await expectDense(house)
    await house.close()
  }

  @Test func noRecordRefersToADeletedOne() async throws {
    let house = try await RecordsHouse(schema)
    for _ in 0..<10 {
      let band = try await house.create("bands", ["name": "a"])["id"]
      _ = try await together(12) { number in
        if number == 5 {
          try await house.delete("bands", band)
        } else {
          try await house.create("songs", ["band": band ?? .null])
        }
      }
    }
    let orphans = try await house.texts(
      """
      SELECT count(*) FROM songs s JOIN bands b ON b.id = s.band
      WHERE s."deletedAt" IS NULL AND b."deletedAt" IS NOT NULL
      """)
    #expect(orphans == ["0"])
    try await expectDense(house)
    await house.close()
  }

  @Test func aKeyIsCarriedOutOnce() async throws {
    let house = try await RecordsHouse(schema)
    let bands = house.collection("bands")
    let claim = ReceiptClaim(principal: "p", key: "k", route: "r", fingerprint: [1])
    let plan = ReceiptPlan(claim: claim) { _ in Receipt(status: 200, headers: [], body: []) }
    let codes = try await together(20) { _ in
      let create = try house.records.prepareCreate(
        bands, ["name": "once"], by: .caller(house.ann))
      _ = try await house.records.batch([create], answerBytes: 1_000_000, leaving: plan)
    }
    #expect(codes == [.conflict: 19])
    #expect(try await house.texts("SELECT count(*) FROM bands") == ["1"])
    await house.close()
  }

  @Test func twoProcessesCountOnce() async throws {
    let house = try await RecordsHouse(schema)
    let runners = (0..<2).map { _ in
      FollowerRunner(CollectionCounter(), records: house.records, logger: Logger(level: .error))
    }
    for runner in runners {
      house.recorder.onCommit { [weak runner] in runner?.wake() }
      runner.start()
    }
    _ = try await together(100) { _ in try await house.create("bands", ["name": "a"]) }
    for _ in 0..<3000 where try await house.texts("SELECT live FROM roost_collection_count") != ["100"] {
      for runner in runners { runner.wake() }
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    for runner in runners { await runner.stop() }
    #expect(try await house.texts("SELECT live FROM roost_collection_count") == ["100"])
    await house.close()
  }
}
