import Queries
import Records
import RoostCore
import Rules
import Schema
import Synchronization
import TestEngine
import Testing

@Suite struct DerivedTests {
  /// A follower that fails now and then, after it has done its work: what a kill leaves is nothing.
  private struct Shaky: Follower {
    let keeper: DerivedKeeper
    let calls = Counter()

    final class Counter: Sendable {
      private let count = Mutex(0)
      func next() -> Int {
        count.withLock {
          $0 += 1
          return $0
        }
      }
    }
    struct Killed: Error {}

    var name: String { keeper.name }
    var kinds: [Mutation.Kind] { keeper.kinds }
    var collections: [Int64]? { keeper.collections }
    var createdCollections: [Int64] { keeper.createdCollections }
    func begin(hurry: @escaping @Sendable () -> Void) { keeper.begin(hurry: hurry) }
    func reached(_ place: LogPlace) { keeper.reached(place) }
    func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
      let done = try await keeper.apply(entries, in: transaction)
      if calls.next() % 3 == 1 { throw Killed() }
      return done
    }
  }

  /// A generator that gives the same numbers each time.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  /// One random change of the bands and their performances.
  private func change(
    _ house: RecordsHouse, _ random: inout Numbers, _ bands: inout [JSON], _ gigs: inout [JSON]
  ) async throws {
    func gig() -> JSON {
      let days = Int64.random(in: 0..<90, using: &random)
      var body: JSONObject = JSONObject()
      body["band"] = bands.randomElement(using: &random) ?? .null
      body["title"] = .string("gig \(Int.random(in: 0..<1000, using: &random))")
      body["status"] = .string(Bool.random(using: &random) ? "PLAYED" : "PLANNED")
      body["tickets"] =
        Bool.random(using: &random) ? .int(.random(in: -5...500, using: &random)) : .null
      body["rating"] =
        Bool.random(using: &random) ? .double(Double.random(in: -5...5, using: &random)) : .null
      body["startsAt"] = .string(
        Timestamp(milliseconds: 1_760_000_000_000 + days * 86_400_000).description)
      return .object(body)
    }
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<9:
      let made = try await house.create("performances", gig())
      gigs.append(made["id"] ?? .null)
    case 9..<14:
      guard let id = gigs.randomElement(using: &random) else { return }
      try await house.update("performances", id, gig())
    case 14..<17:
      guard let index = gigs.indices.randomElement(using: &random) else { return }
      try await house.delete("performances", gigs.remove(at: index))
    case 17:
      let labels = try await DerivedSchema.every("labels", house)
      let made = try await house.create(
        "bands", ["name": "band", "label": labels.randomElement(using: &random)?["id"] ?? .null])
      bands.append(made["id"] ?? .null)
    case 18:
      guard let id = bands.randomElement(using: &random) else { return }
      let labels = try await DerivedSchema.every("labels", house)
      try await house.update(
        "bands", id, ["label": labels.randomElement(using: &random)?["id"] ?? .null],
        expecting: .any)
    default:
      guard bands.count > 3, let index = bands.indices.randomElement(using: &random) else { return }
      try await house.delete("bands", bands.remove(at: index), expecting: .any)
      let left = try await DerivedSchema.every("performances", house)
      gigs = left.compactMap { $0["id"] }
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func whatIsKeptIsWhatTheModelSaysAndWhatARebuildMakes(_ seed: UInt64) async throws {
    let house = try await RecordsHouse(DerivedSchema.text)
    let keeper = Shaky(keeper: DerivedKeeper(house.records))
    let runner = FollowerRunner(
      keeper, records: house.records, logger: Logger(level: .error, sink: Silence()),
      patience: 1_000)
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    runner.start()
    var random = Numbers(state: seed)
    var (bands, gigs): ([JSON], [JSON]) = ([], [])
    for _ in 0..<2 { try await house.create("labels", ["name": "label"]) }
    for round in 0..<3 {
      for _ in 0..<50 { try await change(house, &random, &bands, &gigs) }
      if round == 1 {
        // While the follower is at work, and writes go on.
        let records = house.records
        try await house.database.write { transaction in
          _ = try await records.beginRebuild(
            collection: nil, field: nil, isCheck: false, in: transaction)
        }
        for _ in 0..<20 {
          try await change(house, &random, &bands, &gigs)
          _ = try await house.database.write { try await records.rebuildStep(in: $0) }
        }
        try await house.rebuild()
      }
      try await settle(keeper, house)
      #expect(try await DerivedSchema.shown(house) == DerivedSchema.expected(house))
    }
    await runner.stop()
    try await check(house, finds: 0)
    await house.close()
  }

  /// The differences that a check of everything finds.
  private func check(_ house: RecordsHouse, finds differences: Int64) async throws {
    let records = house.records
    try await house.database.write { transaction in
      _ = try await records.beginRebuild(
        collection: nil, field: nil, isCheck: true, in: transaction)
    }
    try await house.rebuild()
    let findings = try await house.database.read(.statement) { reader in
      try await records.rebuildFindings(in: reader)
    }
    #expect(!findings.isEmpty)
    #expect(findings.map(\.differences).reduce(0, +) == differences, "\(findings)")
  }

  @Test func aCheckFindsAValueThatIsWrongAndARebuildRightsIt() async throws {
    let house = try await RecordsHouse(DerivedSchema.text)
    let runner = FollowerRunner(
      DerivedKeeper(house.records), records: house.records, logger: Logger(level: .error))
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    runner.start()
    let band = try await house.create("bands", ["name": "a"])
    try await house.create(
      "performances",
      [
        "band": band["id"] ?? .null, "title": "x", "status": "PLAYED", "tickets": 7,
        "startsAt": "2026-01-31T20:00:00Z",
      ])
    runner.wake()
    try await settle(runner.follower, house)
    try await check(house, finds: 0)
    _ = try await house.database.write { try await $0.execute("UPDATE bands SET played = 9") }
    try await check(house, finds: 1)
    let records = house.records
    try await house.database.write { transaction in
      _ = try await records.beginRebuild(
        collection: "bands", field: "played", isCheck: false, in: transaction)
    }
    try await house.rebuild()
    #expect(try await house.read("bands", band["id"])["played"] == 1)
    try await check(house, finds: 0)
    await runner.stop()
    await house.close()
  }

  @Test func aDerivedValueChangesNeitherVersionNorTimeAndReachesTheStreams() async throws {
    let house = try await RecordsHouse(DerivedSchema.text)
    let keeper = DerivedKeeper(house.records)
    let runner = FollowerRunner(keeper, records: house.records, logger: Logger(level: .error))
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    runner.start()
    let band = try await house.create("bands", ["name": "a"])
    #expect(band["played"] == 0)
    #expect(band["last"]?.isNull == true)
    let number = house.collection("bands").number
    let before = try await house.texts(
      "SELECT seq FROM roost_scope_row WHERE coll = \(number)")
    try await house.create(
      "performances",
      [
        "band": band["id"] ?? .null, "title": "x", "status": "PLAYED",
        "startsAt": "2026-01-31T20:00:00Z",
      ])
    runner.wake()
    try await settle(keeper, house)
    let after = try await house.read("bands", band["id"])
    #expect(after["played"] == 1)
    #expect(after["version"] == band["version"])
    #expect(after["updatedAt"] == band["updatedAt"])
    let moved = try await house.texts("SELECT seq FROM roost_scope_row WHERE coll = \(number)")
    #expect(before != moved)
    // Somebody who has the record open may still save it, though its merge is REJECT.
    let saved = try await house.update(
      "bands", band["id"], ["name": "b"], expecting: .oneOf([1]))
    #expect(saved["played"] == 1)
    await runner.stop()
    await house.close()
  }

  @Test func nobodySetsADerivedFieldOrWritesAView() async throws {
    let house = try await RecordsHouse(DerivedSchema.text)
    let create = await refusal { try await house.create("bands", ["name": "a", "played": 3]) }
    #expect(create?.code == .invalid)
    #expect(create?.issues.first?.code == "server_only")
    let band = try await house.create("bands", ["name": "a"])
    let update = await refusal {
      try await house.update("bands", band["id"], ["played": 3], expecting: .any)
    }
    #expect(update?.issues.first?.pointer == "/played")
    let view = await refusal { try await house.create("bandMonths", [:]) }
    #expect(view?.code == .forbidden)
    #expect(view?.detail.contains("is a view") == true)
    let system = await refusal {
      _ = try await house.records.create(house.collection("bandMonths"), [:], by: .system)
    }
    #expect(system?.code == .forbidden)
    // What comes back from an export brings values along, which are made anew.
    let back = try await house.records.create(
      house.collection("bands"), ["name": "c", "played": 12], by: .system)
    #expect(try JSON.parse(back.json)["played"] == 0)
    await house.close()
  }

  @Test func aNewDerivedFieldIsMadeOfTheRowsThatAreThere() async throws {
    let folder = RecordsHouse.folder()
    func schema(_ fields: String) -> String {
      """
      type Band @collection @allow(ops: [ALL]) {
        name: String!
        \(fields)
      }
      type Performance @collection @allow(ops: [ALL]) {
        band: Band!
        tickets: Int
      }
      """
    }
    var house = try await RecordsHouse(schema(""), folder: folder)
    let band = try await house.create("bands", ["name": "a"])
    for tickets in [3, 4] {
      try await house.create(
        "performances", ["band": band["id"] ?? .null, "tickets": .int(Int64(tickets))])
    }
    await house.close(keepingFolder: true)
    let count = "gigs: Int! @derived(from: \"Performance.band\", count: true)"
    for (fields, gigs, sold) in [
      (count, 2, nil),
      (count + " sold: Int @derived(from: \"Performance.band\", sum: \"tickets\")", 2, 7),
      (
        count + " sold: Int @derived(from: \"Performance.band\", sum: \"tickets\", "
          + "where: \"tickets > 3\")", 2, 4
      ),
    ] as [(String, Int64, Int64?)] {
      house = try await RecordsHouse(schema(fields), folder: folder)
      let records = house.records
      let collection = house.collection("bands")
      #expect(try await records.freshness(of: collection) == nil)
      #expect(try await house.database.read(.statement) { try await records.isRebuildDue(in: $0) })
      try await house.rebuild()
      let read = try await house.read("bands", band["id"])
      #expect(read["gigs"] == .int(gigs))
      #expect(read["sold"]?.int == sold)
      #expect(read["version"] == 1)
      #expect(
        try await !house.database.read(.statement) { try await records.isRebuildDue(in: $0) })
      let generations = try await house.texts("SELECT state FROM roost_derived")
      #expect(Set(generations) == ["2"])
      await house.close(keepingFolder: true)
    }
    TestEngine.remove(folder)
  }

  @Test func staleValuesAreBroughtInStepBeforeAnAnswer() async throws {
    let house = try await RecordsHouse(
      """
      type Band @collection @allow(ops: [ALL]) {
        name: String!
        gigs: Int! @derived(from: "Performance.band", count: true, maxAge: "PT1S")
      }
      type Performance @collection @allow(ops: [ALL]) { band: Band! }
      """)
    let band = try await house.create("bands", ["name": "a"])
    let runner = FollowerRunner(
      DerivedKeeper(house.records), records: house.records, logger: Logger(level: .error))
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    runner.start()
    try await settle(runner.follower, house)
    try await house.create("performances", ["band": band["id"] ?? .null])
    let written = house.time.now()
    let bands = house.collection("bands")
    // Young enough: the answer says as of when it is.
    let young = try await house.records.freshness(of: bands, patience: 0)
    #expect(young == written || young == house.time.now())
    house.time.advance(60_000)
    // Nobody has told the follower of the change: the read does.
    runner.wake()
    #expect(try await house.records.freshness(of: bands, patience: 30_000) == house.time.now())
    #expect(try await house.read("bands", band["id"])["gigs"] == 1)
    await runner.stop()
    await house.close()
  }

  @Test func aServerLeavesWhatANewerSchemaDerivesToOneThatKnowsIt() async throws {
    let house = try await RecordsHouse(DerivedSchema.text)
    let records = house.records
    let band = try await house.create("bands", ["name": "a"])
    // As a server with another schema would have begun it.
    try await house.database.write { transaction in
      _ = try await transaction.execute(
        """
        INSERT INTO roost_derived (definition, target, state, is_check, done, differences, began_at) \
        VALUES ('bands: something newer', 'bands', 0, 0, 0, 0, 0)
        """)
    }
    #expect(try await !house.database.read(.statement) { try await records.isRebuildDue(in: $0) })
    #expect(try await house.database.write { try await records.rebuildStep(in: $0) } == .done)
    let runner = FollowerRunner(
      DerivedKeeper(records), records: records, logger: Logger(level: .error, sink: Silence()),
      patience: 1)
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    runner.start()
    try await house.create(
      "performances",
      [
        "band": band["id"] ?? .null, "title": "x", "status": "PLAYED",
        "startsAt": "2026-01-31T20:00:00Z",
      ])
    runner.wake()
    try await Task.sleep(nanoseconds: 500_000_000)
    // Neither counted nor passed over nor set aside.
    let status = try await house.database.read(.snapshot) {
      try await FollowerStatus.read(runner.follower, in: $0)
    }
    #expect(status.behind > 0)
    #expect(status.setAside == 0)
    _ = try await house.database.write {
      try await $0.execute("DELETE FROM roost_derived WHERE definition = 'bands: something newer'")
    }
    runner.wake()
    try await settle(runner.follower, house)
    #expect(try await house.read("bands", band["id"])["played"] == 1)
    await runner.stop()
    await house.close()
  }
}
