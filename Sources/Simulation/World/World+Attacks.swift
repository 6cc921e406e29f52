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
    ledger.touched.insert(target)
    let frames: [Frame] = [
      .hello(
        Hello(
          cid: client, schema: schema, wall: time.wall,
          lanes: [.live: LanePosition(last: seq, chain: mutation.chain)])),
      .push(Push(cid: client, lane: .live, mutations: [mutation])),
    ]
    var body: [UInt8] = []
    for frame in frames { body += frame.encoded + [10] }
    trace.note("a liar (\(kind)) >", body)
    guard let answer = try await server.ask(.post, "/v1/sync", token: device.token, body: body)
    else {
      return
    }
    trace.note("a liar < \(answer.status)", answer.body)
    guard answer.status == 200 else { return }
    let found = try FrameReader().frames(answer.body)
    if let view = try await ServerView.of(server.people[device.person].own, on: server) {
      checkAuthority(found, view, device)
    }
    checkFrames(found)
    // What a liar wrote into a field that nobody may write from outside.
    for frame in found {
      guard case .pushed(let pushed) = frame, let result = pushed.results.first else { continue }
      if [5, 6, 7, 8].contains(kind) || (kind == 1 && result.outcome != .rejected) {
        breach(.authority, "a lie of kind \(kind) was answered \(result.outcome)")
      }
    }
  }
}
