import Schema

extension Access {
  /// Whether the rule shows the row by its path and `when`: the row that is there.
  private func holds(_ rule: Rule, _ evaluation: Evaluation) -> Bool {
    reaches(rule, evaluation) && rule.when.map { evaluation.truth($0) == true } != false
  }

  private func reaches(_ rule: Rule, _ evaluation: Evaluation) -> Bool {
    guard let path = rule.path else { return true }
    return evaluation.reaches(path, having: rule.having, in: plan.owner.model)
  }

  /// The rules that hold for a row that is there.
  package func rulesHolding(for row: RowImage, _ related: any RelatedRows) -> [Rule] {
    let evaluation = Evaluation(facts, row, related)
    return plan.rules.filter { holds($0, evaluation) }
  }

  /// The rules that hold for a row as it will be: their path and `check`, and in a create `when` too.
  package func rulesAccepting(
    _ row: RowImage, isCreate: Bool, _ related: any RelatedRows
  ) -> [Rule] {
    let evaluation = Evaluation(facts, row, related)
    return plan.rules.filter { rule in
      reaches(rule, evaluation) && rule.check.map { evaluation.truth($0) == true } != false
        && (!isCreate || rule.when.map { evaluation.truth($0) == true } != false)
    }
  }

  /// The denial that applies to a row, or nil.
  package func denial(of row: RowImage, _ related: any RelatedRows) -> Denial? {
    let evaluation = Evaluation(facts, row, related)
    return plan.denials.first { denial in
      denial.when.map { evaluation.truth($0) == true } ?? true
    }
  }

  /// All denials that apply to a row.
  package func denials(of row: RowImage, _ related: any RelatedRows) -> [Denial] {
    guard !plan.denials.isEmpty else { return [] }
    let evaluation = Evaluation(facts, row, related)
    return plan.denials.filter { denial in
      denial.when.map { evaluation.truth($0) == true } ?? true
    }
  }

  /// Whether a row that is there is allowed.
  package func allows(_ row: RowImage, _ related: any RelatedRows = NoRelatedRows()) -> Bool {
    if plan.isNever { return false }
    if plan.isUnconditional { return true }
    return denial(of: row, related) == nil && !rulesHolding(for: row, related).isEmpty
  }

  /// The members that the caller sees of a row; nil where the row is hidden.
  package func members(of row: RowImage, _ related: any RelatedRows) -> FieldSet? {
    guard !plan.isNever, denial(of: row, related) == nil else { return nil }
    let holding = rulesHolding(for: row, related)
    guard !holding.isEmpty else { return nil }
    return holding.reduce(FieldSet()) { $0.union($1.mask) }
  }
}
