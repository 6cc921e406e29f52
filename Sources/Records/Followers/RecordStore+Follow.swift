package import Queries
import RoostCore

extension RecordStore {
  /// Has followers that are new begin with the changes that are still to come.
  ///
  /// A follower that was begun before goes on from its place, as far as the log reaches back.
  package func beginFollowers(_ names: [String]) async throws {
    guard !names.isEmpty else { return }
    try await database.write { transaction in
      for name in names {
        let isKnown = try await transaction.first(
          "SELECT 1 FROM roost_follower WHERE name = \(name) LIMIT 1"
        ) { _ in true }
        guard isKnown != true else { continue }
        let head = try await LogPlace.head(in: transaction)
        // Every part has a row, so that nobody takes the follower for one that was never begun.
        for partition in LogPartition.all(transaction.dialect) {
          try await transaction.execute(
            """
            INSERT INTO roost_follower (name, partition, position) \
            VALUES (\(name), \(partition), \(head[partition])) ON CONFLICT DO NOTHING
            """)
        }
      }
    }
  }
}

extension LogEntry {
  /// The names of the fields that an update changed, as the log has them; empty for other kinds.
  package func changedFields(in reader: any Reader) async throws -> [String] {
    guard kind == .update else { return [] }
    let text = try await reader.first(
      "SELECT mutation FROM roost_log WHERE partition = \(partition) AND position = \(position)"
    ) { $0.optionalText(0) }
    guard let text = text ?? nil, let json = try? JSON.parse(text: text) else { return [] }
    return (json.object ?? JSONObject()).members.map(\.key)
  }

  /// What tells this change from all others of the database, as a text.
  ///
  /// The place is part of it: changes of derived values leave the version of their record.
  package var identity: String {
    "\(partition)/\(position)/\(collection)/\(id)/\(version)/\(kind.rawValue)"
  }
}
