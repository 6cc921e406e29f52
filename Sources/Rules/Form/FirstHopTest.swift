import Schema

/// A test of the row that the path of a rule leads to first: `when: "band.isActive"` beside
/// `member: "band.members.user"`.
///
/// Scopes can carry it, because one row, the referenced one, decides.
struct FirstHopTest {
  /// The test, over the columns of the referenced row.
  let test: Expression
  /// The other parts of `when`; they read no relation.
  let others: [Expression]

  /// Takes the test out of `when`; nil where there is none, or where `when` tests other rows as well.
  ///
  /// A test that is TRUE for a row that is not there is none, unless the path reads that row itself.
  init?(_ when: Expression?, _ path: RulePath?) {
    guard let when, let path, case .toOne(let field, let target)? = path.steps.first else {
      return nil
    }
    let step = ReferencePath.Step(field: field, target: target)
    var tests: [Expression] = []
    var others: [Expression] = []
    for part in when.conjuncts {
      guard part.readsRelations else {
        others.append(part)
        continue
      }
      guard !part.readsCaller, part.operands.allSatisfy({ $0.isValue(of: step) }) else {
        return nil
      }
      tests.append(part)
    }
    guard let joined = Expression.all(tests) else { return nil }
    var readsRow = true
    if path.steps.count > 1, case .toMany = path.steps[1] { readsRow = false }
    let ofNothing = joined.mappingOperands {
      if case .path = $0 { .value(.null) } else { $0 }
    }
    if !readsRow, Evaluation(.nobody, nil).truth(ofNothing) == true { return nil }
    test = joined.mappingOperands {
      if case .path(let path) = $0 { .column(path.column) } else { $0 }
    }
    self.others = others
  }
}

extension Operand {
  fileprivate func isValue(of step: ReferencePath.Step) -> Bool {
    switch self {
    case .value: true
    case .path(let path): path.steps == [step]
    case .column, .uid, .anonymous: false
    }
  }
}
