import Queries
import Rules
import Schema

/// An index that a collection needs: declared, or derived from a relation or a rule.
struct IndexPlan: Sendable, Hashable {
  let fields: [String]
  let isUnique: Bool
  /// The index leaves out rows whose (only) field is null: a reference that is mostly empty costs
  /// nothing then.
  let skipsNull: Bool
  /// The index holds deleted rows too.
  var includesDeleted = false

  /// The index's name, which no other plan of any collection has.
  ///
  /// `$` stands in no name of a schema, so that the parts can be told apart again.
  func name(on collection: Collection, _ dialect: Dialect) -> String {
    let kind = (isUnique ? "ux" : "ix") + (skipsNull ? "n" : "") + (includesDeleted ? "d" : "")
    return dialect.name(([kind, collection.name] + fields).joined(separator: "$"))
  }

  /// The index under other names of its fields; nil where one has none.
  func named(_ name: (String) -> String?) -> IndexPlan? {
    let names = fields.compactMap { $0 == "id" ? $0 : name($0) }
    guard names.count == fields.count else { return nil }
    return IndexPlan(
      fields: names, isUnique: isUnique, skipsNull: skipsNull, includesDeleted: includesDeleted)
  }

  /// What the index is, as text, to see whether it changed.
  var definition: String {
    (isUnique ? "unique " : "") + fields.joined(separator: ",") + (skipsNull ? " not null" : "")
      + (includesDeleted ? " with deleted" : "")
  }

  /// The fields of a definition.
  static func fields(of definition: String) -> [String] {
    var text = Substring(definition)
    if text.hasPrefix("unique ") { text = text.dropFirst(7) }
    return text.prefix { $0 != " " }.split(separator: ",").map(String.init)
  }

  /// All indexes among live rows.
  func create(
    on collection: Collection, _ dialect: Dialect, besideWriters: Bool = false
  ) -> SQL {
    create(
      name(on: collection, dialect), on: collection.name, dialect, besideWriters: besideWriters)
  }

  /// The index under a name, over columns of a table that bear the names of its fields.
  func create(
    _ name: String, on table: String, _ dialect: Dialect, besideWriters: Bool
  ) -> SQL {
    var parts = fields.map { field -> SQL in
      field == "id" ? .identifier(field) : "\(identifier: field)\(dialect.indexOrder)"
    }
    // The last key of every order, and where a page ends.
    if !isUnique, !fields.contains("id") { parts.append("id") }
    let columns = parts.joined(by: ", ")
    let kind: SQL = isUnique ? "UNIQUE INDEX" : "INDEX"
    var conditions: [SQL] = []
    if !includesDeleted { conditions.append("\(identifier: "deletedAt") IS NULL") }
    if skipsNull, let first = fields.first {
      conditions.append("\(identifier: first) IS NOT NULL")
    }
    let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(by: " AND "))"
    return """
      CREATE \(kind)\(besideWriters ? " CONCURRENTLY" : "" as SQL) \
      \(identifier: name) ON \(identifier: table) (\(columns))\(filter)
      """
  }

  /// The indexes of a collection: `@index` and `@unique`, then one for each reference and for each
  /// field that a rule looks up, unless another one begins with it.
  static func all(_ index: Int, of book: RuleBook) -> [IndexPlan] {
    let collection = book.model.collections[index]
    var plans: [IndexPlan] = []
    func add(_ fields: [String], unique: Bool, skipsNull: Bool, includesDeleted: Bool = false) {
      let plan = IndexPlan(
        fields: fields, isUnique: unique, skipsNull: skipsNull, includesDeleted: includesDeleted)
      if !plans.contains(plan) { plans.append(plan) }
    }
    for index in collection.indexes {
      add(index.fields, unique: index.isUnique, skipsNull: false)
    }
    for field in collection.fields where field.isUnique {
      add([field.name], unique: true, skipsNull: false)
    }
    for retention in collection.retentions {
      // Rows in the order in which their time comes, with those that were deleted.
      let isAlwaysSet =
        collection.field(named: retention.after)?.isRequired ?? (retention.after != "deletedAt")
      add(
        [retention.after, "id"], unique: false, skipsNull: !isAlwaysSet, includesDeleted: true)
    }
    let needs = book.indexNeeds.filter { $0.collection == index }
    for (number, field) in collection.fields.enumerated() where !field.isList {
      let needed = needs.filter { $0.field == number }
      let isReference: Bool
      if case .reference = field.type { isReference = true } else { isReference = false }
      guard isReference || !needed.isEmpty else { continue }
      if needed.contains(where: \.includesDeleted) {
        add([field.name], unique: false, skipsNull: false, includesDeleted: true)
      } else if needed.contains(where: \.isOwner) {
        // A caller's own rows in the order of ids, the default order of lists.
        add([field.name], unique: false, skipsNull: isReference && !field.isRequired)
      } else if !plans.contains(where: { $0.fields.first == field.name }) {
        add([field.name], unique: false, skipsNull: !field.isRequired)
      }
    }
    return plans
  }
}
