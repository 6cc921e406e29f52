package import Queries
package import RoostCore

/// How far the lanes of devices are in a backup: what devices may forget.
///
/// `note` comes before a copy of the database is begun and `confirm` after it was tried, so that what
/// is told lies at or behind what the copy holds.
package struct DurableLanes: Sendable {
  /// Clients of one step, so that nobody waits long for the writer.
  private static let atOnce = 1000

  private let database: any Database
  private let backup: UUID

  /// Of the backup with the id `backup`.
  package init(_ backup: UUID, on database: any Database) {
    self.database = database
    self.backup = backup
  }

  /// The columns, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "lanes in backups") { d in
      [
        "ALTER TABLE roost_client ADD COLUMN noted_seq \(d.integer)",
        "ALTER TABLE roost_client ADD COLUMN noted_chain \(d.id)",
        "ALTER TABLE roost_client ADD COLUMN noted_by \(d.id)",
        "ALTER TABLE roost_client ADD COLUMN durable_seq \(d.integer)",
        "ALTER TABLE roost_client ADD COLUMN durable_chain \(d.id)",
      ]
    }
  }

  /// Writes down where every lane stands whose place no backup holds yet.
  package func note() async throws {
    let backup = backup
    try await walk { from, to in
      """
      UPDATE roost_client SET noted_seq = last_seq, noted_chain = last_chain, noted_by = \(backup) \
      WHERE cid > \(from) AND cid <= \(to) AND (durable_seq IS NULL OR durable_seq <> last_seq)
      """
    }
  }

  /// Has what `note` wrote down told to devices.
  package func confirm() async throws {
    let backup = backup
    try await walk { from, to in
      """
      UPDATE roost_client SET durable_seq = noted_seq, durable_chain = noted_chain \
      WHERE cid > \(from) AND cid <= \(to) AND noted_by = \(backup)
      """
    }
  }

  private func walk(_ statement: @escaping @Sendable (UUID, UUID) -> SQL) async throws {
    var from = UUID.zero
    while true {
      let place = from
      let next = try await database.write { transaction -> UUID? in
        let ids = try await transaction.all(
          """
          SELECT DISTINCT cid FROM roost_client WHERE cid > \(place) ORDER BY cid \
          LIMIT \(DurableLanes.atOnce)
          """
        ) { $0.uuid(0) ?? .zero }
        guard let last = ids.last else { return nil }
        _ = try await transaction.execute(statement(place, last))
        return last
      }
      guard let next else { return }
      from = next
    }
  }
}
