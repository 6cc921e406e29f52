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

  /// Entries behind `position`, in order, at most `limit`.
  static func read(
    after position: Int64, limit: Int, in reader: any Reader
  ) async throws -> [LogEntry] {
    var entries: [LogEntry] = []
    entries.reserveCapacity(limit)
    try await reader.query(
      LogEntry.select, [.int(LogPartition.only), .int(position), .int(Int64(limit))]
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

  private static let select = Statement(
    """
    SELECT position, at, collection, id, kind, version, actor FROM roost_log \
    WHERE partition = \(SQL.placeholder) AND position > \(SQL.placeholder) \
    ORDER BY position LIMIT \(SQL.placeholder)
    """)
}
