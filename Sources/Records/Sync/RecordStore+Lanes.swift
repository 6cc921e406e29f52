package import Queries
package import RoostCore
package import SyncProtocol

extension RecordStore {
  /// Where the lanes of a client stand; none for a client that is new, or somebody else's.
  package func laneStatuses(
    of client: UUID, _ caller: Caller, in reader: any Reader
  ) async throws -> [Lane: LaneStatus] {
    guard let uid = caller.uid else { return [:] }
    var lanes: [Lane: LaneStatus] = [:]
    try await reader.query(
      """
      SELECT lane, last_seq, last_chain FROM roost_client \
      WHERE cid = \(client) AND account = \(uid)
      """
    ) { row in
      if let lane = Lane(rawValue: row.text(0)), let chain = row.uuid(2) {
        lanes[lane] = LaneStatus(
          position: LanePosition(last: row.int64(1), chain: ChainHash(uuid: chain)))
      }
      return true
    }
    return lanes
  }

  /// The server's hybrid clock: not before any stamp that it gave.
  package func hybridTime() -> HybridTime { path.clock.tick() }
}
