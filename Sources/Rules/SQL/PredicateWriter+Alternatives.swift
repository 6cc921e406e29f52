import Queries
import Schema

extension PredicateWriter {
  /// One of the rules that show rows, read by itself: of its rows it is known that it holds.
  package struct Alternative: Sendable {
    package let plan: AccessPlan
    package let rule: Rule
    /// The group of members that the rows of this alternative hide, if its rule does not show them.
    ///
    /// A row that shows them is found by a rule of the group. With this, members of the group are
    /// NULL here, and not a test of each row.
    let apart: Int?

    /// `apart` is the same for all alternatives of a statement.
    package init(_ plan: AccessPlan, _ rule: Rule, apart group: Int?) {
      self.plan = plan
      self.rule = rule
      apart = group.flatMap { plan.shows(rule, $0) ? nil : $0 }
    }

    /// Whether every row of this alternative shows the members of `group`.
    func shows(_ group: Int) -> Bool { plan.shows(rule, group) }

    /// Whether every row of this alternative hides a field.
    package func hides(_ field: Int) -> Bool {
      guard let apart else { return false }
      return plan.visibility(field) == .sometimes(apart)
    }

    /// Whether every row of this alternative shows a field.
    package func shows(field: Int) -> Bool {
      switch plan.visibility(field) {
      case .always: true
      case .sometimes(let group): shows(group)
      case .never: false
      }
    }
  }

  /// The rows of one alternative: its rule holds, nothing denies it, and `narrowing` is TRUE.
  ///
  /// `path` takes the place of the test of the rule's path.
  package func predicate(
    _ alternative: Alternative, _ source: Source, path: Template? = nil, narrowing: [Template]
  ) -> Template {
    let plan = alternative.plan
    var tests = tests(alternative.rule, plan.owner.collection, source, path: path)
    tests += narrowing.map(bracketed)
    if let group = alternative.apart {
      tests.append(bracketed(flag(group, plan, source)) + Template(" IS NOT TRUE"))
    }
    return (tests + denied(plan, source)).joined(by: " AND ")
  }

  /// Selects the ids that the reference with which a rule's path begins must be one of; nothing where
  /// the path begins otherwise.
  package func reached(by rule: Rule, _ plan: AccessPlan) -> Template {
    guard let path = rule.path else { return Template() }
    return referenced(path, 0, rule.having, start: plan.owner.collection, .alias(0))
  }
}

extension AccessPlan {
  /// Rules of which each visible row holds at least one: a rule whose rows another one shows as
  /// well is left out.
  ///
  /// Empty where a rule holds for every row.
  ///
  /// With `group` a rule that shows its members is left out only for one that shows them too.
  package func alternatives(apart group: Int?) -> [Rule] {
    guard let group else { return plainAlternatives }
    return AccessPlan.alternatives(rules) { shows($0, group) || !shows($1, group) }
  }

  /// The same, where a rule may stand for `other` only if `replaces(rule, other)`.
  static func alternatives(_ rules: [Rule], _ replaces: (Rule, Rule) -> Bool) -> [Rule] {
    guard !rules.contains(where: { !$0.isAboutRow }) else { return [] }
    return rules.filter { rule in
      !rules.contains { other in
        other.number != rule.number && other.includes(rule)
          && (!rule.includes(other) || other.number < rule.number) && replaces(other, rule)
      }
    }
  }

  /// Whether a row for which `rule` holds shows the members of a group by that.
  func shows(_ rule: Rule, _ group: Int) -> Bool {
    groups[group].rules.contains { $0.number == rule.number }
  }
}

extension Rule {
  /// The field of the reference that the rule's path begins with; nil where it begins otherwise.
  package var firstReference: Int? {
    guard case .toOne(let field, _)? = path?.steps.first else { return nil }
    return field
  }

  /// Whether every row of `other` is one of this rule, as far as their texts say.
  fileprivate func includes(_ other: Rule) -> Bool {
    if let path, path != other.path || (having != nil && having != other.having) { return false }
    let asked = when?.conjuncts ?? []
    let given = other.when?.conjuncts ?? []
    return asked.allSatisfy { given.contains($0) }
  }
}
