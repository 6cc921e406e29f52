import Queries
import RoostCore
import SyncClient
import SyncProtocol
import Transport

extension World {
  /// A client that lies: about its place, its chain, its clock, its schema, and whose rows are whose.
  func attack(_ device: WorldDevice) async throws {
    guard !device.isRevoked else { return }
    let client = newID()
    let genesis = Chain.genesis(client: client, lane: .live)
    let victims = devices.filter { $0.person != device.person }
    let other = chance.pick(victims) ?? device
    let target =
      chance.pick(other.live.core.ids("gigs").sorted())
      ?? chance.pick(device.live.core.ids("gigs").sorted()) ?? newID()
    var fields = JSONObject()
    var schema = "1.0.0"
    var seq: Int64 = 1
    var prev = genesis
    var milliseconds = time.wall
    let kind = chance.below(9)
    switch kind {
    case 0: fields["fee"] = .int(Int64(unique()))
    case 1: fields["place"] = "stolen"
    case 2: fields["owner"] = .string(server.people[device.person].id.description)
    case 3: milliseconds = 4_070_908_800_000
    case 4: milliseconds = 0
    case 5: schema = "0.9.0"
    case 6: schema = "9.0.0"
    case 7: seq = 40
    default: prev = ChainHash(high: chance.next(), low: chance.next())
    }
    if fields.isEmpty { fields["title"] = .string("x\(unique())") }
    let mutation = ClientMutation(
      seq: seq, after: prev, nonce: chance.next(),
      stamp: Stamp(time: HybridTime(milliseconds: milliseconds, counter: 0), client: client),
      schema: schema,
      operations: [.update(collection: "gigs", id: target, fields: fields, base: [:])])
    let person = server.people[device.person].id
    let rights = try await rights(of: person, on: target)
    let wasTouched = !ledger.touched.insert(target).inserted
    let frames: [Frame] = [
      .hello(
        Hello(
          cid: client, schema: schema, wall: time.wall,
          lanes: [.live: LanePosition(last: seq, chain: mutation.chain)])),
      .push(Push(cid: client, lane: .live, mutations: [mutation])),
    ]
    var body: [UInt8] = []
    for frame in frames { body += frame.encoded + [10] }
    noteAttempts(frames)
    trace.note("a liar (\(kind)) >", body)
    guard let answer = try await server.ask(.post, "/v1/sync", token: device.token, body: body)
    else {
      return
    }
    trace.note("a liar < \(answer.status)", answer.body)
    guard answer.status == 200 else { return }
    let found = try FrameReader().frames(answer.body)
    // A version that never was is answered in the words of now.
    let isFirst = stage.isRenamed && isDeployed && !isRaised && (kind < 5 || kind > 6)
    let view = try await ServerView.of(
      server.people[device.person].own, on: server, isFirst ? WorldSchema.synced : collections,
      version: isFirst ? Stage.firstVersion : nil)
    if let view {
      checkAuthority(found, view, device)
    }
    checkFrames(found)
    for frame in found {
      guard case .pushed(let pushed) = frame, let result = pushed.results.first else { continue }
      if result.outcome == .rejected {
        if !wasTouched { ledger.touched.remove(target) }
        if kind < 5 { continue }
      }
      let mayBe =
        switch kind {
        case 0: rights == .owner
        case 1: false  // nobody may write it from outside
        case 2: rights == .owner  // theirs already
        case 3, 4: rights != .none
        default: false  // not of a schema, or not the next one of the lane
        }
      if !mayBe { breach(.authority, "a lie of kind \(kind) was answered \(result.outcome)") }
    }
  }

  private enum Rights {
    case none, member, owner
  }

  /// What a person may change of a gig, by the rows alone and not by what decides for the server.
  private func rights(of person: UUID, on gig: UUID) async throws -> Rights {
    guard server.isUp else { return .none }
    let found = try await server.look { reader in
      try await reader.all(
        """
        SELECT CASE WHEN g.locked = 1 THEN 0 WHEN g.owner = \(person) THEN 2 WHEN EXISTS (SELECT 1 \
        FROM members m WHERE m.band = g.band AND m."user" = \(person) \
        AND m."deletedAt" IS NULL) THEN 1 ELSE 0 END FROM gigs g \
        WHERE g.id = \(gig) AND g."deletedAt" IS NULL
        """
      ) { $0.int64(0) }
    }
    switch found.first {
    case 2: return .owner
    case 1: return .member
    default: return .none
    }
  }
}
