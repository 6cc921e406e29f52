import Glibc
import RoostCore
import SyncClient
import SyncProtocol
import Transport

extension World {
  private static let live: Set<String> = ["bands", "members", "gigs"]

  /// What a device asks now; nil where it asks nothing any more.
  func compose(_ device: WorldDevice) -> Letter? {
    if device.isRevoked, chance.once(in: 2) { return nil }
    let wall = device.wall(time)
    var tiers: [Lane] = []
    let all = collections(device)
    var collections = all.filter { $0 != "photos" }
    switch isCalm ? 0 : chance.below(5) {
    case 0:
      tiers = Lane.allCases
      collections = all
    case 1:
      tiers = [.live]
      collections = collections.filter { World.live.contains($0) }
    default: break
    }
    let most = chance.once(in: 3) && !isCalm ? 1 + chance.below(3) : 1000
    let frames = device.live.core.request(wall: wall, tiers: tiers, mutations: most)
    // The core may have taken note of what it asked.
    device.store()
    guard !frames.isEmpty else { return nil }
    var body: [UInt8] = []
    let sent = bug?.request(frames, self) ?? frames
    for frame in sent {
      body += frame.encoded
      body.append(10)
    }
    if World.holds(body, WorldSchema.secret) {
      breach(.secrecy, "\(device.name) sends \(String(decoding: body, as: UTF8.self))")
    }
    return Letter(
      device: device.number, life: device.life, token: device.token, body: body, frames: sent,
      sent: wall, collections: collections)
  }

  static func holds(_ bytes: [UInt8], _ text: String) -> Bool {
    bytes.withUnsafeBytes { bytes in
      Array(text.utf8).withUnsafeBytes { wanted in
        guard let start = bytes.baseAddress, let first = wanted.baseAddress else { return false }
        var offset = 0
        while bytes.count - offset >= wanted.count,
          let found = memchr(start + offset, Int32(wanted[0]), bytes.count - offset)
        {
          offset = UnsafeRawPointer(found) - start
          guard bytes.count - offset >= wanted.count else { return false }
          if memcmp(found, first, wanted.count) == 0 { return true }
          offset += 1
        }
        return false
      }
    }
  }

  /// The server takes a request; nil where it went down before it answered.
  func handle(_ letter: Letter) async throws -> Reply? {
    guard server.isUp else { return nil }
    let device = devices[letter.device]
    let asked = letter.frames ?? (try? FrameReader().frames(letter.body)) ?? []
    noteAttempts(asked)
    trace.note("\(device.name) >", letter.body)
    guard
      let answer = try await server.ask(.post, "/v1/sync", token: letter.token, body: letter.body)
    else {
      note("  the server went down")
      if isCalm { try await recover() }
      return nil
    }
    trace.note("\(device.name) < \(answer.status)", answer.body)
    var frames: [Frame] = []
    if answer.status == 200 {
      do {
        frames = try FrameReader(limits: World.wide).frames(answer.body)
      } catch {
        throw WorldFault("an answer cannot be read: \(error)")
      }
      if let bug { frames = bug.answer(frames, self) }
    }
    var reply = Reply(
      device: letter.device, life: letter.life, status: answer.status, frames: frames,
      sent: letter.sent, collections: letter.collections)
    if answer.status == 200 {
      try await observe(asked, frames, of: device)
      if frames.contains(where: { $0.isCommit }), chance.once(in: stage.isLinked ? 5 : 8) {
        reply.view = try await view(of: device, asking: asked, letter.collections)
        if let view = reply.view { checkAuthority(frames, view, device) }
      }
    } else if answer.status >= 500, answer.status != 503, answer.status != 507 {
      // A disk that fails may be told so; the server is then gone, or has room again later.
      note("  the server answers \(answer.status)")
    }
    try await noteRequest()
    return reply
  }

  private static let wide: FrameLimits = {
    var limits = FrameLimits()
    limits.frames = 100_000
    return limits
  }()

  /// A device takes an answer in; says whether it shows what a commit brought.
  ///
  /// A device that finds that it has to fork holds a commit back.
  @discardableResult
  func receive(_ reply: Reply) -> Bool {
    let device = devices[reply.device]
    guard device.life == reply.life, reply.status == 200 else { return false }
    let ids = ids
    let time = time
    let outcome: SyncClient.Outcome
    do {
      outcome = try device.live.core.receive(
        reply.frames, sent: reply.sent, received: device.wall(time),
        newClient: { .version7(at: time.now(), random: ids) })
    } catch {
      // What the core refuses it has not taken in.
      note("  \(device.name) refuses the answer: \(World.text(error))")
      device.live = device.stored
      return false
    }
    if !isCalm, weather.has(.deviceCrash), chance.once(in: 12) {
      device.crash()
      note("  \(device.name) crashes before it has stored the answer")
      return false
    }
    let new = device.live.core.results.filter { !device.live.shown.contains($0.key) }
    for (oid, result) in new.sorted(by: { $0.key.isBefore($1.key) }) {
      device.live.shown.insert(oid)
      device.live.conflicts += result.conflicts
    }
    device.store()
    note("  \(device.name) is \(World.text(outcome))")
    guard case .committed = outcome else { return false }
    if let view = reply.view { checkSnapshot(device, view, reply) }
    return true
  }
}

extension World {
  /// The name of an outcome, which Swift otherwise finds by reflection.
  fileprivate static func text(_ outcome: SyncClient.Outcome) -> String {
    switch outcome {
    case .committed: "committed"
    case .more: "more"
    case .askAgain: "askAgain"
    case .stale: "stale"
    case .ended: "\(outcome)"
    }
  }
}

extension ChainHash {
  /// The order of the texts.
  func isBefore(_ other: ChainHash) -> Bool { (high, low) < (other.high, other.low) }
}

extension Frame {
  var isCommit: Bool { if case .commit = self { true } else { false } }
}
