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
  /// The part of the log in which `position` counts.
  package let partition: Int64

  /// Entries behind `place` and up to `end` that concern `follower`, in order, at most `limit`.
  static func read(
    for follower: any Follower, after place: LogPlace, upTo end: LogPlace, limit: Int,
    in reader: any Reader
  ) async throws -> [LogEntry] {
    var entries: [LogEntry] = []
    let kinds = follower.kinds
    var among: SQL = .empty
    if let collections = follower.collections {
      let created = follower.createdCollections
      if collections.isEmpty, created.isEmpty { return [] }
      var tests: [SQL] = []
      if !collections.isEmpty {
        let numbers = collections.map { number -> SQL in "\(number)" }.joined(by: ", ")
        tests.append("collection IN (\(numbers))")
      }
      if !created.isEmpty {
        let numbers = created.map { number -> SQL in "\(number)" }.joined(by: ", ")
        tests.append(
          "(kind = \(Mutation.Kind.create.rawValue) AND collection IN (\(numbers)))")
      }
      among = " AND (\(tests.joined(by: " OR ")))"
    }
    let wanted = kinds.map { kind -> SQL in "\(kind.rawValue)" }.joined(by: ", ")
    // Each part by its key, between two ends: a join over all parts, and a range without an end,
    // look to PostgreSQL as if they were best read from one end of the table to the other.
    let parts = LogPartition.all(reader.dialect).map { partition -> SQL in
      """
      SELECT position, at, collection, id, kind, version, actor, partition FROM roost_log \
      WHERE partition = \(SQL.constant(partition)) AND position > \(place[partition]) \
      AND position <= \(end[partition]) AND kind IN (\(wanted))\(among)
      """
    }.joined(by: " UNION ALL ")
    try await reader.query(
      "\(parts) ORDER BY partition, position LIMIT \(limit)"
    ) { row in
      guard let id = row.uuid(3), let kind = Mutation.Kind(rawValue: row.int64(4)) else {
        throw RoostError(.internalError, "The log holds an entry of an unknown kind.")
      }
      entries.append(
        LogEntry(
          position: row.int64(0), at: row.timestamp(1), collection: row.int64(2), id: id,
          kind: kind, version: row.int64(5), actor: row.uuid(6), partition: row.int64(7)))
      return true
    }
    return entries
  }
}
