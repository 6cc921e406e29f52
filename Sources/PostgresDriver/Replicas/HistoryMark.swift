import Queries
import RoostCore

/// The row by which a standby shows whose history it has: the number of the primary's timeline.
///
/// A standby does not tell plain logins which timeline it follows, and one that went on after an old
/// primary has places as far as those of the new one. What it has read of this row it cannot have
/// from another.
struct HistoryMark {
  private let table: SQL

  init(schema: String) {
    table = "\(identifier: schema).\(identifier: SchemaOpening.writerTable)"
  }

  /// Writes the number down, if it is not there.
  func write(_ timeline: UInt32, on connection: Connection, _ bound: inout WaitBound) throws {
    let number = Int64(timeline)
    // It never looks like the row of a writer that was left behind.
    let started = Int64.max
    _ = try connection.run(
      .text(
        """
        INSERT INTO \(table) AS mark (id, number, started) \
        VALUES (\(UUID.zero), \(number), \(started)) \
        ON CONFLICT (id) DO UPDATE SET number = excluded.number \
        WHERE mark.number <> excluded.number
        """), &bound)
  }

  /// What a standby is asked: whether it is one, how far it has come, and the number.
  var look: SQL {
    """
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END, \
    (SELECT number FROM \(table) WHERE id = \(UUID.zero))
    """
  }
}
