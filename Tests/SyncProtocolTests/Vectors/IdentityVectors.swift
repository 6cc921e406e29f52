import Cryptography
import RoostCore

@testable import SyncProtocol

enum IdentityVectors {
  static let client = UUID(high: 0x0198_AB00_0000_7000, low: 0x8000_0000_0000_0001)
  static let row = UUID(high: 0x0198_AB00_0000_7000, low: 0x8000_0000_0000_00AB)

  static let values: [JSON] = [
    nil, true, false, 0, -1, 1.0, 100, .double(-0.0), 1.5, -0.1, .double(1e300),
    .int(.max), .int(.min), .double(9_223_372_036_854_775_808), .int(1 << 53), "", "a\u{0}\"\\/\n",
    "é", "e\u{301}", "🎸", [], [1, [nil]], [:], ["b": 1, "a": 2, "é": 3, "z": 4, "aa": 5],
    ["kind": "update", "args": ["progress": ["$increment": 2]]],
  ]

  static let canonical: JSON = [
    "cases": .array(
      values.map { value in
        ["value": value, "hex": .string(Hex.encode(CanonicalBytes.of(value)))]
      })
  ]

  static let operations: [[ClientOperation]] = [
    [
      .create(
        collection: "goals", id: row,
        fields: ["title": "10 gigs", "progress": 0, "weight": 0.25, "tags": ["a", "é"]])
    ],
    [
      .update(
        collection: "goals", id: row, fields: ["progress": ["$increment": 2]],
        base: ["title": .at(7)]),
      .delete(collection: "goals", id: client),
    ],
    [.action(name: "joinBand", arguments: ["code": "x\"y", "note": nil])],
    [
      .resolve(conflict: row, choice: .theirs), .resolve(conflict: row, choice: .mine),
      .resolve(conflict: row, choice: .value(["a": nil])),
    ],
  ]

  static func log(_ client: UUID, _ lane: Lane, _ count: Int, salt: UInt64 = 0) -> LaneLog {
    var log = LaneLog(client: client, lane: lane)
    for index in 0..<count {
      log.append(
        operations[index % operations.count],
        nonce: (UInt64(index) &+ 1 &+ salt) &* 0x9E37_79B9_7F4A_7C15,
        stamp: .at(1_700_000_000_000 + index), schema: "1.2.0")
    }
    return log
  }

  static func json(_ mutation: ClientMutation) -> JSONObject {
    [
      "seq": .int(mutation.seq), "nonce": .string(Digits.hexadecimal(mutation.nonce)),
      "oid": .string(mutation.oid.description), "prev": .string(mutation.prev.description),
      "chain": .string(mutation.chain.description), "hlc": .string(mutation.stamp.description),
      "schema": .string(mutation.schema), "ops": .array(mutation.operations.map(\.json)),
    ]
  }

  /// Chains with the bytes that are hashed, and the same changes after a fork.
  static let chain: JSON = {
    var genesis: [JSON] = []
    for lane in Lane.allCases {
      for cid in [client, row] {
        genesis.append([
          "cid": .string(cid.description), "lane": .string(lane.rawValue),
          "chain": .string(Chain.genesis(client: cid, lane: lane).description),
        ])
      }
    }
    let made = IdentityVectors.log(client, .live, 4)
    let mutations = made.retained.map { mutation -> JSON in
      var object = json(mutation)
      let bytes = Chain.bytes(
        mutation.prev, seq: mutation.seq, nonce: mutation.nonce, schema: mutation.schema,
        operations: .array(mutation.operations.map(\.json)))
      object["hashed"] = .string(Hex.encode(bytes))
      return .object(object)
    }
    let forked = made.forked(as: row).retained.map { JSON.object(json($0)) }
    return [
      "genesis": .array(genesis), "cid": .string(client.description), "lane": "LIVE",
      "mutations": .array(mutations), "forkedTo": .string(row.description),
      "forked": .array(forked),
    ]
  }()

  private static func position(_ position: LanePosition) -> JSON {
    ["last": .int(position.last), "chain": .string(position.chain.description)]
  }

  private static func word(_ decision: LaneState.Decision) -> JSON {
    switch decision {
    case .skip: "skip"
    case .duplicate: "dup"
    case .apply: "apply"
    case .reject: "reject"
    case .forked: "forked"
    case .gap: "gap"
    }
  }

  /// What a server that has taken in the first `taken` mutations does with each of others.
  private static func server(
    _ name: JSON, taken: [ClientMutation], known: [ChainHash] = [], _ push: [ClientMutation]
  ) -> JSON {
    var state = LaneState(client: client, lane: .live)
    for mutation in taken { state.advance(over: mutation) }
    let chains = Dictionary(uniqueKeysWithValues: taken.map { ($0.seq, $0.chain) })
    let start = state
    var decisions: [JSON] = []
    for mutation in push {
      let decision = state.decide(
        mutation, known: chains[mutation.seq], isKnown: known.contains(mutation.oid))
      decisions.append(word(decision))
      if decision == .forked || decision == .gap { break }
      if decision != .skip { state.advance(over: mutation) }
    }
    return [
      "name": name, "state": position(start.position),
      "chains": .array(taken.map { .string($0.chain.description) }),
      "oids": .array(known.map { .string($0.description) }),
      "push": .array(push.map { .object(json($0)) }), "decisions": .array(decisions),
      "common": .int(start.common(push) { chains[$0] }), "after": position(state.position),
    ]
  }

  /// What a client does when it hears how far the server is.
  private static func heard(_ name: JSON, _ log: LaneLog, _ status: LaneStatus) -> JSON {
    var after = log
    let decision = after.receive(status)
    let durable = status.durable.map { position($0) } ?? .null
    return [
      "name": name, "acknowledged": .int(log.acknowledged), "floor": position(log.floor),
      "chains": .array(log.retained.map { .string($0.chain.description) }),
      "server": position(status.position), "durable": durable,
      "decision": .string(
        decision == .fork ? "fork" : (decision == .replay ? "replay" : "go on")),
      "acknowledgedAfter": .int(after.acknowledged),
      "retainedAfter": .array(after.retained.map { .int($0.seq) }),
    ]
  }

  static let lanes: JSON = {
    let mine = log(client, .live, 5)
    let all = mine.retained
    let other = log(client, .live, 5, salt: 77).retained
    let moved = mine.forked(as: row).retained
    func at(_ count: Int) -> LanePosition {
      count == 0
        ? LanePosition(last: 0, chain: Chain.genesis(client: client, lane: .live))
        : LanePosition(last: all[count - 1].seq, chain: all[count - 1].chain)
    }
    func acknowledged(_ count: Int) -> LaneLog {
      var log = mine
      _ = log.receive(LaneStatus(position: at(count)))
      return log
    }
    let copy = LanePosition(last: 3, chain: other[2].chain)
    let future = log(client, .live, 7).head
    return [
      "cid": .string(client.description), "lane": "LIVE",
      "server": [
        server("the first push", taken: [], Array(all[0..<2])),
        server("a repeat and what is new", taken: Array(all[0..<2]), Array(all[0..<4])),
        server("an answer that was lost", taken: Array(all[0..<3]), Array(all[1..<3])),
        server("a gap", taken: Array(all[0..<1]), Array(all[2..<4])),
        server("a copy at the same places", taken: Array(all[0..<3]), Array(other[0..<2])),
        server(
          "a copy that goes on after another lineage", taken: Array(all[0..<2]),
          Array(other[2..<4])),
        server(
          "a fork that brings what was taken in before", taken: [],
          known: [all[0].oid, all[1].oid],
          Array(moved[0..<3]).map { $0 }),
      ],
      "client": [
        heard("an answer", mine, LaneStatus(position: at(3))),
        heard("an answer from before", acknowledged(4), LaneStatus(position: at(4))),
        heard("the server was restored", acknowledged(4), LaneStatus(position: at(2))),
        heard(
          "the server was restored to before the lane", acknowledged(4), LaneStatus(position: at(0))
        ),
        heard("a copy of this device was there", mine, LaneStatus(position: copy)),
        heard("this device was restored", mine, LaneStatus(position: future)),
        heard("a backup holds some", mine, LaneStatus(position: at(4), durable: at(2))),
        heard("a backup is ahead", mine, LaneStatus(position: at(3), durable: at(4))),
        heard(
          "a backup of another lineage", mine, LaneStatus(position: at(4), durable: copy)),
      ],
    ]
  }()
}
