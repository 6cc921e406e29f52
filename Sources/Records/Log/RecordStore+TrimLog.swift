import Queries
import RoostCore

extension RecordStore {
  /// How long entries of the log are kept behind every follower: long enough to look at what
  /// happened yesterday.
  package static let logKeptMilliseconds: Int64 = 7 * 86_400_000
  private static let entriesAtOnce: Int64 = 1000

  /// Removes the entries of the log that all of `followers` have taken into account and that are
  /// older than `logKeptMilliseconds`, in small transactions.
  package func trimLog(followers: [String]) async throws {
    for partition in LogPartition.all(database.dialect) {
      try await trimLog(partition, followers)
    }
  }

  private func trimLog(_ partition: Int64, _ followers: [String]) async throws {
    let end = try await trimEnd(of: partition, behind: followers)
    var removed = end > 0 ? 1 : 0
    while removed > 0 {
      removed = try await database.write { transaction in
        try await transaction.execute(
          """
          DELETE FROM roost_log WHERE partition = \(partition) AND position IN (
            SELECT position FROM roost_log WHERE partition = \(partition)
            AND position <= \(end) ORDER BY position LIMIT \(RecordStore.entriesAtOnce)
          )
          """)
      }
    }
  }

  /// The last position to remove, or 0.
  ///
  /// The log is in the order of its commits and so of its times, but for clocks that were set. An
  /// entry whose time lies in the future was stamped by a clock that was ahead: it stops nothing, and
  /// goes when an entry after it has become old.
  private func trimEnd(of partition: Int64, behind followers: [String]) async throws -> Int64 {
    let now = ambient.time.now()
    let before = now.adding(milliseconds: -RecordStore.logKeptMilliseconds)
    let slowest = try await database.read(.statement) { reader in
      var slowest = Int64.max
      for name in followers {
        slowest = min(slowest, try await FollowerPlace.read(name, in: reader)[partition])
      }
      return slowest
    }
    var end: Int64 = 0
    var place: Int64 = 0
    while true {
      let start = place
      let entries = try await database.read(.statement) { reader in
        try await reader.all(
          """
          SELECT position, at FROM roost_log WHERE partition = \(partition) \
          AND position > \(start) AND position <= \(slowest) \
          ORDER BY position LIMIT \(RecordStore.entriesAtOnce)
          """
        ) { (position: $0.int64(0), at: $0.timestamp(1)) }
      }
      for entry in entries {
        if entry.at < before {
          end = entry.position
        } else if entry.at <= now {
          return end
        }
      }
      guard let last = entries.last else { return end }
      place = last.position
    }
  }
}
