import Cryptography
package import RoostCore

/// Reads frames: one from its bytes, or all of a request, one a line.
package struct FrameReader: Sendable {
  package let limits: FrameLimits
  /// Whether it reads what clients send: a frame of the server's is refused by its name, before
  /// anything in it is looked at.
  private let readsRequests: Bool

  package init(limits: FrameLimits = FrameLimits(), readsRequests: Bool = false) {
    self.limits = limits
    self.readsRequests = readsRequests
  }

  /// Reads the frames of a body, each a line of its own; empty lines are passed over.
  ///
  /// Errors: `payload_too_large` above the limits, `malformed` with a pointer that begins with the
  /// frame's number, from 0.
  package func frames(_ body: [UInt8]) throws(RoostError) -> [Frame] {
    guard body.count <= limits.bytes else {
      throw RoostError(.payloadTooLarge, "A request holds at most \(limits.bytes) bytes of frames.")
    }
    var frames: [Frame] = []
    var mutations = 0
    for line in FrameReader.lines(body) {
      guard frames.count < limits.frames else {
        throw RoostError(.payloadTooLarge, "A request holds at most \(limits.frames) frames.")
      }
      let result = body.withUnsafeBytes {
        read(UnsafeRawBufferPointer(rebasing: $0[line]), pointer: "/\(frames.count)")
      }
      let frame = try result.get()
      if case .push(let push) = frame { mutations += push.mutations.count }
      guard mutations <= limits.mutations else {
        throw RoostError(
          .payloadTooLarge, "A request holds at most \(limits.mutations) mutations.")
      }
      frames.append(frame)
    }
    return frames
  }

  /// The places of the lines that hold more than blanks.
  private static func lines(_ body: [UInt8]) -> [Range<Int>] {
    var lines: [Range<Int>] = []
    body.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        var end = start
        while end < bytes.count, bytes[end] != 10 { end += 1 }
        if bytes[start..<end].contains(where: { $0 != 32 && $0 != 13 }) {
          lines.append(start..<end)
        }
        start = end + 1
      }
    }
    return lines
  }

  /// Reads one frame.
  package func frame(_ bytes: [UInt8]) throws(RoostError) -> Frame {
    let result = bytes.withUnsafeBytes { read($0, pointer: "") }
    return try result.get()
  }

  private func read(
    _ bytes: UnsafeRawBufferPointer, pointer: String
  ) -> Result<Frame, RoostError> {
    guard bytes.count <= limits.bytes else {
      return .failure(
        RoostError(.payloadTooLarge, "A frame holds at most \(limits.bytes) bytes."))
    }
    switch JSON.parseResult(bytes, maxDepth: limits.depth) {
    case .failure(let error):
      return .failure(
        Members.issue(pointer, "syntax", "The frame is not JSON that is taken: \(error)."))
    case .success(let json):
      do throws(RoostError) {
        return .success(try frame(json, pointer: pointer))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Reads a frame from its JSON.
  package func frame(_ json: JSON, pointer: String = "") throws(RoostError) -> Frame {
    let members = try Members(json, pointer)
    let name = try members.text("frame")
    if readsRequests, FrameReader.ofServer.contains(name) {
      throw members.fault(
        "frame", "unexpected_frame",
        "A client sends hello, push, digest, leaves, fetch and ack; \(name) is the server's.")
    }
    switch name {
    case "hello": return .hello(try hello(members))
    case "welcome": return .welcome(try Welcome(members))
    case "push": return .push(try PushReader(limits: limits).push(members))
    case "pushed": return .pushed(try Pushed(members))
    case "delta": return .delta(try Delta(members))
    case "commit": return .commit(try Commit(members))
    case "more":
      return .more(
        page: try members.int("page"), mark: try members.optionalText("mark", longest: 256))
    case "restart": return .restart(stream: try members.int("stream", from: 1))
    case "digest": return .digest(try Digest(members))
    case "ranges": return .ranges(try DigestRanges(members))
    case "leaves": return .leaves(try DigestLeaves(members))
    case "gone": return .gone(try GoneLeaves(members))
    case "fetch": return .fetch(try fetch(members))
    case "ack": return .ack(heads: try members.streams("heads", most: limits.streams))
    case "error": return .error(try SyncError(members))
    default:
      throw members.fault("frame", "unknown_frame", "This version knows no frame of that name.")
    }
  }

  /// The names of the frames that a server alone sends.
  private static let ofServer: Set<String> = [
    "welcome", "pushed", "delta", "commit", "more", "restart", "ranges", "gone", "error",
  ]

  private func hello(_ members: Members) throws(RoostError) -> Hello {
    try members.require(["wall", "cid", "schema"])
    var tiers: [Lane] = []
    for (index, tier) in try members.array("tiers", most: 8).enumerated() {
      guard let lane = tier.string.flatMap(Lane.init(rawValue:)) else {
        let given = tier.string.map { "; \"\($0.prefix(60))\" is none" } ?? ""
        throw Members.issue(
          members.place("tiers") + "/\(index)", "enum",
          "A tier is one of LIVE, HOURLY, DAILY and ON_DEMAND\(given).")
      }
      tiers.append(lane)
    }
    // Clocks are wrong in both directions; a number that no clock shows is a fault of the client.
    guard let wall = try members.required("wall").int, wall.magnitude < 1 << 47 else {
      throw members.fault("wall", "range", "wall is in milliseconds since 1970.")
    }
    return Hello(
      cid: try members.uuid("cid"),
      epoch: try members.optionalUUID("epoch"),
      schema: try members.text("schema"), wall: wall,
      lanes: try members.lanes("lanes", LanePosition.init),
      streams: try members.streams("streams", most: limits.streams),
      staged: try members.streams("staged", most: limits.streams), tiers: tiers,
      wait: Int(try members.optionalInt("wait") ?? 0),
      mark: try members.optionalText("mark", longest: 256), page: try members.optionalInt("page"),
      device: try members.optionalMembers("device").map(DeviceNotice.init))
  }

  private func fetch(_ members: Members) throws(RoostError) -> Fetch {
    var rows: [RowKey] = []
    for (index, row) in try members.array("rows", most: limits.rows).enumerated() {
      let row = try Members(row, members.place("rows") + "/\(index)")
      rows.append(RowKey(collection: try row.text("coll"), id: try row.uuid("id")))
    }
    return Fetch(stream: try members.int("stream", from: 1), rows: rows)
  }
}

extension DeviceNotice {
  init(_ members: Members) throws(RoostError) {
    self.init(
      id: try members.uuid("id"), name: try members.storedText("name", longest: 320),
      platform: try members.storedText("platform", longest: 64))
  }
}

extension LanePosition {
  init(_ members: Members) throws(RoostError) {
    self.init(last: try members.int("last"), chain: try members.hash("chain"))
  }
}

extension LaneStatus {
  init(_ members: Members) throws(RoostError) {
    var durable: LanePosition?
    if let members = try members.optionalMembers("durable") {
      durable = try LanePosition(members)
    }
    self.init(position: try LanePosition(members), durable: durable)
  }
}

extension Welcome {
  init(_ members: Members) throws(RoostError) {
    var add: [StreamNotice] = []
    for (index, notice) in try members.array("add").enumerated() {
      let notice = try Members(notice, members.place("add") + "/\(index)")
      add.append(
        StreamNotice(stream: try notice.int("stream", from: 1), tier: try notice.lane("tier")))
    }
    let schema = try members.members("schema")
    guard let now = try members.required("now").int, now.magnitude < 1 << 47 else {
      throw members.fault("now", "range", "now is in milliseconds since 1970.")
    }
    self.init(
      epoch: try members.uuid("epoch"), now: now,
      clock: HybridTime(rawValue: try members.word("clock")),
      lanes: try members.lanes("lanes", LaneStatus.init), add: add,
      drop: try members.streamList("drop"), resync: try members.streamList("resync"),
      masks: try members.masks("masks"),
      schema: SchemaNotice(
        current: try schema.text("current"), minimum: try schema.text("minimum"),
        lens: try schema.optionalText("lens")))
  }
}

extension Commit {
  init(_ members: Members) throws(RoostError) {
    var last: [Lane: Int64] = [:]
    if let lanes = try members.optionalMembers("last") {
      for (name, value) in lanes.object {
        guard let lane = Lane(rawValue: name) else {
          throw lanes.fault(name, "enum", "A lane is LIVE, HOURLY, DAILY or ON_DEMAND.")
        }
        last[lane] = try Members.int(value, lanes.place(name), from: 0)
      }
    }
    self.init(
      heads: try members.streams("heads"), last: last,
      clock: HybridTime(rawValue: try members.word("clock")),
      mark: try members.optionalText("mark", longest: 256))
  }
}

extension SyncError {
  init(_ members: Members) throws(RoostError) {
    var lane: Lane?
    if members.value("lane") != nil { lane = try members.lane("lane") }
    self.init(
      code: try members.text("code"),
      message: try members.optionalText("message", longest: 65_536) ?? "",
      pointer: try members.optionalText("pointer", longest: 4096), lane: lane,
      retryAfterSeconds: try members.optionalInt("retryAfter").map { Int($0) },
      details: members.value("details")?.object ?? JSONObject())
  }
}

extension Members {
  /// The masks by number; empty where the member is left out.
  func masks(_ key: String) throws(RoostError) -> [Int64: Mask] {
    guard let members = try optionalMembers(key) else { return [:] }
    var masks: [Int64: Mask] = [:]
    for (name, value) in members.object {
      let number = try Members.number(name, members.place(name))
      let mask = try Members(value, members.place(name))
      var fields: [String] = []
      for field in try mask.array("fields") {
        guard let field = field.string else {
          throw mask.fault("fields", "type", "The fields of a mask are names.")
        }
        fields.append(field)
      }
      masks[number] = Mask(collection: try mask.text("coll"), fields: fields)
    }
    return masks
  }

  /// Hashes of eight bytes as one base64url text.
  func hashes(_ key: String) throws(RoostError) -> [UInt64] {
    guard let text = try required(key).string, let hashes = HashText.decode(text) else {
      throw fault(key, "type", "\(key) is the base64url text of hashes of eight bytes.")
    }
    return hashes
  }

  /// How many bits of an id number its range.
  func bits() throws(RoostError) -> Int {
    let bits = try int("bits")
    guard bits <= RangeDigest.mostBits else {
      throw fault("bits", "range", "bits is at most \(RangeDigest.mostBits).")
    }
    return Int(bits)
  }
}
