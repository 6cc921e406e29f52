import Schema

/// An index that the rules of a schema need on one field, so that no predicate reads a whole table.
package struct IndexNeed: Sendable, Hashable {
  /// The index of the collection.
  package let collection: Int
  package let field: Int
  /// Deleted rows are looked up too: a hop that was resolved when a row was written is not tested
  /// again.
  package let includesDeleted: Bool
  /// The field alone picks the rows that somebody may read, whose lists are in the order of ids.
  package let isOwner: Bool
}

extension IndexNeed {
  /// What the paths of all rules ask for.
  static func all(_ collections: [AccessRules], in model: SchemaModel) -> Set<IndexNeed> {
    var needs: Set<IndexNeed> = []
    for rules in collections {
      for rule in rules.rules where rule.path == nil && rule.operations.contains(.read) {
        guard case .field(let field)? = rule.when?.conjuncts.compactMap(\.indexedColumn).first,
          !rules.declaration.fields[field].isList
        else { continue }
        needs.insert(
          IndexNeed(
            collection: rules.collection, field: field, includesDeleted: false, isOwner: true))
      }
      for rule in rules.rules {
        guard let path = rule.path else { continue }
        var current = rules.collection
        for (position, step) in path.steps.enumerated() {
          switch step {
          case .toOne(let field, let target):
            needs.insert(
              IndexNeed(
                collection: current, field: field,
                includesDeleted: position > 0
                  && !path.testsLife(at: position, from: rules.collection, in: model),
                isOwner: position == 0 && rule.operations.contains(.read)))
            current = target
          case .toMany(let collection, let field):
            needs.insert(
              IndexNeed(
                collection: collection, field: field, includesDeleted: false, isOwner: false))
            current = collection
          }
        }
        needs.insert(
          IndexNeed(
            collection: current, field: path.user,
            includesDeleted: !path.steps.isEmpty
              && !path.testsLife(at: path.steps.count, from: rules.collection, in: model),
            isOwner: path.steps.isEmpty))
      }
    }
    return needs
  }
}

extension Expression {
  /// The column that the test compares for equality or order with something that is known before the
  /// row is; nil for other tests.
  var indexedColumn: RowColumn? {
    switch self {
    case .compare(let comparison, .column(let column), let other)
    where comparison != .notEqual && !other.isOfRow:
      return column
    case .truth(.column(let column)), .isIn(.column(let column), _),
      .inClaims(.column(let column)), .inRoles(.column(let column)):
      return column
    case .truth(.path(let path)), .compare(_, .path(let path), _), .isIn(.path(let path), _):
      return path.steps.first.map { .field($0.field) }
    default: return nil
    }
  }
}
