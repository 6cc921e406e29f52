package import Queries
import Schema

/// An index that is made before a migration, beside those who write: what no transaction can do.
package struct IndexAhead: Sendable {
  /// Removes what a try that was ended has left, then makes the index; each in no transaction.
  package let statements: [SQL]
  private let name: String
  private let collection: Int64
  private let definition: String

  init(_ plan: IndexPlan, on model: Collection, number: Int64, _ dialect: Dialect) {
    name = plan.name(on: model, dialect)
    collection = number
    definition = plan.definition
    statements = [
      "DROP INDEX CONCURRENTLY IF EXISTS \(identifier: name)",
      plan.create(on: model, dialect, besideWriters: true),
    ]
  }

  /// Notes that it is there, so that the migration makes no other.
  package func record(on database: any Database) async throws {
    let (name, collection, definition) = (name, collection, definition)
    _ = try await database.write { transaction in
      try await transaction.execute(
        """
        INSERT INTO roost_index (name, collection, definition) \
        VALUES (\(name), \(collection), \(definition)) ON CONFLICT (name) DO NOTHING
        """)
    }
  }
}

extension SchemaMigration {
  /// The new indexes over columns that have their names already.
  func indexesAhead(_ plan: MigrationPlan) async throws -> [IndexAhead] {
    let dialect = database.dialect
    guard dialect.hasOtherWriters else { return [] }
    let (stored, known) = try await database.read(.snapshot) { reader in
      (
        try await StoredSchema.read(in: reader),
        Set(try await reader.all("SELECT name FROM roost_index") { $0.text(0) })
      )
    }
    let renewed = plan.renewedFields
    var result: [IndexAhead] = []
    for step in plan.steps {
      guard let fields = step.indexedFields,
        let index = model.collections.firstIndex(where: { $0.typeName == step.typeName }),
        let old = stored.collection(ofType: step.typeName), old.name == step.table,
        old.name == model.collections[index].name,
        fields.allSatisfy({ $0 == "id" || old.field($0) != nil }),
        !fields.contains(where: { renewed.contains("\(step.typeName).\($0)") })
      else { continue }
      let collection = model.collections[index]
      for plan in IndexPlan.all(index, of: book)
      where plan.fields == fields && !known.contains(plan.name(on: collection, dialect)) {
        result.append(IndexAhead(plan, on: collection, number: old.number, dialect))
      }
    }
    return result
  }
}

extension MigrationPlan {
  /// The fields whose columns are other ones after the switch.
  fileprivate var renewedFields: Set<String> {
    Set(
      steps.compactMap { step in
        switch step.action {
        case .convertField(_, let field, _, _), .revertField(_, _, let field, _, _),
          .restoreField(_, let field):
          "\(step.typeName).\(field.name)"
        default: nil
        }
      })
  }
}

extension MigrationStep {
  /// The fields of an index that the step makes.
  fileprivate var indexedFields: [String]? {
    switch action {
    case .makeUnique(let names, let columns): names == columns ? names : nil
    case .createIndex(let names): names
    default: nil
    }
  }
}
