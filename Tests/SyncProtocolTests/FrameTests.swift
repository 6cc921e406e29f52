import RoostCore
import Testing

@testable import SyncProtocol

@Suite struct FrameTests {
  static let cid = UUID(high: 0x0198_0000_0000_7000, low: 0x8000_0000_0000_0001)
  static let row = UUID(high: 0x0198_0000_0000_7000, low: 0x8000_0000_0000_00AB)
  static let stamp = Stamp(
    time: HybridTime(milliseconds: 1_700_000_000_000, counter: 3), client: cid)

  static func mutation(_ seq: Int64, after prev: ChainHash, oid: ChainHash? = nil)
    -> ClientMutation
  {
    ClientMutation(
      seq: seq, after: prev, nonce: UInt64(seq) &* 0x9E37_79B9_7F4A_7C15, stamp: stamp,
      schema: "1.2.0",
      operations: [
        .create(collection: "goals", id: row, fields: ["title": "10 gigs", "progress": 0]),
        .update(
          collection: "goals", id: row, fields: ["progress": ["$increment": 2]],
          base: ["title": stamp]),
        .delete(collection: "goals", id: row),
        .action(name: "joinBand", arguments: ["code": "x\"y"]),
        .resolve(conflict: row, choice: .value(nil)),
        .resolve(conflict: row, choice: .mine),
      ], oid: oid)
  }

  static var all: [Frame] {
    let genesis = Chain.genesis(client: cid, lane: .live)
    let first = mutation(1, after: genesis)
    let second = mutation(2, after: first.chain, oid: genesis)
    let position = LanePosition(last: 2, chain: second.chain)
    return [
      .hello(
        Hello(
          cid: cid, epoch: row, schema: "1.2.0", wall: -5, lanes: [.live: position],
          streams: [17: 4, 3: 9], staged: [17: 8], tiers: [.live, .daily], wait: 30, mark: "bWFyaw",
          page: 4, device: DeviceNotice(id: row, name: "Phone", platform: "ios"))),
      .hello(Hello(cid: cid, schema: "1.0.0", wall: 1_700_000_000_000)),
      .welcome(
        Welcome(
          epoch: row, now: 1_700_000_000_000, clock: stamp.time,
          lanes: [
            .live: LaneStatus(position: position, durable: LanePosition(last: 1, chain: genesis))
          ],
          add: [StreamNotice(stream: 4, tier: .hourly)], drop: [5], resync: [6, 7],
          masks: [3: Mask(collection: "goals", fields: ["title"])],
          schema: SchemaNotice(current: "1.3.0", minimum: "1.0.0", lens: "1.2.0"))),
      .push(Push(cid: cid, lane: .live, mutations: [first, second])),
      .pushed(
        Pushed(
          lane: .live, state: .taken, status: LaneStatus(position: position),
          results: [
            MutationResult(seq: 1, .ok),
            MutationResult(
              seq: 2, .rejected, code: "invalid", message: "No.",
              issues: [FieldIssue(pointer: "/ops/0/args/title", code: "max", message: "Long.")],
              conflicts: [row], values: ["title": "theirs"]),
          ])),
      .pushed(
        Pushed(lane: .daily, state: .forked, status: LaneStatus(position: position), common: 1)),
      .delta(
        Delta(
          stream: 17, from: 3, to: 9,
          entries: [
            StreamEntry(
              seq: 4, row: RowKey(collection: "goals", id: row), kind: .put, version: 2, mask: 3,
              fields: ["title": "a"], clocks: ["title": stamp], baseVersion: 1),
            StreamEntry(
              seq: 5, row: RowKey(collection: "goals", id: cid), kind: .leave, version: 2),
            StreamEntry(
              seq: 9, row: RowKey(collection: "bands", id: cid), kind: .delete, version: 3),
          ], masks: [3: Mask(collection: "goals", fields: [])])),
      .commit(
        Commit(heads: [17: 9], last: [.live: 2, .daily: 0], clock: stamp.time, mark: "bWFyaw")),
      .more(page: 3, mark: "bWFyaw"), .restart(stream: 17),
      .digest(Digest(stream: 17, bits: 1, hashes: [1, .max])),
      .ranges(DigestRanges(stream: 17, bits: 3, head: 9, differ: [0, 2, 7])),
      .leaves(DigestLeaves(stream: 17, bits: 3, head: 9, ranges: [0: [], 7: [1, 2]])),
      .gone(GoneLeaves(stream: 17, leaves: [5])),
      .fetch(Fetch(stream: 17, rows: [RowKey(collection: "goals", id: row)])),
      .ack(heads: [17: 9]),
      .error(
        SyncError(
          code: "gate_closed", message: "Level 5 opens sync.", pointer: "/0", lane: .live,
          retryAfterSeconds: 3, details: ["next": "level"])),
      .error(SyncError(code: "draining", message: "Come again.")),
    ]
  }

  @Test(arguments: all.indices) func whatIsWrittenIsReadBack(_ index: Int) throws {
    let frame = Self.all[index]
    let read = try FrameReader().frame(frame.encoded)
    #expect(read.name == frame.name)
    #expect(read.encoded == frame.encoded)
    switch (frame, read) {
    case (.push(let left), .push(let right)): #expect(left == right)
    case (.delta(let left), .delta(let right)): #expect(left == right)
    case (.welcome(let left), .welcome(let right)): #expect(left == right)
    case (.hello(let left), .hello(let right)): #expect(left == right)
    case (.pushed(let left), .pushed(let right)): #expect(left == right)
    default: break
    }
  }
}
