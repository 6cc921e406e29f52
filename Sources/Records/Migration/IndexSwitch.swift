import Queries
import Rules
import Schema

/// The indexes that stay through a switch under new names, and those that were made for it.
///
/// For an engine whose indexes can be renamed; elsewhere nobody waits for one to be made anew.
struct IndexSwitch {
  private struct Renaming {
    let from: String
    let to: String
    let definition: String
  }

  private var renamings: [Renaming] = []
  /// The names of those that are kept.
  var kept: Set<String> { Set(renamings.map(\.from)) }

  /// Finds them, before anything is changed.
  init(
    _ steps: [MigrationStep], _ stored: StoredSchema, _ book: RuleBook,
    in transaction: any Transaction
  ) async throws {
    let dialect = transaction.dialect
    guard dialect.hasOtherWriters else { return }
    let known = try await transaction.all(
      "SELECT name, collection, definition FROM roost_index ORDER BY name"
    ) { (name: $0.text(0), collection: $0.int64(1), definition: $0.text(2)) }
    for (index, collection) in book.model.collections.enumerated() {
      guard let old = IndexSwitch.table(of: collection, steps, stored) else { continue }
      let before = ColumnsBefore(steps, collection, old)
      let there = known.filter { $0.collection == old.number }
      for plan in IndexPlan.all(index, of: book) {
        guard let columns = before.over(plan) else { continue }
        let aside = IndexAside.definition(plan, over: columns)
        let name = plan.name(on: collection, dialect)
        let found =
          there.first { before.stays(plan) && $0.definition == columns.definition }
          ?? there.first { $0.definition == aside }
        guard let found, found.name != name || found.definition != plan.definition else { continue }
        renamings.append(Renaming(from: found.name, to: name, definition: plan.definition))
      }
    }
  }

  private static func table(
    of collection: Collection, _ steps: [MigrationStep], _ stored: StoredSchema
  ) -> StoredSchema.Collection? {
    for step in steps where step.typeName == collection.typeName {
      if case .renameCollection(let number, _, _) = step.action {
        return stored.collections.first { $0.number == number }
      }
    }
    return stored.collection(ofType: collection.typeName)
  }

  /// Gives them their names, behind the changes of columns and tables; what was made for another
  /// plan goes.
  func perform(in transaction: any Transaction) async throws {
    for index in renamings {
      if index.from != index.to {
        try await transaction.execute("DROP INDEX IF EXISTS \(identifier: index.to)")
        try await transaction.execute("DELETE FROM roost_index WHERE name = \(index.to)")
        try await transaction.execute(
          "ALTER INDEX \(identifier: index.from) RENAME TO \(identifier: index.to)")
      }
      try await transaction.execute(
        """
        UPDATE roost_index SET name = \(index.to), definition = \(index.definition) \
        WHERE name = \(index.from)
        """)
    }
    try await IndexAside.removeAll(in: transaction)
  }
}
