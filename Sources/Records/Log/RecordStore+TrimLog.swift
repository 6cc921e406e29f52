import Queries
import RoostCore

extension RecordStore {
  /// How long entries of the log are kept behind every follower: long enough to look at what
  /// happened yesterday.
  package static let logKeptMilliseconds: Int64 = 7 * 86_400_000
  private static let entriesAtOnce: Int64 = 2000

  /// Removes the entries of the log that all of `followers` have taken into account and that are
  /// older than `logKeptMilliseconds`, in small transactions.
  package func trimLog(followers: [String]) async throws {
    let before = ambient.time.now().adding(milliseconds: -RecordStore.logKeptMilliseconds)
    var isDone = false
    while !isDone {
      isDone = try await database.write { transaction in
        var slowest = Int64.max
        for name in followers {
          slowest = min(slowest, try await FollowerPlace.read(name, in: transaction))
        }
        // The log is in the order of its commits, and so, but for clocks that were set, of its times.
        let removed = try await transaction.execute(
          """
          DELETE FROM roost_log WHERE partition = \(LogPartition.only) AND position IN (
            SELECT position FROM roost_log WHERE partition = \(LogPartition.only)
            AND position <= \(slowest) ORDER BY position LIMIT \(RecordStore.entriesAtOnce)
          ) AND at < \(before)
          """)
        return removed == 0
      }
    }
  }
}
