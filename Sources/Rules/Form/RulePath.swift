package import Schema

/// The way from a row to an account: `owner`, `band.founder`, `band.members.user`.
package struct RulePath: Sendable, Hashable {
  package enum Step: Sendable, Hashable {
    /// Over the reference `field` of the row that the path stands at, to a row of `target`.
    case toOne(field: Int, target: Int)
    /// To the live rows of `collection` whose reference `field` names the row that the path stands
    /// at.
    case toMany(collection: Int, field: Int)

    /// The collection that the step leads to.
    package var destination: Int {
      switch self {
      case .toOne(_, let target): target
      case .toMany(let collection, _): collection
      }
    }
  }

  package let steps: [Step]
  /// The field of type User at the end, in the collection that the last step leads to.
  package let user: Int
  /// Whether leading immutable references are resolved when a row is written.
  ///
  /// They are not where the rule tests the row that the path leads to first: its scopes stand at that
  /// row, which decides each time it changes.
  package let resolvesReferences: Bool

  package init(steps: [Step], user: Int, resolvesReferences: Bool = true) {
    self.steps = steps
    self.user = user
    self.resolvesReferences = resolvesReferences
  }

  /// The index of the last step to many rows, on which `having` is tested; nil without one.
  package var lastToMany: Int? {
    steps.lastIndex { if case .toMany = $0 { true } else { false } }
  }

  /// Whether the row at `position` (0 is the row itself, n the one that step n leads to) must be live
  /// for the path to go on from it.
  ///
  /// A row whose columns are read must be, unless it was reached over immutable references alone and
  /// the column that is read is immutable too: such a hop is resolved when a row is written, and not
  /// tested again. (`model.collections[start]` is where the path begins; its own row is known to be
  /// live.)
  package func testsLife(at position: Int, from start: Int, in model: SchemaModel) -> Bool {
    guard position > 0 else { return false }
    if case .toMany = steps[position - 1] { return true }
    if position < steps.count, case .toMany = steps[position] {
      // The next rows name this one; none of its columns is read.
      return false
    }
    return !isResolvedWhenWritten(through: position, from: start, in: model)
  }

  /// Whether what is read at `position` is known when the row is written: every hop so far leads over
  /// a reference, and all of them behind the first are immutable, like what is read.
  package func isResolvedWhenWritten(
    through position: Int, from start: Int, in model: SchemaModel
  ) -> Bool {
    guard resolvesReferences else { return false }
    var collection = start
    for index in 0...position {
      let field: Int
      if index == steps.count {
        field = user
      } else if case .toOne(let reference, _) = steps[index] {
        field = reference
      } else {
        return false
      }
      if index > 0, !model.collections[collection].fields[field].isImmutable { return false }
      if index < steps.count { collection = steps[index].destination }
    }
    return true
  }
}
