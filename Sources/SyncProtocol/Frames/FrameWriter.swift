import Cryptography
package import RoostCore

extension Frame {
  /// The frame's JSON, without white space and without a line's end.
  package var encoded: [UInt8] {
    var json = JSONWriter(capacity: 1024)
    write(to: &json)
    return json.bytes
  }

  /// Appends the frame's JSON.
  package func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("frame", name)
    switch self {
    case .hello(let hello): json.members(hello)
    case .welcome(let welcome): json.members(welcome)
    case .push(let push): json.members(push)
    case .pushed(let pushed): json.members(pushed)
    case .delta(let delta): json.members(delta)
    case .commit(let commit):
      json.member("heads", commit.heads)
      json.key("last")
      json.beginObject()
      for (lane, last) in commit.last.sorted(by: { $0.key < $1.key }) {
        json.member(lane.rawValue, last)
      }
      json.endObject()
      json.member("clock", commit.clock.text)
      if let mark = commit.mark { json.member("mark", mark) }
    case .more(let page, let mark):
      json.member("page", page)
      if let mark { json.member("mark", mark) }
    case .restart(let stream): json.member("stream", stream)
    case .digest(let digest):
      json.member("stream", digest.stream)
      json.member("bits", Int64(digest.bits))
      json.member("hashes", HashText.encode(digest.hashes))
    case .ranges(let ranges):
      json.member("stream", ranges.stream)
      json.member("bits", Int64(ranges.bits))
      json.member("head", ranges.head)
      json.member("differ", ranges.differ)
    case .leaves(let leaves):
      json.member("stream", leaves.stream)
      json.member("bits", Int64(leaves.bits))
      json.member("head", leaves.head)
      json.key("ranges")
      json.beginObject()
      for (range, hashes) in leaves.ranges.sorted(by: { $0.key < $1.key }) {
        json.member(String(range), HashText.encode(hashes))
      }
      json.endObject()
    case .gone(let gone):
      json.member("stream", gone.stream)
      json.member("leaves", HashText.encode(gone.leaves))
    case .fetch(let fetch):
      json.member("stream", fetch.stream)
      json.key("rows")
      json.beginArray()
      for row in fetch.rows {
        json.beginObject()
        json.member("coll", row.collection)
        json.member("id", row.id)
        json.endObject()
      }
      json.endArray()
    case .ack(let heads): json.member("heads", heads)
    case .error(let error): json.members(error)
    }
    json.endObject()
  }

  /// The frame's name in its member `frame`.
  package var name: String {
    switch self {
    case .hello: "hello"
    case .welcome: "welcome"
    case .push: "push"
    case .pushed: "pushed"
    case .delta: "delta"
    case .commit: "commit"
    case .more: "more"
    case .restart: "restart"
    case .digest: "digest"
    case .ranges: "ranges"
    case .leaves: "leaves"
    case .gone: "gone"
    case .fetch: "fetch"
    case .ack: "ack"
    case .error: "error"
    }
  }
}

/// Hashes of eight bytes, big-endian, as one base64url text.
enum HashText {
  static func encode(_ hashes: [UInt64]) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(hashes.count * 8)
    for hash in hashes { CanonicalBytes.append(hash, to: &bytes) }
    return Base64.encode(bytes)
  }

  static func decode(_ text: String) -> [UInt64]? {
    guard let bytes = Base64.decode(text), bytes.count.isMultiple(of: 8) else { return nil }
    return stride(from: 0, to: bytes.count, by: 8).map { start in
      bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
  }
}

extension JSONWriter {
  mutating func member(_ key: String, _ value: String) {
    self.key(key)
    string(value)
  }

  mutating func member(_ key: String, _ value: Int64) {
    self.key(key)
    int(value)
  }

  mutating func member(_ key: String, _ value: UUID) {
    self.key(key)
    uuid(value)
  }

  fileprivate mutating func member(_ key: String, _ values: [Int64]) {
    self.key(key)
    beginArray()
    for value in values { int(value) }
    endArray()
  }

  fileprivate mutating func member(_ key: String, _ values: [String]) {
    self.key(key)
    beginArray()
    for value in values { string(value) }
    endArray()
  }

  /// Positions by stream, the lowest number first.
  fileprivate mutating func member(_ key: String, _ positions: [Int64: Int64]) {
    self.key(key)
    beginObject()
    for (stream, position) in positions.sorted(by: { $0.key < $1.key }) {
      member(String(stream), position)
    }
    endObject()
  }

  fileprivate mutating func member(_ key: String, _ stamps: [String: Stamp]) {
    self.key(key)
    beginObject()
    let ordered = stamps.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (field, stamp) in ordered { member(field, stamp.description) }
    endObject()
  }

  mutating func member(_ key: String, _ masks: [Int64: Mask]) {
    self.key(key)
    beginObject()
    for (number, mask) in masks.sorted(by: { $0.key < $1.key }) {
      self.key(String(number))
      beginObject()
      member("coll", mask.collection)
      member("fields", mask.fields)
      endObject()
    }
    endObject()
  }

  private mutating func members(_ position: LanePosition) {
    member("last", position.last)
    member("chain", position.chain.description)
  }

  private mutating func members(_ status: LaneStatus) {
    members(status.position)
    guard let durable = status.durable else { return }
    key("durable")
    beginObject()
    members(durable)
    endObject()
  }

  fileprivate mutating func members(_ hello: Hello) {
    member("cid", hello.cid)
    if let epoch = hello.epoch { member("epoch", epoch) }
    if let mark = hello.mark { member("mark", mark) }
    member("schema", hello.schema)
    member("wall", hello.wall)
    key("lanes")
    beginObject()
    for (lane, position) in hello.lanes.sorted(by: { $0.key < $1.key }) {
      key(lane.rawValue)
      beginObject()
      members(position)
      endObject()
    }
    endObject()
    member("streams", hello.streams)
    if !hello.staged.isEmpty { member("staged", hello.staged) }
    if let page = hello.page { member("page", page) }
    if let device = hello.device {
      key("device")
      beginObject()
      member("id", device.id)
      if let name = device.name { member("name", name) }
      if let platform = device.platform { member("platform", platform) }
      endObject()
    }
    if !hello.tiers.isEmpty { member("tiers", hello.tiers.map(\.rawValue)) }
    if hello.wait > 0 { member("wait", Int64(hello.wait)) }
  }

  fileprivate mutating func members(_ welcome: Welcome) {
    member("epoch", welcome.epoch)
    member("now", welcome.now)
    member("clock", welcome.clock.text)
    key("lanes")
    beginObject()
    for (lane, status) in welcome.lanes.sorted(by: { $0.key < $1.key }) {
      key(lane.rawValue)
      beginObject()
      members(status)
      endObject()
    }
    endObject()
    key("add")
    beginArray()
    for notice in welcome.add {
      beginObject()
      member("stream", notice.stream)
      member("tier", notice.tier.rawValue)
      endObject()
    }
    endArray()
    member("drop", welcome.drop)
    member("resync", welcome.resync)
    member("masks", welcome.masks)
    key("schema")
    beginObject()
    member("current", welcome.schema.current)
    member("minimum", welcome.schema.minimum)
    if let lens = welcome.schema.lens { member("lens", lens) }
    endObject()
  }

  fileprivate mutating func members(_ push: Push) {
    member("cid", push.cid)
    member("lane", push.lane.rawValue)
    key("muts")
    beginArray()
    var previous: ChainHash?
    for mutation in push.mutations {
      beginObject()
      member("seq", mutation.seq)
      member("nonce", Digits.hexadecimal(mutation.nonce))
      if mutation.oid != mutation.chain { member("oid", mutation.oid.description) }
      if mutation.prev != previous { member("prev", mutation.prev.description) }
      member("chain", mutation.chain.description)
      member("hlc", mutation.stamp.description)
      member("schema", mutation.schema)
      key("ops")
      beginArray()
      for operation in mutation.operations { value(operation.json) }
      endArray()
      endObject()
      previous = mutation.chain
    }
    endArray()
  }

  fileprivate mutating func members(_ pushed: Pushed) {
    member("lane", pushed.lane.rawValue)
    member("state", pushed.state.rawValue)
    members(pushed.status)
    if let common = pushed.common { member("common", common) }
    key("results")
    beginArray()
    for result in pushed.results { value(result) }
    endArray()
  }

  private mutating func value(_ result: MutationResult) {
    beginObject()
    member("seq", result.seq)
    member("result", result.outcome.rawValue)
    if let code = result.code { member("code", code) }
    if let message = result.message { member("message", message) }
    if !result.issues.isEmpty {
      key("errors")
      beginArray()
      for issue in result.issues {
        beginObject()
        member("pointer", issue.pointer)
        member("code", issue.code)
        member("message", issue.message)
        endObject()
      }
      endArray()
    }
    if !result.conflicts.isEmpty {
      key("conflicts")
      beginArray()
      for conflict in result.conflicts { uuid(conflict) }
      endArray()
    }
    if !result.values.isEmpty {
      key("values")
      value(.object(result.values))
    }
    endObject()
  }

  fileprivate mutating func members(_ delta: Delta) {
    member("stream", delta.stream)
    member("from", delta.from)
    if !delta.masks.isEmpty { member("masks", delta.masks) }
    key("entries")
    beginArray()
    for entry in delta.entries { value(entry) }
    endArray()
    member("to", delta.to)
  }

  private mutating func value(_ entry: StreamEntry) {
    beginObject()
    member("seq", entry.seq)
    member("coll", entry.row.collection)
    member("id", entry.row.id)
    member("rv", entry.version)
    if entry.kind == .put {
      if entry.mask != 0 { member("mask", entry.mask) }
      if let base = entry.baseVersion { member("baseRv", base) }
      if !entry.clocks.isEmpty { member("clocks", entry.clocks) }
      key("fields")
      value(.object(entry.fields))
    } else {
      member("kind", entry.kind.rawValue)
    }
    endObject()
  }

  fileprivate mutating func members(_ error: SyncError) {
    member("code", error.code)
    member("message", error.message)
    if let pointer = error.pointer { member("pointer", pointer) }
    if let lane = error.lane { member("lane", lane.rawValue) }
    if let seconds = error.retryAfterSeconds { member("retryAfter", Int64(seconds)) }
    if !error.details.isEmpty {
      key("details")
      value(.object(error.details))
    }
  }
}
