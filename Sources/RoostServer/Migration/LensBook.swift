package import Queries
import RoostCore
package import Schema

/// The lenses of the history: for each schema that was served, what stands between it and the one
/// before, as data that outlives the text.
package struct LensBook: Sendable {
  private let database: any Database

  package init(database: any Database) { self.database = database }

  /// Makes those that are missing.
  func keep(_ history: SchemaHistory) async throws {
    let releases = try await history.releases()
    let known = Set(try await all().map(\.version))
    for (old, new) in zip(releases, releases.dropFirst()) where !known.contains(new.entry.number) {
      let lens = SchemaLens(from: old.model, to: new.model).json.text
      let number = new.entry.number
      _ = try await database.write { transaction in
        try await transaction.execute(
          """
          INSERT INTO roost_lens (version, lens) VALUES (\(number), \(lens)) \
          ON CONFLICT (version) DO NOTHING
          """)
      }
    }
  }

  /// The lenses with the number of the newer schema of each, oldest first.
  package func all() async throws -> [(version: Int64, lens: SchemaLens)] {
    let kept = try await database.read(.statement) { reader in
      try await reader.all("SELECT version, lens FROM roost_lens ORDER BY version") {
        ($0.int64(0), $0.text(1))
      }
    }
    return kept.compactMap { version, text in
      guard let json = try? JSON.parse(Array(text.utf8)), let lens = SchemaLens(json) else {
        return nil
      }
      return (version, lens)
    }
  }
}
