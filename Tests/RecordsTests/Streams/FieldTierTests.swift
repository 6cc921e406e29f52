import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol
import Testing

@testable import Records

private let schema = """
  type Gig @collection @allow(ops: [ALL], owner: "owner")
    @allow(ops: [READ], owner: "helper", except: ["fee"])
    @allow(ops: [READ], owner: "guest", fields: ["title"]) {
    owner: User! @immutable
    helper: User
    guest: User
    title: String
    diary: String @sync(tier: DAILY)
    fee: Int @sync(tier: DAILY)
    plays: Int @sync(tier: HOURLY)
    ledger: String @sync(tier: SERVER_ONLY)
  }
  """

@Suite struct FieldTierTests {
  /// `tier seq removal_seq` of the streams of a person.
  private func heads(_ house: RecordsHouse, _ caller: Caller) async throws -> [String] {
    let scope = "user:\(caller.uid?.description ?? "")"
    return try await house.texts(
      """
      SELECT tier || ' ' || seq || ' ' || removal_seq FROM roost_scope_head
      WHERE scope = \(scope) ORDER BY tier
      """)
  }

  /// What a first pull of a person has, by tier: the values of each entry, or its kind.
  private func pulled(_ house: RecordsHouse, _ caller: Caller) async throws -> [String: String] {
    let records = house.records
    let frames = try await house.database.read(.snapshot) { reader in
      var frames: [(tier: String, bytes: [UInt8])] = []
      var streams = StreamReader(records, in: reader)
      for head in try await records.reader(caller).heldStreams(in: reader).heads {
        var delta = DeltaWriter(stream: head.stream, from: 0)
        let step = try await streams.write(
          head.stream, head.tier, after: 0, end: head.sequence, room: .max, to: &delta)
        frames.append((head.tier.rawValue, delta.finish(to: step.to)))
      }
      return frames
    }
    var found: [String: String] = [:]
    for frame in frames {
      guard case .delta(let delta) = try FrameReader().frame(frame.bytes) else { continue }
      for entry in delta.entries {
        let values = entry.fields.filter { !$0.key.hasSuffix("At") && !$0.value.isNull }
        let text = values.map { "\($0.key)=\($0.value.text)" }.joined(separator: " ")
        found[frame.tier] = entry.kind == .put ? text : entry.kind.rawValue
      }
    }
    return found
  }

  @Test func aSlowFieldTravelsInItsOwnTierAlone() async throws {
    let house = try await RecordsHouse(schema)
    try await house.create(
      "gigs", ["title": "a", "diary": "b", "fee": 1, "plays": 2, "ledger": "c"])
    let ann = "\"\(house.ann.uid?.description ?? "")\""
    #expect(
      try await pulled(house, house.ann) == [
        "LIVE": "owner=\(ann) title=\"a\"", "DAILY": "diary=\"b\" fee=1", "HOURLY": "plays=2",
      ])
    await house.close()
  }

  @Test func aChangeMovesTheEntryOfItsTierAlone() async throws {
    let house = try await RecordsHouse(schema)
    let gig = try await house.create("gigs", ["title": "a"])["id"]
    #expect(try await heads(house, house.ann) == ["DAILY 1 0", "HOURLY 1 0", "LIVE 1 0"])
    try await house.update("gigs", gig, ["diary": "b"])
    #expect(try await heads(house, house.ann) == ["DAILY 2 0", "HOURLY 1 0", "LIVE 1 0"])
    try await house.update("gigs", gig, ["plays": 3])
    #expect(try await heads(house, house.ann) == ["DAILY 2 0", "HOURLY 2 0", "LIVE 1 0"])
    try await house.update("gigs", gig, ["title": "c", "diary": "d"])
    #expect(try await heads(house, house.ann) == ["DAILY 3 0", "HOURLY 2 0", "LIVE 2 0"])
    // Nobody's device has it.
    try await house.update("gigs", gig, ["ledger": "e"])
    #expect(try await heads(house, house.ann) == ["DAILY 3 0", "HOURLY 2 0", "LIVE 2 0"])
    try await house.delete("gigs", gig)
    #expect(try await heads(house, house.ann) == ["DAILY 4 4", "HOURLY 3 3", "LIVE 3 3"])
    await house.close()
  }

  @Test func aMaskShowsItsShareOfEachTierAndANarrowerOneDoesNotWait() async throws {
    let house = try await RecordsHouse(schema)
    let bob = JSON.string(house.bob.uid?.description ?? "")
    let gig = try await house.create(
      "gigs", ["title": "a", "diary": "b", "fee": 1, "plays": 2, "helper": bob])["id"]
    var seen = try await pulled(house, house.bob)
    #expect(seen["DAILY"] == "diary=\"b\"")
    #expect(seen["HOURLY"] == "plays=2")
    #expect(seen["LIVE"]?.hasSuffix("title=\"a\"") == true)
    #expect(try await heads(house, house.bob) == ["DAILY 1 0", "HOURLY 1 0", "LIVE 1 0"])
    // As a guest he sees the title alone: the slower tiers have nothing of it any more.
    try await house.update("gigs", gig, ["helper": .null, "guest": bob])
    seen = try await pulled(house, house.bob)
    #expect(seen == ["LIVE": "title=\"a\"", "DAILY": "leave", "HOURLY": "leave"])
    #expect(try await heads(house, house.bob) == ["DAILY 2 2", "HOURLY 2 2", "LIVE 2 0"])
    try await house.update("gigs", gig, ["helper": bob, "guest": .null])
    #expect(try await heads(house, house.bob) == ["DAILY 3 2", "HOURLY 3 2", "LIVE 3 0"])
    #expect(try await pulled(house, house.bob)["DAILY"] == "diary=\"b\"")
    await house.close()
  }

  @Test func fieldsThatChangeTheirTierMoveAtTheNextStart() async throws {
    let first = try await RecordsHouse(schema)
    try await first.create("gigs", ["title": "a", "diary": "b", "ledger": "c"])
    await first.close(keepingFolder: true)
    let other = schema.replacing("diary: String @sync(tier: DAILY)", with: "diary: String")
      .replacing("plays: Int @sync(tier: HOURLY)", with: "plays: Int @sync(tier: DAILY)")
      .replacing("ledger: String @sync(tier: SERVER_ONLY)", with: "ledger: String")
    let second = try await RecordsHouse(other, folder: first.folder)
    let seen = try await pulled(second, second.ann)
    #expect(seen["LIVE"]?.hasSuffix("title=\"a\" diary=\"b\" ledger=\"c\"") == true)
    #expect(seen["HOURLY"] == "leave")
    // Less than before stands in the entry of a slower tier.
    #expect(try await heads(second, second.ann) == ["DAILY 2 2", "HOURLY 2 2", "LIVE 2 0"])
    await second.close()
  }
}
