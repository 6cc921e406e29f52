import Queries
import RoostCore
import SyncProtocol

/// Where a lane of a client stands: the last mutation that was taken in, and the clock of the last
/// that was accepted.
struct StoredLane: Sendable {
  let client: UUID
  let lane: Lane
  let account: UUID
  var position: LanePosition
  /// The latest time of a mutation that was accepted; what the next one claims lies behind it.
  var clock: HybridTime
  /// The last mutation that a backup holds.
  private(set) var durable: LanePosition?
  /// Of the last mutation.
  var schema = ""

  /// How long before its first push a client may claim to have made a change: as long as other
  /// traces of changes are kept.
  private static let firstMilliseconds: Int64 = 90 * 86_400_000

  /// A lane of which nothing was taken in yet.
  private init(_ client: UUID, _ lane: Lane, of account: UUID, at now: Timestamp) {
    self.client = client
    self.lane = lane
    self.account = account
    position = LanePosition(last: 0, chain: Chain.genesis(client: client, lane: lane))
    clock = HybridTime(
      milliseconds: max(0, now.milliseconds - StoredLane.firstMilliseconds), counter: 0)
  }

  /// The lane of a client, held until the commit; nil where the client is another account's.
  static func hold(
    _ client: UUID, _ lane: Lane, of account: UUID, at now: Timestamp,
    in transaction: any Transaction
  ) async throws -> StoredLane? {
    var found = try await lanes(of: client, in: transaction)
    if !found.contains(where: { $0.lane == lane }),
      transaction.dialect.hasOtherWriters
    {
      // There is no row yet to hold.
      try await transaction.query(
        SyncTables.holdClient[transaction.dialect], [.text("sync client \(client)")]
      ) { _ in false }
      found = try await lanes(of: client, in: transaction)
    }
    if let other = found.first, other.account != account { return nil }
    return found.first { $0.lane == lane } ?? StoredLane(client, lane, of: account, at: now)
  }

  private static func lanes(
    of client: UUID, in transaction: any Transaction
  ) async throws -> [StoredLane] {
    var lanes: [StoredLane] = []
    try await transaction.query(SyncTables.lanes[transaction.dialect], [.uuid(client)]) { row in
      if let stored = StoredLane(client, row) { lanes.append(stored) }
      return true
    }
    return lanes
  }

  /// A lane from a row of `SyncTables.laneColumns`.
  init?(_ client: UUID, _ row: any Row) {
    guard let account = row.uuid(0), let lane = Lane(rawValue: row.text(1)), let chain = row.uuid(3)
    else { return nil }
    self.client = client
    self.lane = lane
    self.account = account
    position = LanePosition(last: row.int64(2), chain: ChainHash(uuid: chain))
    clock = HybridTime(rawValue: UInt64(bitPattern: row.int64(4)))
    durable = row.uuid(6).map { LanePosition(last: row.int64(5), chain: ChainHash(uuid: $0)) }
  }

  func save(at now: Timestamp, in transaction: any Transaction) async throws {
    try await transaction.post(
      SyncTables.putLane,
      [
        .uuid(client), .text(lane.rawValue), .uuid(account), .int(position.last),
        .uuid(position.chain.uuid), .text(schema), .int(Int64(bitPattern: clock.rawValue)),
        .timestamp(now),
      ])
  }
}
