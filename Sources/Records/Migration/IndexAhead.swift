package import Queries
import Schema

/// An index that is made before a migration, beside those who write: what no transaction can do.
package struct IndexAhead: Sendable {
  /// Removes what a try that was ended has left, then makes the index; each in no transaction.
  package var statements: [SQL] { [removal, create(besideWriters: true)] }
  /// Whether it cannot be made where rows have equal values.
  package let isUnique: Bool
  /// What it is over, for a person: `(x, y) of Note`.
  package let words: String
  private let name: String
  private let collection: Int64
  private let definition: String
  private let plan: IndexPlan
  private let table: String
  private let dialect: Dialect

  /// An index under its name, over columns that have theirs.
  init(_ plan: IndexPlan, on model: Collection, number: Int64, _ dialect: Dialect) {
    self.init(
      plan, plan.name(on: model, dialect), plan.definition, on: model.name, model, number, dialect)
  }

  /// An index over columns that get their names at the switch, as does it.
  init(
    _ plan: IndexPlan, over columns: IndexPlan, of table: StoredSchema.Collection,
    on model: Collection, _ dialect: Dialect
  ) {
    self.init(
      columns, IndexAside.name(plan, on: model, dialect),
      IndexAside.definition(plan, over: columns), on: table.name, model, table.number, dialect)
  }

  private init(
    _ plan: IndexPlan, _ name: String, _ definition: String, on table: String,
    _ model: Collection, _ number: Int64, _ dialect: Dialect
  ) {
    self.name = name
    self.definition = definition
    collection = number
    isUnique = plan.isUnique
    words = "(\(plan.fields.joined(separator: ", "))) of \(model.typeName)"
    self.plan = plan
    self.table = table
    self.dialect = dialect
  }

  /// Removes it, or what a try has left of it.
  package var removal: SQL { "DROP INDEX CONCURRENTLY IF EXISTS \(identifier: name)" }

  /// Makes it; within a transaction only where it is not `besideWriters`.
  package func create(besideWriters: Bool) -> SQL {
    plan.create(name, on: table, dialect, besideWriters: besideWriters)
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

/// Indexes that wait under a name of their own for the switch.
enum IndexAside {
  private static let mark = "next "

  static func name(_ plan: IndexPlan, on model: Collection, _ dialect: Dialect) -> String {
    dialect.name("next$" + plan.name(on: model, dialect))
  }

  /// What it is to be, and what it is over: for another plan it is of no use.
  static func definition(_ plan: IndexPlan, over columns: IndexPlan) -> String {
    mark + plan.definition + " over " + columns.fields.joined(separator: ",")
  }

  static func isOne(_ definition: String) -> Bool { definition.hasPrefix(mark) }

  /// Removes those that are on record.
  static func removeAll(in transaction: any Transaction) async throws {
    let names = try await transaction.all("SELECT name, definition FROM roost_index") {
      (name: $0.text(0), definition: $0.text(1))
    }.filter { isOne($0.definition) }.map(\.name)
    for name in names {
      try await transaction.execute("DROP INDEX IF EXISTS \(identifier: name)")
      try await transaction.execute("DELETE FROM roost_index WHERE name = \(name)")
    }
  }
}

/// The columns that the fields of a collection are in before a switch.
struct ColumnsBefore {
  /// The columns by the names of the fields behind the switch.
  private var columns: [String: String] = [:]
  /// The fields whose columns stay what they are, under whatever name.
  private var stays: Set<String> = []

  init(_ steps: [MigrationStep], _ collection: Collection, _ old: StoredSchema.Collection) {
    for field in collection.fields where old.field(field.name) != nil {
      columns[field.name] = field.name
      stays.insert(field.name)
    }
    for name in ["version", "createdAt", "updatedAt", "deletedAt"] {
      columns[name] = name
      stays.insert(name)
    }
    for step in steps where step.table == old.name {
      switch step.action {
      case .renameField(let from, let to): set(to, from, stays: true)
      case .retypeField(let from, let field, _, _, _): set(field.name, from, stays: true)
      case .convertField(_, let field, let number, _):
        set(field.name, RetiredName.shadow(number), stays: false)
      case .revertField(let kept, _, let field, _, _): set(field.name, kept.kept, stays: false)
      case .restoreField(let kept, let field): set(field.name, kept.kept, stays: false)
      case .computeField(let part): set(part.field.name, part.work.shadow, stays: false)
      default: continue
      }
    }
  }

  private mutating func set(_ field: String, _ column: String, stays isSame: Bool) {
    columns[field] = column
    if isSame { stays.insert(field) } else { stays.remove(field) }
  }

  /// The index over the columns of now; nil where one of its fields has none yet.
  func over(_ plan: IndexPlan) -> IndexPlan? { plan.named { columns[$0] } }

  /// Whether an index over the columns of now is one behind the switch, under another name.
  func stays(_ plan: IndexPlan) -> Bool {
    plan.fields.allSatisfy { $0 == "id" || stays.contains($0) }
  }
}

extension SchemaMigration {
  /// The new indexes over columns that have their names already.
  func indexesAhead(_ plan: MigrationPlan) async throws -> [IndexAhead] {
    let dialect = database.dialect
    guard dialect.hasOtherWriters else { return [] }
    let (stored, known) = try await database.read(.snapshot) { reader in
      (try await StoredSchema.read(in: reader), try await SchemaMigration.indexes(in: reader))
    }
    var result: [IndexAhead] = []
    for (index, old) in tables(plan.steps, stored) {
      let collection = model.collections[index]
      guard old.name == collection.name else { continue }
      let before = ColumnsBefore(plan.steps, collection, old)
      for plan in IndexPlan.all(index, of: book) where before.over(plan) == plan {
        guard known[plan.name(on: collection, dialect)] == nil else { continue }
        result.append(IndexAhead(plan, on: collection, number: old.number, dialect))
      }
    }
    return result
  }

  /// The indexes over columns that get their names at the switch, and so do they; those that are
  /// there under other names are left out.
  func indexesAside() async throws -> [IndexAhead] {
    let dialect = database.dialect
    guard dialect.hasOtherWriters else { return [] }
    let (planned, known) = try await database.read(.snapshot) { reader in
      let allowed = try await MigrationRun.converting(in: reader)?.allowed ?? []
      return (
        try await steps(in: reader, allowing: allowed),
        try await SchemaMigration.indexes(in: reader)
      )
    }
    var result: [IndexAhead] = []
    for (index, old) in tables(planned.steps, planned.stored) {
      let collection = model.collections[index]
      let before = ColumnsBefore(planned.steps, collection, old)
      let there = known.filter { $0.value.collection == old.number }
      for plan in IndexPlan.all(index, of: book) {
        guard let columns = before.over(plan),
          columns != plan || old.name != collection.name
        else { continue }
        let isThere = there.values.contains { $0.definition == columns.definition }
        if isThere, before.stays(plan) { continue }
        let name = IndexAside.name(plan, on: collection, dialect)
        if there[name]?.definition == IndexAside.definition(plan, over: columns) { continue }
        result.append(IndexAhead(plan, over: columns, of: old, on: collection, dialect))
      }
    }
    return result
  }

  /// The tables that go on, by the places of their collections in the schema.
  private func tables(
    _ steps: [MigrationStep], _ stored: StoredSchema
  ) -> [(Int, StoredSchema.Collection)] {
    model.collections.enumerated().compactMap { index, collection in
      let renamed = steps.first { step in
        if case .renameCollection = step.action {
          step.typeName == collection.typeName
        } else {
          false
        }
      }
      let old =
        renamed?.table.flatMap(stored.collection(ofTable:))
        ?? stored.collection(ofType: collection.typeName)
      return old.map { (index, $0) }
    }
  }

  private static func indexes(
    in reader: any Reader
  ) async throws -> [String: (collection: Int64, definition: String)] {
    let rows = try await reader.all("SELECT name, collection, definition FROM roost_index") {
      ($0.text(0), (collection: $0.int64(1), definition: $0.text(2)))
    }
    return Dictionary(rows) { first, _ in first }
  }
}
