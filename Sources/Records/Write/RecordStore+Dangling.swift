package import Queries
package import RoostCore
import Rules
import Schema

/// A live record that refers to one which is not there, by the named fields.
package struct DanglingRecord: Sendable, Equatable {
  package let id: UUID
  package let issues: [FieldIssue]
}

/// The check of references that an import left for the end.
extension RecordStore {
  /// The fields of `collection` that refer to records, by index.
  package func relations(of collection: CompiledCollection) -> [(field: Int, target: Int)] {
    collection.references.compactMap { index in
      guard case .reference(let type) = collection.fields[index].type,
        let target = catalogue.collection(ofType: type)
      else { return nil }
      return (index, target.index)
    }
  }

  /// Records whose `fields` refer to nothing, at most `limit`, in the order of ids.
  ///
  /// It reads the whole table, so `reader` should be one without a deadline.
  package func dangling(
    _ collection: CompiledCollection, fields: [Int], limit: Int, in reader: any Reader
  ) async throws -> [DanglingRecord] {
    var found: [UUID: [FieldIssue]] = [:]
    for (index, targetIndex) in relations(of: collection) where fields.contains(index) {
      let target = catalogue.collections[targetIndex]
      let field = collection.fields[index]
      let live = SQL.identifier("deletedAt")
      let column = SQL.identifier(field.name)
      try await reader.query(
        """
        SELECT c.id FROM \(collection.table) c WHERE c.\(live) IS NULL AND c.\(column) IS NOT NULL \
        AND NOT EXISTS \
        (SELECT 1 FROM \(target.table) t WHERE t.id = c.\(column) AND t.\(live) IS NULL) \
        ORDER BY c.id LIMIT \(limit)
        """
      ) { row in
        if let id = row.uuid(0) { found[id, default: []].append(WritePath.missing(field)) }
        return true
      }
    }
    return found.sorted { $0.key < $1.key }.prefix(limit)
      .map { DanglingRecord(id: $0.key, issues: $0.value) }
  }

  /// Takes records away as if they had not been imported: the rows go, and the log and the streams
  /// say so; returns how many there were.
  ///
  /// Unlike a delete it asks no relation and leaves no tombstone, so that the mended lines can be
  /// imported.
  package func withdraw(_ ids: [UUID], of collection: CompiledCollection) async throws -> Int {
    let path = path
    let now = ambient.time.now()
    return try await database.write { transaction in
      var resolved = ResolvedRows()
      var count = 0
      for id in ids {
        let row = try await transaction.first(collection.selectForWrite, [.uuid(id)]) {
          collection.record($0)
        }
        guard let record = row ?? nil, record.deletedAt == nil else { continue }
        try await transaction.execute("DELETE FROM \(collection.table) WHERE id = \(id)")
        var gone = record
        gone.version += 1
        gone.deletedAt = now
        gone.updatedAt = max(now, record.updatedAt)
        try await path.attach(
          kind: .delete, collection, .system, before: record, after: gone, changed: [], &resolved,
          to: transaction)
        count += 1
      }
      return count
    }
  }

  /// Whether rows of the collection stand in streams, or give grants, by what other rows say.
  package func followsReferences(_ collection: CompiledCollection) -> Bool {
    catalogue.scopes.resolvesReferences(of: collection.index)
  }

  /// Brings the streams of a collection in step with its rows, whose references are all there now.
  package func rebuildStreams(of collection: CompiledCollection) async throws {
    let rebuild = StreamRebuild(
      collection: collection, catalogue: catalogue, changed: FieldSet())
    try await database.write { try await rebuild.run(in: $0) }
  }
}
