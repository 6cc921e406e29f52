package import Queries
package import RoostCore
import Schema

/// What the database holds, as its catalogue says: collections, fields and what is retired.
package struct StoredSchema: Sendable {
  package struct Field: Sendable {
    package let number: Int64
    package let name: String
    /// The signature of the type.
    package let type: String
    package let isRequired: Bool
  }

  package struct Collection: Sendable {
    package let number: Int64
    package let name: String
    package let typeName: String
    package let fields: [Field]

    func field(_ name: String) -> Field? { fields.first { $0.name == name } }
  }

  /// A column or a table that a schema has no longer.
  package struct Retired: Sendable {
    package let number: Int64
    package let run: Int64
    package let collection: Int64
    /// The field's name as it was; nil for a whole collection.
    package let field: String?
    /// `Note.text`, or the collection's type.
    package let name: String
    /// The column or table under which it is kept.
    package let kept: String
    /// The signature of a field's type.
    package let type: String?
    /// The field is still there, with another type.
    package let isReplaced: Bool
    package let at: Timestamp
    /// Whether a rollback retired it: a value of a newer schema that is to come back with it.
    package let isOfRollback: Bool
  }

  package let collections: [Collection]
  package let retired: [Retired]
  /// Collections that a schema has no longer, under the names that their tables are kept by.
  let retiredCollections: [Collection]

  package init(
    collections: [Collection], retired: [Retired] = [], retiredCollections: [Collection] = []
  ) {
    self.collections = collections
    self.retired = retired
    self.retiredCollections = retiredCollections
  }

  package func collection(ofType name: String) -> Collection? {
    collections.first { $0.typeName == name }
  }

  /// The collection of a table, retired or not.
  func collection(ofTable name: String) -> Collection? {
    collections.first { $0.name == name } ?? retiredCollections.first { $0.name == name }
  }

  /// What is kept of a collection of that type, the last one first; `ofRollback` asks for what a
  /// rollback retired.
  func kept(ofType name: String, ofRollback: Bool) -> (Retired, Collection)? {
    for part in retired.reversed()
    where part.field == nil && part.name == name && part.isOfRollback == ofRollback {
      guard let table = retiredCollections.first(where: { $0.number == part.collection }) else {
        continue
      }
      return (part, table)
    }
    return nil
  }

  package static func read(in reader: any Reader) async throws -> StoredSchema {
    let fields = try await reader.all(
      "SELECT collection, number, name, type, required FROM roost_field ORDER BY collection, number"
    ) { row in
      (
        row.int64(0),
        Field(
          number: row.int64(1), name: row.text(2), type: row.text(3), isRequired: row.bool(4))
      )
    }
    let byCollection = Dictionary(grouping: fields) { $0.0 }
    let collections = try await reader.all(
      "SELECT number, name, type_name FROM roost_collection ORDER BY number"
    ) { row in
      let mine = (byCollection[row.int64(0)] ?? []).map(\.1)
      return Collection(
        number: row.int64(0), name: row.text(1), typeName: row.text(2),
        fields: mine.filter { !RetiredName.isOne($0.name) })
    }
    let retired = try await reader.all(
      """
      SELECT t.number, t.run, t.collection, t.field, t.name, t.kept, t.type, t.is_replaced, t.at, \
      r.kind FROM roost_retired t JOIN roost_migration_run r ON r.number = t.run ORDER BY t.number
      """
    ) { row in
      Retired(
        number: row.int64(0), run: row.int64(1), collection: row.int64(2),
        field: row.optionalText(3), name: row.text(4), kept: row.text(5),
        type: row.optionalText(6), isReplaced: row.bool(7), at: row.timestamp(8),
        isOfRollback: row.text(9) == MigrationRun.Kind.rollback.rawValue)
    }
    return StoredSchema(
      collections: collections.filter { !RetiredName.isOne($0.name) }, retired: retired,
      retiredCollections: collections.filter { RetiredName.isOne($0.name) })
  }
}
