import Queries
import Records
import RoostCore
import Rules
import Schema
import SyncProtocol

/// What one look at the database gives a client: the streams in one moment, and the lanes with them.
struct Pull: Sendable {
  /// What the door writes.
  struct Answer: Sendable {
    var welcome: Welcome
    var restart: [Int64] = []
    /// Delta frames, encoded.
    var deltas: [[UInt8]] = []
    /// What answers frames about single streams, encoded.
    var reconciled: [[UInt8]] = []
    var end: Frame
    /// Nothing in it is new to the client.
    var isEmpty: Bool
    /// What the caller holds, to wait for more of it, and where it ended.
    var standing: Standings.Standing
  }

  /// The database has lost what this client saw, by the client's mark.
  struct LossShown: Error {
    let epoch: UUID
  }

  let records: RecordStore
  let epochs: SyncEpochs
  let hello: Hello
  let caller: Caller
  let questions: StreamQuestions
  let schema: SyncProtocol.SchemaNotice
  /// How the device's version has rows, where they are otherwise now.
  let lens: DeviceLens?
  let now: Timestamp
  /// Bytes of deltas in one answer.
  let room: Int
  /// What was encoded for others.
  let pages: DeltaPages
  let time: any TimeSource

  /// Throws `LossShown`; else as the database does.
  func answer(in reader: any Reader) async throws -> Answer {
    try await StreamRescope.check(in: reader)
    let moment = try await SyncEpochs.moment(in: reader)
    let epoch = moment.epoch
    let isForeign = hello.epoch != nil && hello.epoch != epoch
    if hello.epoch == epoch, let mark = hello.mark,
      try await epochs.showsLoss(mark, of: epoch, in: reader)
    {
      throw LossShown(epoch: epoch)
    }
    let (held, heads) = try await records.reader(caller).heldStreams(in: reader)
    let plan = PullPlan(
      hello, heads, isForeign: isForeign, isPageWhole: hello.page == moment.purges,
      reconciled: questions.streams)
    let lanes = try await lanes(in: reader)
    let read = try await deltas(plan, heads, moment, in: reader)
    var streams = StreamReader(records, in: reader)
    streams.naming = lens?.naming
    let reconciled = try await questions.answer(
      heads, hello, room: room, &streams, in: reader, translated: translated)
    let masks = read.masks.merging(streams.masks) { $1 }
    let mark = epochs.mark(of: moment)
    let clock = records.hybridTime()
    let welcome = Welcome(
      epoch: epoch, now: now.milliseconds, clock: clock, lanes: lanes, add: plan.add,
      drop: plan.drop, resync: plan.resync, masks: lens?.masks(masks) ?? masks,
      schema: schema)
    let end: Frame
    if read.isWhole, questions.isEmpty {
      end = .commit(
        Commit(
          heads: plan.heads, last: lanes.mapValues(\.position.last), clock: clock, mark: mark))
    } else {
      end = .more(page: moment.purges, mark: mark)
    }
    return Answer(
      welcome: welcome, restart: plan.restart, deltas: read.frames, reconciled: reconciled,
      end: end,
      isEmpty: plan.isEmpty && questions.isEmpty,
      standing: Standings.Standing(epoch: epoch, mark: mark, held: held, heads: heads))
  }

  // MARK: Deltas

  /// What was read of the streams.
  private struct Deltas {
    /// Encoded, in the words of the device.
    var frames: [[UInt8]] = []
    var masks: [Int64: SyncProtocol.Mask] = [:]
    /// Nothing is left for another answer.
    var isWhole = true
  }

  /// A read on the caller's thread ends when its budget is spent, and begins again on another one: what
  /// it has encoded by then in pages of so many bytes is found there.
  private static let boundedPage = 65_536

  private func deltas(
    _ plan: PullPlan, _ heads: [StreamHead], _ moment: SyncEpochs.Moment, in reader: any Reader
  ) async throws -> Deltas {
    var deltas = Deltas()
    if plan.stretches.isEmpty { return deltas }
    var tiers: [Int64: SyncPolicy.Tier] = [:]
    for head in heads { tiers[head.stream] = head.tier }
    var left = room
    for stretch in plan.stretches {
      let tier = tiers[stretch.stream] ?? .live
      var from = stretch.from
      while from < stretch.to, left > 0 {
        let page = try await page(stretch, tier, after: from, moment, room: left, in: reader)
        let bytes = try translated(page.bytes, tier)
        left -= bytes.count
        deltas.frames.append(bytes)
        deltas.masks.merge(page.masks) { $1 }
        if page.to == from { break }
        from = page.to
      }
      if from < stretch.to {
        deltas.isWhole = false
        break
      }
    }
    return deltas
  }

  /// What lies behind `from` in a stretch, or the first of it; made before, or made now.
  private func page(
    _ stretch: PullPlan.Stretch, _ tier: SyncPolicy.Tier, after from: Int64,
    _ moment: SyncEpochs.Moment, room: Int, in reader: any Reader
  ) async throws -> DeltaPages.Page {
    let key = DeltaPages.Key(
      epoch: moment.epoch, purges: moment.purges, stream: stretch.stream, from: from,
      head: stretch.to)
    let now = time.monotonicNanoseconds()
    if let page = pages.page(key, room: room, at: now) { return page }
    let room = reader.isBounded ? min(room, Pull.boundedPage) : room
    var streams = StreamReader(records, in: reader)
    var delta = DeltaWriter(
      stream: stretch.stream, from: from,
      capacity: min(room, max(1024, Int(clamping: stretch.to - from) &* 256)) + 4096)
    let step = try await streams.write(
      stretch.stream, tier, after: from, end: stretch.to, room: room, to: &delta)
    let page = DeltaPages.Page(
      bytes: delta.finish(to: step.to), to: step.to, masks: streams.masks, room: room)
    // Where something hidden changes, an entry loses its time, and no head moves. Nor does one when a
    // person's keys are destroyed, and what they sealed is to be read by nobody from then on.
    if page.masks.isEmpty, records.catalogue.keys == nil { pages.keep(page, for: key, at: now) }
    return page
  }

  /// A delta of a tier in the words of the device.
  private func translated(_ delta: [UInt8], _ tier: SyncPolicy.Tier) throws -> [UInt8] {
    guard let lens else { return delta }
    return try lens.delta(delta) { name in
      records.catalogue.collection(named: name)?.model.sync.tier == tier
    }
  }

  /// Where the client's lanes stand; one that the server does not know at its beginning, or a client
  /// that a restored database has never met would wait for answers that were lost.
  private func lanes(in reader: any Reader) async throws -> [Lane: LaneStatus] {
    var lanes = try await records.laneStatuses(of: hello.cid, caller, in: reader)
    for lane in hello.lanes.keys where lanes[lane] == nil {
      let genesis = Chain.genesis(client: hello.cid, lane: lane)
      lanes[lane] = LaneStatus(position: LanePosition(last: 0, chain: genesis))
    }
    return lanes
  }
}
