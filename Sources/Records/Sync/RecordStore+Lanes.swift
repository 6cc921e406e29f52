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
    try await reader.query(SyncTables.lanesOfAccount, [.uuid(client), .uuid(uid)]) { row in
      if let stored = StoredLane(client, row) {
        lanes[stored.lane] = LaneStatus(position: stored.position, durable: stored.durable)
      }
      return true
    }
    return lanes
  }

  /// The server's hybrid clock: not before any stamp that it gave.
  package func hybridTime() -> HybridTime { path.clock.tick() }
}
