import Schema
import SyncProtocol

@testable import RoostCore
@testable import SyncClient

/// A server of one account in memory, written from the protocol: a value, so that a copy is a
/// backup.
struct ModelServer {
  struct Row {
    var fields: [String: FieldState]
    var origin: Stamp
  }

  struct Stream {
    let tier: Lane
    /// Whether a row stands in it.
    let holds: @Sendable (RowKey, Row) -> Bool
    /// The number of the mask of its entries; 0 shows all.
    var mask: Int64 = 0
    var head: Int64 = 0
    var floor: Int64 = 0
    var removal: Int64 = 0
    var entries: [RowKey: Entry] = [:]
  }

  struct Entry {
    var seq: Int64
    var kind: StreamEntry.Kind
  }

  private(set) var epoch: UUID
  private(set) var rows: [RowKey: Row] = [:]
  private(set) var streams: [Int64: Stream]
  private var masks: [Int64: Mask] = [9: Mask(collection: "gigs", fields: ["title", "team"])]
  private var lanes: [UUID: [Lane: LaneState]] = [:]
  private var chains: [UUID: [Lane: [Int64: ChainHash]]] = [:]
  private(set) var results: [ChainHash: MutationResult] = [:]
  private var durable: [UUID: [Lane: LanePosition]] = [:]
  private(set) var conflicts: [UUID] = []
  private var clock = ClockState()
  private var purges: Int64 = 0
  /// The streams that the account holds.
  var granted: Set<Int64> = [1, 2, 3, 4]
  var versions = SyncProtocol.SchemaNotice(current: TestApp.version, minimum: "1.0.0")
  /// Entries of an answer.
  var page = 1000

  init(epoch: UUID) {
    self.epoch = epoch
    let text: @Sendable (Row, String) -> String? = { $0.fields[$1]?.value.string }
    streams = [
      1: Stream(tier: .live) { key, row in
        key.collection == "gigs" && text(row, "team") != "blue"
      },
      2: Stream(tier: .live) { key, row in
        key.collection == "gigs" && text(row, "team") == "blue"
      },
      3: Stream(tier: .daily) { key, _ in key.collection == "news" },
      4: Stream(tier: .live, holds: { key, _ in key.collection == "gigs" }, mask: 9),
    ]
  }

  // MARK: Data

  /// What the account should see of a collection.
  func visible(_ collection: String) -> [UUID: JSONObject] {
    var seen: [UUID: JSONObject] = [:]
    for (key, row) in rows where key.collection == collection {
      let holding = streams.filter { granted.contains($0.key) && $0.value.holds(key, row) }
      guard !holding.isEmpty else { continue }
      let masks = holding.values.map { $0.mask }
      seen[key.id] = fields(of: row, key, mask: masks.contains(0) ? 0 : masks[0])
    }
    return seen
  }

  private func fields(of row: Row, _ key: RowKey, mask: Int64) -> JSONObject {
    let shown = masks[mask]?.fields
    var fields = JSONObject()
    for (name, state) in row.fields.sorted(by: { $0.key < $1.key })
    where shown?.contains(name) ?? true {
      fields[name] = TestApp.plan[key.collection]?.fields[name]?.wire(state.value)
    }
    return fields
  }

  private mutating func index(_ key: RowKey) {
    for number in streams.keys.sorted() {
      guard var stream = streams[number] else { continue }
      let isHeld = rows[key].map { stream.holds(key, $0) } ?? false
      let was = stream.entries[key]
      if isHeld {
        stream.head += 1
        stream.entries[key] = Entry(seq: stream.head, kind: .put)
      } else if was?.kind == .put {
        stream.head += 1
        stream.removal = stream.head
        stream.entries[key] = Entry(seq: stream.head, kind: rows[key] == nil ? .delete : .leave)
      }
      streams[number] = stream
    }
  }

  /// A change by somebody else.
  mutating func write(_ operation: ClientOperation, at wall: Int64) {
    let stamp = Stamp(time: clock.tick(wall: wall), client: .zero)
    var report = Report()
    try? carryOut(operation, stamp, wall, &report, isDevice: false)
  }

  /// Removes what says that rows went, as after 90 days.
  mutating func purge() {
    purges += 1
    streams = streams.mapValues { stream in
      var stream = stream
      stream.entries = stream.entries.filter { $0.value.kind == .put }
      stream.floor = stream.removal
      return stream
    }
  }

  /// A copy that counts as a backup: what it has is durable.
  mutating func backUp() -> ModelServer {
    for (client, states) in lanes { durable[client] = states.mapValues(\.position) }
    return self
  }

  /// Begins another history, after a restore.
  mutating func restore(_ backup: ModelServer, epoch: UUID, at wall: Int64) {
    let granted = granted
    let clock = clock
    self = backup
    self.clock = clock
    self.granted = granted
    self.epoch = epoch
    _ = self.clock.tick(wall: wall)
  }

  // MARK: Frames

  mutating func answer(_ request: [Frame], at wall: Int64) -> [Frame] {
    guard case .hello(let hello)? = request.first else { return [] }
    var pushed: [Frame] = []
    var digests: [Digest] = []
    var leaves: [DigestLeaves] = []
    var fetches: [Fetch] = []
    for frame in request.dropFirst() {
      switch frame {
      case .push(let push): pushed.append(.pushed(take(push, at: wall)))
      case .digest(let digest): digests.append(digest)
      case .leaves(let list): leaves.append(list)
      case .fetch(let fetch): fetches.append(fetch)
      default: break
      }
    }
    var plan = Plan(hello, self, reconciled: Set(digests.map(\.stream) + leaves.map(\.stream)))
    var answers: [Frame] = []
    var left = page
    var isWhole = true
    for stretch in plan.stretches {
      guard left > 0 else {
        isWhole = false
        break
      }
      let delta = delta(stretch.stream, from: stretch.from, room: &left)
      if delta.to < stretch.to { isWhole = false }
      answers.append(.delta(delta))
    }
    for digest in digests where granted.contains(digest.stream) {
      answers.append(.ranges(compare(digest)))
    }
    for list in leaves where granted.contains(list.stream) { answers += self.answer(list) }
    for fetch in fetches where granted.contains(fetch.stream) {
      let place = hello.staged[fetch.stream] ?? hello.streams[fetch.stream] ?? 0
      let entries = fetch.rows.compactMap { entry(fetch.stream, $0) }
      answers.append(
        .delta(Delta(stream: fetch.stream, from: place, to: place, entries: entries)))
    }
    let time = clock.tick(wall: wall)
    var statuses = (lanes[hello.cid] ?? [:]).mapValues { LaneStatus(position: $0.position) }
    for lane in hello.lanes.keys where statuses[lane] == nil {
      statuses[lane] = LaneStatus(
        position: LanePosition(last: 0, chain: Chain.genesis(client: hello.cid, lane: lane)))
    }
    for lane in statuses.keys { statuses[lane]?.durable = durable[hello.cid]?[lane] }
    let welcome = Welcome(
      epoch: epoch, now: wall, clock: time, lanes: statuses, add: plan.add, drop: plan.drop,
      resync: plan.resync, masks: masks, schema: versions)
    let isAsked = digests.isEmpty && leaves.isEmpty && fetches.isEmpty
    let end: Frame =
      isWhole && isAsked
      ? .commit(
        Commit(heads: plan.heads, last: statuses.mapValues(\.position.last), clock: time))
      : .more(page: purges)
    plan.restart.sort()
    return [.welcome(welcome)] + pushed + plan.restart.map { .restart(stream: $0) } + answers
      + [end]
  }

  /// What a pull brings, as the server plans it.
  private struct Plan {
    var add: [StreamNotice] = []
    var drop: [Int64] = []
    var resync: [Int64] = []
    var restart: [Int64] = []
    var stretches: [(stream: Int64, from: Int64, to: Int64)] = []
    var heads: [Int64: Int64] = [:]

    init(_ hello: Hello, _ server: ModelServer, reconciled: Set<Int64>) {
      let isForeign = hello.epoch != nil && hello.epoch != server.epoch
      let wanted = Set(hello.tiers.isEmpty ? [.live, .hourly, .daily] : hello.tiers)
      for number in server.granted.sorted() where !reconciled.contains(number) {
        guard let stream = server.streams[number], stream.head > 0 else { continue }
        let cursor = hello.streams[number]
        guard wanted.contains(stream.tier) || cursor.map({ stream.removal > $0 }) == true else {
          continue
        }
        if cursor == nil { add.append(StreamNotice(stream: number, tier: stream.tier)) }
        let isWhole =
          cursor.map { !isForeign && $0 <= stream.head && ($0 >= stream.floor || $0 == 0) } ?? true
        var from = isWhole ? cursor ?? 0 : 0
        if let staged = hello.staged[number] {
          let isGood =
            !isForeign && staged <= stream.head
            && (hello.page == server.purges || staged >= stream.floor)
          if isGood {
            from = staged
          } else {
            from = 0
            restart.append(number)
            if !isWhole { resync.append(number) }
          }
        } else if !isWhole {
          resync.append(number)
        }
        if from < stream.head { stretches.append((number, from, stream.head)) }
        if cursor != stream.head || isForeign { heads[number] = stream.head }
      }
      let held = server.granted.filter { server.streams[$0]?.head ?? 0 > 0 }
      drop = Set(hello.streams.keys).union(hello.staged.keys).subtracting(held).sorted()
    }
  }

  private func entry(_ number: Int64, _ key: RowKey) -> StreamEntry? {
    guard let stream = streams[number], let place = stream.entries[key] else { return nil }
    guard place.kind == .put, let row = rows[key] else {
      return StreamEntry(seq: place.seq, row: key, kind: place.kind, version: place.seq)
    }
    var clocks: [String: Stamp] = [:]
    let shown = fields(of: row, key, mask: stream.mask)
    for (name, _) in shown {
      if TestApp.plan[key.collection]?.fields[name]?.rule.comparesBase == true {
        clocks[name] = row.fields[name]?.clocks.stamp
      }
    }
    return StreamEntry(
      seq: place.seq, row: key, kind: .put, version: place.seq, mask: stream.mask, fields: shown,
      clocks: clocks)
  }

  private func delta(_ number: Int64, from: Int64, room: inout Int) -> Delta {
    let places = (streams[number]?.entries ?? [:]).filter { $0.value.seq > from }
      .sorted { $0.value.seq < $1.value.seq }
    let taken = places.prefix(room)
    room -= taken.count
    let to =
      taken.count < places.count ? taken.last?.value.seq ?? from : streams[number]?.head ?? from
    return Delta(
      stream: number, from: from, to: to, entries: taken.compactMap { entry(number, $0.key) })
  }

  // MARK: Digests

  private func compare(_ digest: Digest) -> DigestRanges {
    var own = RangeDigest(bits: digest.bits)
    for (key, place) in streams[digest.stream]?.entries ?? [:] where place.kind == .put {
      own.add(key.collection, key.id, seq: place.seq)
    }
    return DigestRanges(
      stream: digest.stream, bits: digest.bits, head: streams[digest.stream]?.head ?? 0,
      differ: own.differing(from: digest.hashes) ?? [])
  }

  private func answer(_ leaves: DigestLeaves) -> [Frame] {
    var unseen = leaves.ranges.mapValues { Set($0) }
    var entries: [StreamEntry] = []
    let stream = streams[leaves.stream]
    for (key, place) in (stream?.entries ?? [:]).sorted(by: { $0.value.seq < $1.value.seq })
    where place.kind == .put {
      let range = RangeDigest.range(of: key.id, bits: leaves.bits)
      let leaf = RangeDigest.leaf(key.collection, key.id, seq: place.seq)
      if unseen[range] != nil, unseen[range]?.remove(leaf) == nil,
        let entry = entry(leaves.stream, key)
      {
        entries.append(entry)
      }
    }
    let gone = unseen.values.flatMap { $0 }.sorted()
    return [
      .gone(GoneLeaves(stream: leaves.stream, leaves: gone)),
      .delta(
        Delta(
          stream: leaves.stream, from: 0, to: min(leaves.head, stream?.head ?? 0),
          entries: entries)),
    ]
  }

  // MARK: Pushes

  private struct Report {
    var isMerged = false
    var conflicts: [UUID] = []
  }

  private struct Refusal: Error {
    let code: String
  }

  private mutating func take(_ push: Push, at wall: Int64) -> Pushed {
    var state = lanes[push.cid]?[push.lane] ?? LaneState(client: push.cid, lane: push.lane)
    var answers: [MutationResult] = []
    var end = Pushed.State.taken
    loop: for mutation in push.mutations {
      let known = chains[push.cid]?[push.lane]?[mutation.seq]
      switch state.decide(mutation, known: known, isKnown: results[mutation.oid] != nil) {
      case .skip:
        answers.append(repeated(mutation))
        continue
      case .forked:
        end = .forked
        break loop
      case .gap:
        end = .gap
        break loop
      case .duplicate where results[mutation.oid]?.isForWantOfRow == true:
        results[mutation.oid] = carryOut(mutation, push.cid, at: wall)
        answers.append(repeated(mutation))
      case .duplicate:
        let kept = repeated(mutation)
        answers.append(
          kept.outcome == .rejected || kept.outcome == .conflict
            ? kept : MutationResult(seq: mutation.seq, .dup))
      case .reject(let fault):
        results[mutation.oid] = MutationResult(seq: mutation.seq, .rejected, code: fault.code)
        answers.append(repeated(mutation))
      case .apply:
        results[mutation.oid] = carryOut(mutation, push.cid, at: wall)
        answers.append(repeated(mutation))
      }
      state.advance(over: mutation)
      chains[push.cid, default: [:]][push.lane, default: [:]][mutation.seq] = mutation.chain
    }
    lanes[push.cid, default: [:]][push.lane] = state
    return Pushed(
      lane: push.lane, state: end, status: LaneStatus(position: state.position),
      results: answers)
  }

  private func repeated(_ mutation: ClientMutation) -> MutationResult {
    var result = results[mutation.oid] ?? MutationResult(seq: mutation.seq, .dup)
    result.seq = mutation.seq
    return result
  }

  private mutating func carryOut(
    _ mutation: ClientMutation, _ client: UUID, at wall: Int64
  ) -> MutationResult {
    let stamp = Stamp(time: clock.receive(mutation.stamp.time, wall: wall), client: client)
    let before = (rows, streams, conflicts)
    var report = Report()
    do {
      for operation in mutation.operations {
        try carryOut(operation, stamp, wall, &report, isDevice: true)
      }
    } catch {
      (rows, streams, conflicts) = before
      let code = (error as? Refusal)?.code ?? "internal"
      return MutationResult(seq: mutation.seq, .rejected, code: code, message: "No.")
    }
    if !report.conflicts.isEmpty {
      return MutationResult(seq: mutation.seq, .conflict, conflicts: report.conflicts)
    }
    return MutationResult(seq: mutation.seq, report.isMerged ? .merged : .ok)
  }

  private mutating func carryOut(
    _ operation: ClientOperation, _ stamp: Stamp, _ wall: Int64, _ report: inout Report,
    isDevice: Bool
  ) throws {
    guard let key = operation.row else { return }
    guard TestApp.plan[key.collection]?.isLocal == false else { throw Refusal(code: "denied") }
    switch operation {
    case .create(_, _, let values):
      guard rows[key] == nil else { throw Refusal(code: "exists") }
      try check(values, of: key)
      var fields: [String: FieldState] = [:]
      for (name, field) in TestApp.plan[key.collection]?.fields ?? [:] where !field.isLocal {
        let value = field.stored(values[name] ?? field.initial ?? .null)
        fields[name] = FieldState(created: value, at: stamp)
      }
      rows[key] = Row(fields: fields, origin: stamp)
    case .update(_, _, let values, let base):
      guard var row = rows[key] else { throw Refusal(code: "row_gone") }
      try check(values, of: key)
      for (name, argument) in values {
        guard let field = TestApp.plan[key.collection]?.fields[name],
          let edit = field.operation(argument)
        else { throw Refusal(code: "invalid") }
        let stored = row.fields[name] ?? FieldState(created: .null, at: row.origin)
        let merged = field.rule.suited(to: edit, on: stored.value).merge(
          FieldEdit(
            edit, stamp: stamp,
            base: isDevice ? base[name].map { .stamp($0) } ?? .none : .unchecked,
            receivedAt: wall), into: stored)
        switch merged.outcome {
        case .rejected: throw Refusal(code: "conflict")
        case .conflict: report.conflicts.append(UUID(high: stamp.time.rawValue, low: key.id.low))
        case .merged, .ignored: report.isMerged = true
        case .applied: break
        }
        row.fields[name] = merged.state
      }
      rows[key] = row
    case .delete:
      guard rows.removeValue(forKey: key) != nil else { throw Refusal(code: "row_gone") }
    case .action, .resolve: break
    }
    index(key)
  }

  private func check(_ values: JSONObject, of key: RowKey) throws {
    for (name, value) in values {
      guard let field = TestApp.plan[key.collection]?.fields[name], !field.isLocal else {
        throw Refusal(code: "invalid")
      }
      if name == "title", value.string == "refused" { throw Refusal(code: "invalid") }
    }
  }
}
