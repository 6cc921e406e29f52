package import Queries
package import RoostCore

/// An entry of the log that was set aside because a follower failed at it.
package struct PoisonedEntry: Sendable {
  package let entry: LogEntry
  package let reason: String
  package let attempts: Int64
  package let setAsideAt: Timestamp

  /// What an error says, short enough to be kept.
  static func reason(_ error: any Error) -> String { String("\(error)".prefix(1000)) }

  /// The entries of a follower, oldest first.
  package static func all(
    of name: String, limit: Int = 1000, in reader: any Reader
  ) async throws -> [PoisonedEntry] {
    try await reader.all(
      """
      SELECT partition, position, at, collection, id, kind, version, actor, reason, attempts, \
      set_aside_at FROM roost_follower_poison WHERE name = \(name) \
      ORDER BY set_aside_at, partition, position LIMIT \(limit)
      """
    ) { row in
      PoisonedEntry(
        entry: entry(row), reason: row.text(8), attempts: row.int64(9),
        setAsideAt: row.timestamp(10))
    }
  }

  /// How many there are of each follower.
  package static func counts(in reader: any Reader) async throws -> [String: Int64] {
    let rows = try await reader.all(
      "SELECT name, count(*) FROM roost_follower_poison GROUP BY name"
    ) { ($0.text(0), $0.int64(1)) }
    return Dictionary(rows) { first, _ in first }
  }

  /// Marks entries for another try: all, or that at `place`; returns how many.
  ///
  /// Throws `RoostError` where `place` leaves open which one is meant.
  package static func mark(
    of name: String, at place: EntryPlace?, in transaction: any Transaction
  ) async throws -> Int {
    let one = try condition(place, transaction.dialect)
    return try await transaction.execute(
      """
      UPDATE roost_follower_poison SET is_retried = 1 WHERE name = \(name)\
      \(one)
      """)
  }

  /// Drops entries for good: all, or that at `place`; returns how many.
  ///
  /// Throws `RoostError` where `place` leaves open which one is meant.
  package static func drop(
    of name: String, at place: EntryPlace?, in transaction: any Transaction
  ) async throws -> Int {
    let one = try condition(place, transaction.dialect)
    return try await transaction.execute(
      """
      DELETE FROM roost_follower_poison WHERE name = \(name)\
      \(one)
      """)
  }

  private static func condition(_ place: EntryPlace?, _ dialect: Dialect) throws -> SQL {
    guard let place else { return .empty }
    let partition = try place.part(dialect, pointer: "/position")
    return " AND partition = \(partition) AND position = \(place.position)"
  }

  // MARK: What the runner does

  static func put(
    _ entry: LogEntry, of name: String, reason: String, attempts: Int, at now: Timestamp,
    in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO roost_follower_poison (name, partition, position, at, collection, id, kind, \
      version, actor, reason, attempts, set_aside_at, is_retried) VALUES (\(name), \
      \(entry.partition), \(entry.position), \(entry.at), \(entry.collection), \(entry.id), \
      \(entry.kind.rawValue), \(entry.version), \(Value.optional(entry.actor)), \(reason), \
      \(attempts), \(now), 0) ON CONFLICT (name, partition, position) DO NOTHING
      """)
  }

  static func marked(of name: String, in reader: any Reader) async throws -> [LogEntry] {
    try await reader.all(
      """
      SELECT partition, position, at, collection, id, kind, version, actor \
      FROM roost_follower_poison WHERE name = \(name) AND is_retried = 1 \
      ORDER BY partition, position LIMIT 1000
      """
    ) { entry($0) }
  }

  /// Holds a marked entry until the commit; false where it is no longer there or no longer marked.
  static func claim(
    _ entry: LogEntry, of name: String, in transaction: any Transaction
  ) async throws -> Bool {
    try await transaction.execute(
      """
      UPDATE roost_follower_poison SET is_retried = 1 WHERE name = \(name) \
      AND partition = \(entry.partition) AND position = \(entry.position) AND is_retried = 1
      """) > 0
  }

  static func remove(
    _ entry: LogEntry, of name: String, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      DELETE FROM roost_follower_poison WHERE name = \(name) AND partition = \(entry.partition) \
      AND position = \(entry.position)
      """)
  }

  static func failedAgain(
    _ entry: LogEntry, of name: String, reason: String, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE roost_follower_poison SET is_retried = 0, reason = \(reason), \
      attempts = attempts + 1 WHERE name = \(name) AND partition = \(entry.partition) \
      AND position = \(entry.position) AND is_retried = 1
      """)
  }

  private static func entry(_ row: any Row) -> LogEntry {
    LogEntry(
      position: row.int64(1), at: row.timestamp(2), collection: row.int64(3),
      id: row.uuid(4) ?? .zero, kind: Mutation.Kind(rawValue: row.int64(5)) ?? .update,
      version: row.int64(6), actor: row.uuid(7), partition: row.int64(0))
  }
}
