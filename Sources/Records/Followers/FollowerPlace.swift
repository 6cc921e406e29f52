import Queries
import RoostCore

/// The durable place of a follower in the log.
enum FollowerPlace {
  static func read(_ name: String, in reader: any Reader) async throws -> LogPlace {
    try await LogPlace.read(
      "SELECT partition, position FROM roost_follower WHERE name = \(name)", in: reader)
  }

  /// How often the follower was sent back in the log.
  static func replays(_ name: String, in reader: any Reader) async throws -> Int64 {
    try await reader.first(selectReplays, [.text(name)]) { $0.int64(0) } ?? 0
  }

  /// Puts the follower to `place`, wherever it is, and tells whoever runs it.
  static func reset(
    _ name: String, to place: LogPlace, in transaction: any Transaction
  ) async throws {
    for partition in LogPartition.all(transaction.dialect) {
      try await transaction.post(
        upsert, [.text(name), .int(partition), .int(place[partition])])
    }
    try await transaction.execute(
      """
      INSERT INTO roost_follower_replay (name, replays) VALUES (\(name), 1) \
      ON CONFLICT (name) DO UPDATE SET replays = roost_follower_replay.replays + 1
      """)
  }

  private static let selectReplays = Statement(
    "SELECT replays FROM roost_follower_replay WHERE name = \(SQL.placeholder)")

  /// The place, held until the commit; nil when another process holds it.
  ///
  /// What has to be done by this process, a replay that somebody asks for, waits for its turn with
  /// `isPatient`: then nil does not come back, and the database's bound on waits for locks holds.
  static func take(
    _ name: String, isPatient: Bool = false, in transaction: any Transaction
  ) async throws -> LogPlace? {
    let dialect = transaction.dialect
    guard dialect.hasOtherWriters else { return try await read(name, in: transaction) }
    for isMade in [false, true] {
      if isMade {
        let rows = LogPartition.all(dialect).map { partition -> SQL in
          "(\(name), \(SQL.constant(partition)), 0)"
        }.joined(by: ", ")
        try await transaction.execute(
          """
          INSERT INTO roost_follower (name, partition, position) VALUES \(rows) \
          ON CONFLICT DO NOTHING
          """)
      }
      var place = LogPlace.start
      var free = 0
      try await transaction.query(
        """
        SELECT partition, position FROM roost_follower WHERE name = \(name) \
        ORDER BY partition\(isPatient ? dialect.forUpdate : dialect.forUpdateOfFree)
        """
      ) { row in
        place.advance(row.int64(0), to: row.int64(1))
        free += 1
        return true
      }
      // Some of them is none: the others are where another process says.
      if free == dialect.partitions { return place }
    }
    return nil
  }

  /// Writes down what of `place` lies beyond `stored`.
  static func write(
    _ name: String, _ place: LogPlace, from stored: LogPlace, in transaction: any Transaction
  ) async throws {
    for partition in LogPartition.all(transaction.dialect)
    where place[partition] > stored[partition] {
      try await transaction.post(
        upsert, [.text(name), .int(partition), .int(place[partition])])
    }
  }

  private static let upsert = Statement(
    """
    INSERT INTO roost_follower (name, partition, position) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (name, partition) DO UPDATE SET position = excluded.position
    """)
}
