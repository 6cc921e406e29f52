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
  let partition: Int64

  /// Entries behind `position` that concern `follower`, in order, at most `limit`.
  static func read(
    for follower: any Follower, after place: LogPlace, limit: Int, in reader: any Reader
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
    let place = LogEntry.source(behind: place, reader.dialect)
    try await reader.query(
      """
      SELECT position, at, collection, id, kind, version, actor, l.partition FROM \(place) \
      AND kind IN (\(wanted))\(among) ORDER BY l.partition, position LIMIT \(limit)
      """
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

  /// The entries behind `place`, as the beginning of a FROM that goes on with AND.
  private static func source(behind place: LogPlace, _ dialect: Dialect) -> SQL {
    let all = LogPartition.all(dialect)
    if all.count == 1 { return "roost_log l WHERE l.partition = 0 AND l.position > \(place[0])" }
    // Each part by the key, which a range over all of them would not use.
    let places = all.map { partition -> SQL in
      let position = dialect.typed(.integer).binding([.int(place[partition])])
      return "(\(SQL.constant(partition)), \(position))"
    }.joined(by: ", ")
    return """
      (VALUES \(places)) AS p (part, place) \
      JOIN roost_log l ON l.partition = p.part AND l.position > p.place WHERE true
      """
  }
}
