import Schema

/// An index that the rules of a schema need on one field, so that no predicate reads a whole table.
package struct IndexNeed: Sendable, Hashable {
  /// The index of the collection.
  package let collection: Int
  package let field: Int
  /// Deleted rows are looked up too: a hop that was resolved when a row was written is not tested
  /// again.
  package let includesDeleted: Bool
  /// The field is an owner of the rows themselves, whose lists are in the order of ids.
  package let isOwner: Bool
}

extension RuleBook {
  /// What the paths of all rules ask for.
  package var indexNeeds: Set<IndexNeed> {
    var needs: Set<IndexNeed> = []
    for rules in collections {
      for path in rules.rules.compactMap(\.path) {
        var current = rules.collection
        for (position, step) in path.steps.enumerated() {
          switch step {
          case .toOne(let field, let target):
            needs.insert(
              IndexNeed(
                collection: current, field: field,
                includesDeleted: position > 0
                  && !path.testsLife(at: position, from: rules.collection, in: model),
                isOwner: false))
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
