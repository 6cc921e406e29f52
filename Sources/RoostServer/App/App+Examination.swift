import Queries
import RoostCore
import SQLiteDriver

extension App {
  /// What the database says of itself: its check, and how much it holds.
  ///
  /// Throws `RoostError` where the check finds damage.
  package func integrity() async throws -> [(String, String)] {
    let (check, positions, counts) = try await database.readUnbounded { reader in
      let check = try await reader.first("PRAGMA quick_check(1)") { $0.text(0) } ?? ""
      let position = try await reader.first("SELECT max(position) FROM roost_log_head") {
        $0.int64(0)
      }
      let counts = try await reader.all(
        """
        SELECT c.name, coalesce(n.live, 0) FROM roost_collection c \
        LEFT JOIN roost_collection_count n ON n.collection = c.number ORDER BY c.name
        """
      ) { ($0.text(0), $0.int64(1)) }
      return (check, position ?? 0, counts)
    }
    guard check == "ok" else {
      throw RoostError(
        .internalError,
        "The database is damaged (\(check)): stop the server, keep a copy of the data folder, "
          + "and restore a backup.")
    }
    return [("integrity", check), ("log position", "\(positions)")]
      + counts.map { ("records of \($0.0)", "\($0.1)") }
  }
}
