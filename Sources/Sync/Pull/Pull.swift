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
    /// What the caller holds, to wait for more of it.
    var held: HeldScopes
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
  let now: Timestamp
  /// Bytes of deltas in one answer.
  let room: Int

  /// Throws `LossShown`; else as the database does.
  func answer(in reader: any Reader) async throws -> Answer {
    let epoch = try await SyncEpochs.current(in: reader)
    let isForeign = hello.epoch != nil && hello.epoch != epoch
    if hello.epoch == epoch, let mark = hello.mark,
      try await epochs.showsLoss(mark, of: epoch, in: reader)
    {
      throw LossShown(epoch: epoch)
    }
    let purges = try await RecordStore.purges(in: reader)
    let (held, heads) = try await records.reader(caller).heldStreams(in: reader)
    let plan = PullPlan(
      hello, heads, isForeign: isForeign, isPageWhole: hello.page == purges,
      reconciled: questions.streams)
    let lanes = try await lanes(in: reader)
    var streams = StreamReader(records, in: reader)
    var deltas: [[UInt8]] = []
    var left = room
    var isWhole = true
    for stretch in plan.stretches {
      guard left > 0 else {
        isWhole = false
        break
      }
      var delta = DeltaWriter(
        stream: stretch.stream, from: stretch.from,
        capacity: min(left, max(1024, Int(clamping: stretch.to - stretch.from) &* 256)) + 4096)
      let step = try await streams.write(
        stretch.stream, after: stretch.from, end: stretch.to, room: left, to: &delta)
      let bytes = delta.finish(to: step.to)
      left -= bytes.count
      deltas.append(bytes)
      if step.to < stretch.to { isWhole = false }
    }
    let reconciled = try await questions.answer(
      heads, hello, room: room, &streams, in: reader)
    let clock = records.hybridTime()
    let welcome = Welcome(
      epoch: epoch, now: now.milliseconds, clock: clock, lanes: lanes, add: plan.add,
      drop: plan.drop, resync: plan.resync, masks: streams.masks, schema: schema)
    let end: Frame
    if isWhole, questions.isEmpty {
      end = .commit(
        Commit(
          heads: plan.heads, last: lanes.mapValues(\.position.last), clock: clock,
          mark: try await epochs.mark(of: epoch, in: reader)))
    } else {
      end = .more(page: purges)
    }
    return Answer(
      welcome: welcome, restart: plan.restart, deltas: deltas, reconciled: reconciled, end: end,
      isEmpty: plan.isEmpty && questions.isEmpty, held: held)
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
