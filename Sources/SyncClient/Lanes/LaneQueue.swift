import RoostCore
import Schema
import SyncProtocol

/// A lane's log, and how much of it the rows show.
struct LaneQueue: Sendable, Equatable {
  private(set) var log: LaneLog
  /// The last mutation whose effect is in the last commit.
  private(set) var committed: Int64 = 0
  /// The same for each tier of data, because a commit may not have brought every tier.
  private(set) var shown: [Lane: Int64] = [:]
  /// Up to here the server has taken everything in, and all results are known.
  private(set) var settled: Int64 = 0
  /// How far a backup of the server has the lane.
  private var durable: LanePosition?

  init(client: UUID, lane: Lane) { log = LaneLog(client: client, lane: lane) }

  init(log: LaneLog) { self.log = log }

  /// The mutation at a place; nil where it is not kept.
  func mutation(at seq: Int64) -> ClientMutation? {
    let index = seq - log.floor.last - 1
    guard index >= 0, index < log.retained.count else { return nil }
    return log.retained[Int(index)]
  }

  /// Whether the last commit has a mutation, and the rows of these tiers show it.
  func isShown(_ seq: Int64, in tiers: Set<Lane>) -> Bool {
    seq <= committed && tiers.allSatisfy { seq <= shown[$0] ?? 0 }
  }

  mutating func append(
    _ operations: [ClientOperation], nonce: UInt64, stamp: Stamp, schema: String,
    oid: ChainHash? = nil
  ) -> ClientMutation {
    log.append(operations, nonce: nonce, stamp: stamp, schema: schema, oid: oid)
  }

  /// Takes in how far the server is.
  ///
  /// What a backup of the server has is noted for `trim`: forgotten at once it would be out of
  /// sight until the commit that shows it.
  mutating func receive(_ status: LaneStatus) -> LaneLog.Decision {
    if let position = status.durable { durable = position }
    let decision = log.receive(LaneStatus(position: status.position))
    settled = min(settled, log.acknowledged)
    return decision
  }

  /// No result is known any more.
  mutating func unsettle() { settled = log.floor.last }

  /// Notes how far results are known without a gap.
  mutating func settle(isAnswered: (ClientMutation) -> Bool) {
    settled = max(settled, log.floor.last)
    while settled < log.acknowledged, let next = mutation(at: settled + 1), isAnswered(next) {
      settled += 1
    }
  }

  /// Takes in that a commit has the lane up to `last`, in the rows of these tiers.
  mutating func commit(_ last: Int64, tiers: Set<Lane>) {
    committed = last
    for tier in tiers { shown[tier] = last }
  }

  /// Forgets what a backup of the server has and needs no more, the earliest first.
  mutating func trim(isDone: (ClientMutation, LaneQueue) -> Bool) {
    guard let durable, log.chain(at: durable.last) == durable.chain,
      let acknowledged = log.chain(at: log.acknowledged)
    else { return }
    let most = min(durable.last, log.acknowledged)
    var last = log.floor.last
    while last < most, let next = mutation(at: last + 1), isDone(next, self) { last += 1 }
    guard last > log.floor.last, let chain = log.chain(at: last) else { return }
    _ = log.receive(
      LaneStatus(
        position: LanePosition(last: log.acknowledged, chain: acknowledged),
        durable: LanePosition(last: last, chain: chain)))
  }

  /// The queue under a new lineage: what the last commit showed stays shown, at its new places.
  func forked(as client: UUID) -> LaneQueue { renewed(log.forked(as: client)) }

  /// The same, with the operations in the words of another version of the schema, as far as `lift`
  /// gives them so.
  ///
  /// Within a major version the words are the same. Those of another one are read in the version
  /// under which they were made.
  func lifted(
    as client: UUID, schema: String, _ lift: (ClientMutation) -> [ClientOperation]?
  ) -> LaneQueue {
    let major = APIVersion(schema)?.major
    var head = LaneLog(client: client, lane: log.lane).head
    let genesis = head
    let retained = log.retained.map { mutation in
      let operations = lift(mutation)
      let isKept = operations == nil && APIVersion(mutation.schema)?.major != major
      let lifted = ClientMutation(
        seq: head.last + 1, after: head.chain, nonce: mutation.nonce, stamp: mutation.stamp,
        schema: isKept ? mutation.schema : schema,
        operations: operations ?? mutation.operations, oid: mutation.oid)
      head = LanePosition(last: lifted.seq, chain: lifted.chain)
      return lifted
    }
    return renewed(
      LaneLog(
        client: client, lane: log.lane, head: head, acknowledged: 0, floor: genesis,
        retained: retained))
  }

  private func renewed(_ log: LaneLog) -> LaneQueue {
    let floor = self.log.floor.last
    var queue = LaneQueue(log: log)
    queue.committed = max(0, committed - floor)
    queue.shown = shown.mapValues { max(0, $0 - floor) }
    return queue
  }

  mutating func restamp(_ correct: (ClientMutation) -> Stamp) { log.restamp(correct) }
}
