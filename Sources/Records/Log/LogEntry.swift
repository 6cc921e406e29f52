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
    guard let test = test(follower) else { return [] }
    let parts = LogPartition.all(reader.dialect).filter { end[$0] > place[$0] }
    let waiting = parts.reduce(0) { $0 + end[$1] - place[$1] }
    guard waiting > limit else {
      return waiting == 0 ? [] : try await all(test, after: place, upTo: end, in: reader)
    }
    var entries: [LogEntry] = []
    for partition in parts {
      // Each statement names both ends of what it may look at: a limit alone does not keep PostgreSQL
      // from reading all that waits, and from sorting it, for every step.
      var window = Int64(limit)
      var position = place[partition]
      while position < end[partition], entries.count < limit {
        let last = min(end[partition], position + window)
        let select = select(test, partition: "\(partition)", after: position, upTo: last)
        entries += try await read(
          "\(select) ORDER BY position LIMIT \(limit - entries.count)", in: reader)
        position = last
        window *= 2
      }
    }
    return entries
  }

  /// Whether an entry behind `place` and up to `end` concerns `follower`.
  static func isAny(
    for follower: any Follower, after place: LogPlace, upTo end: LogPlace, in reader: any Reader
  ) async throws -> Bool {
    guard let test = test(follower), !place.covers(end) else { return false }
    let parts = union(test, after: place, upTo: end, reader.dialect)
    return try await reader.first("\(parts) LIMIT 1") { _ in true } ?? false
  }

  /// All entries between two ends that pass `test`, in order.
  private static func all(
    _ test: SQL, after place: LogPlace, upTo end: LogPlace, in reader: any Reader
  ) async throws -> [LogEntry] {
    let parts = union(test, after: place, upTo: end, reader.dialect)
    return try await read("\(parts) ORDER BY partition, position", in: reader)
  }

  /// Each part by its key, between two ends: a join over all parts, and a range without an end, look
  /// to PostgreSQL as if they were best read from one end of the table to the other.
  private static func union(
    _ test: SQL, after place: LogPlace, upTo end: LogPlace, _ dialect: Dialect
  ) -> SQL {
    LogPartition.all(dialect).map { partition in
      select(
        test, partition: SQL.constant(partition), after: place[partition], upTo: end[partition])
    }.joined(by: " UNION ALL ")
  }

  private static func select(
    _ test: SQL, partition: SQL, after position: Int64, upTo end: Int64
  ) -> SQL {
    """
    SELECT position, at, collection, id, kind, version, actor, partition FROM roost_log \
    WHERE partition = \(partition) AND position > \(position) AND position <= \(end) AND \(test)
    """
  }

  /// Whether an entry concerns `follower`; nil where none does.
  private static func test(_ follower: any Follower) -> SQL? {
    let kinds = follower.kinds.map { kind -> SQL in "\(kind.rawValue)" }.joined(by: ", ")
    guard let collections = follower.collections else { return "kind IN (\(kinds))" }
    let created = follower.createdCollections
    var tests: [SQL] = []
    if !collections.isEmpty {
      let numbers = collections.map { number -> SQL in "\(number)" }.joined(by: ", ")
      tests.append("collection IN (\(numbers))")
    }
    if !created.isEmpty {
      let numbers = created.map { number -> SQL in "\(number)" }.joined(by: ", ")
      tests.append("(kind = \(Mutation.Kind.create.rawValue) AND collection IN (\(numbers)))")
    }
    guard !tests.isEmpty else { return nil }
    return "kind IN (\(kinds)) AND (\(tests.joined(by: " OR ")))"
  }

  private static func read(_ sql: SQL, in reader: any Reader) async throws -> [LogEntry] {
    var entries: [LogEntry] = []
    try await reader.query(sql) { row in
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
