import Queries
package import RoostCore

extension RecordStore {
  /// Which of `ids` are taken in a collection, by live records or by deleted ones.
  ///
  /// For imports, which pass over what is there already.
  package func existing(
    _ ids: [UUID], in collection: CompiledCollection
  ) async throws -> Set<UUID> {
    let table = collection.table
    return try await database.read(.statement) { reader in
      var found: Set<UUID> = []
      for id in ids {
        let isTaken = try await reader.first("SELECT 1 FROM \(table) WHERE id = \(id)") { _ in true
        }
        if isTaken == true { found.insert(id) }
      }
      return found
    }
  }
}
