import Queries
package import RoostCore

/// One change in the log, as followers read it.
package struct LogEntry: Sendable {
  package let position: Int64
  package let at: Timestamp
  package let collection: Int64
  package let id: UUID
  package let kind: Mutation.Kind
  package let version: Int64
  package let actor: UUID?

  /// Entries behind `position` that concern `follower`, in order, at most `limit`.
  static func read(
    for follower: any Follower, after position: Int64, limit: Int, in reader: any Reader
  ) async throws -> [LogEntry] {
    var entries: [LogEntry] = []
    let kinds = follower.kinds
    var among: SQL = .empty
    if let collections = follower.collections {
      if collections.isEmpty { return [] }
      let numbers = collections.map { number -> SQL in "\(number)" }.joined(by: ", ")
      among = " AND collection IN (\(numbers))"
    }
    let wanted = kinds.map { kind -> SQL in "\(kind.rawValue)" }.joined(by: ", ")
    try await reader.query(
      """
      SELECT position, at, collection, id, kind, version, actor FROM roost_log \
      WHERE partition = \(LogPartition.only) AND position > \(position) AND kind IN (\(wanted))\(among) \
      ORDER BY position LIMIT \(limit)
      """
    ) { row in
      guard let id = row.uuid(3), let kind = Mutation.Kind(rawValue: row.int64(4)) else {
        throw RoostError(.internalError, "The log holds an entry of an unknown kind.")
      }
      entries.append(
        LogEntry(
          position: row.int64(0), at: row.timestamp(1), collection: row.int64(2), id: id,
          kind: kind, version: row.int64(5), actor: row.uuid(6)))
      return true
    }
    return entries
  }

  /// The position of the newest entry.
  static func head(in reader: any Reader) async throws -> Int64 {
    try await reader.first(
      "SELECT position FROM roost_log_head WHERE partition = \(LogPartition.only)"
    ) { $0.int64(0) } ?? 0
  }
}
