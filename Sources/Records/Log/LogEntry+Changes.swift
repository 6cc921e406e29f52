import Queries
import RoostCore

extension LogEntry {
  /// Whether records of a collection have changed behind `place`, as far as the reader sees.
  static func isChanged(
    _ collection: Int64, behind place: LogPlace, in reader: any Reader
  ) async throws -> Bool {
    let end = try await LogPlace.head(in: reader)
    // Each part by its key, between two ends.
    let parts = LogPartition.all(reader.dialect).map { partition -> SQL in
      """
      SELECT position FROM roost_log WHERE partition = \(SQL.constant(partition)) \
      AND position > \(place[partition]) AND position <= \(end[partition]) \
      AND collection = \(collection)
      """
    }.joined(by: " UNION ALL ")
    return try await reader.first("\(parts) LIMIT 1") { _ in true } ?? false
  }

  /// When the oldest entry behind `place` happened that concerns `follower`; nil where there is none.
  static func oldest(
    for follower: any Follower, after place: LogPlace, upTo end: LogPlace, in reader: any Reader
  ) async throws -> Timestamp? {
    var oldest: Timestamp?
    for partition in LogPartition.all(reader.dialect) where end[partition] > place[partition] {
      var one = place
      one.advance(partition, to: end[partition])
      let next = try await read(for: follower, after: place, upTo: one, limit: 1, in: reader)
      if let at = next.first?.at { oldest = min(oldest ?? at, at) }
    }
    return oldest
  }

  /// When the oldest entry happened that the log still has.
  static func oldestTime(in reader: any Reader) async throws -> Timestamp? {
    var oldest: Timestamp?
    for partition in LogPartition.all(reader.dialect) {
      let at = try await reader.first(
        "SELECT at FROM roost_log WHERE partition = \(partition) ORDER BY position LIMIT 1"
      ) { $0.timestamp(0) }
      if let at { oldest = min(oldest ?? at, at) }
    }
    return oldest
  }
}
