import Schema

/// A READ rule whose scopes can be computed when a row is written.
struct ScopeRule: Sendable {
  /// Where the accounts at the end of the rule's path are.
  enum Target: Sendable {
    /// The account in a field of the row.
    case own(field: Int)
    /// The account in an immutable field of the row at the end of `hops`.
    case account(hops: [ReferencePath.Step], field: Int)
    /// A scope named after the row at the end of `hops`: behind the first one immutable references.
    case pattern(ScopePattern, hops: [ReferencePath.Step])
  }

  let audience: Scope
  /// One of these; nil where roles do not matter.
  let roles: [Scope]?
  let target: Target?
  let condition: Residual?
  let mask: FieldSet
}

/// A denial that the row's own columns decide.
struct ScopeDenial: Sendable {
  let test: Expression?
  let exceptRoles: [Scope]
}

/// Takes rules apart into what a row's values decide, atoms of the caller, and paths.
struct ScopeCompiler {
  /// Conjunctions that one rule may give for one row, with the denials of its collection.
  private static let maximumAlternatives = 64

  let model: SchemaModel
  /// What the rows of each collection contribute, by the index of the collection.
  private(set) var sources: [[ScopeSource]]
  private var known: Set<ScopePattern> = []

  init(model: SchemaModel) {
    self.model = model
    sources = model.collections.map { _ in [] }
  }

  // MARK: Rules

  mutating func rule(
    _ rule: Rule, of collection: Int, denials: [ScopeDenial]
  ) throws(ScopeFault) -> ScopeRule {
    let needsAccount = rule.audience != .everyone || rule.path != nil
    let hopTest = FirstHopTest(rule.when, rule.path)
    var parts: [Expression] = rule.callerTest.map { [$0] } ?? []
    parts += hopTest?.others ?? rule.when.map { [$0] } ?? []
    let condition: Residual?
    if let whole = Expression.all(parts) {
      condition = try Residual(whole, needsAccount: needsAccount)
    } else {
      condition = nil
    }
    let roles = rule.roles.map { self.roles($0) }
    var alternatives = min(condition?.alternatives ?? 1, 1000) * max(1, roles?.count ?? 1)
    for denial in denials {
      alternatives = min(alternatives, 1000) * max(1, denial.exceptRoles.count)
    }
    guard alternatives <= ScopeCompiler.maximumAlternatives else {
      throw ScopeFault(
        reason: "it gives more than \(ScopeCompiler.maximumAlternatives) scopes a row")
    }
    let audience: Scope =
      switch rule.audience {
      case .everyone: .everyone
      // Who stands at the end of a path is an account.
      case .user: rule.path == nil ? .users : .everyone
      case .anonymous: .anonymous
      }
    return ScopeRule(
      audience: audience, roles: roles,
      target: rule.path.map { target($0, rule.having, hopTest?.test, of: collection) },
      condition: condition, mask: rule.mask)
  }

  /// One atom for each listed role that inherits no other listed one.
  private func roles(_ names: [String]) -> [Scope] {
    names.filter { name in
      !names.contains { $0 != name && model.roles?.closure[name]?.contains($0) == true }
    }.map { .role(named: $0) }
  }

  /// The denial, if the row's own columns decide it.
  func denial(_ denial: Denial) throws(ScopeFault) -> ScopeDenial {
    let test = Expression.all([denial.callerTest, denial.when].compactMap { $0 })
    if let test, test.readsCaller || test.readsRelations {
      throw ScopeFault(
        reason: test.readsRelations ? "it tests another row" : "it tests the caller")
    }
    return ScopeDenial(test: test, exceptRoles: roles(denial.exceptRoles))
  }

  // MARK: Paths

  private mutating func target(
    _ path: RulePath, _ having: Expression?, _ test: Expression?, of collection: Int
  ) -> ScopeRule.Target {
    guard let first = path.steps.first else { return .own(field: path.user) }
    guard case .toOne(let field, let start) = first else {
      return .pattern(pattern(path.steps[...], path.user, having, from: collection), hops: [])
    }
    var hops = [ReferencePath.Step(field: field, target: start)]
    var here = start
    if path.resolvesReferences {
      while hops.count < path.steps.count,
        case .toOne(let field, let target) = path.steps[hops.count],
        model.collections[here].fields[field].isImmutable
      {
        hops.append(ReferencePath.Step(field: field, target: target))
        here = target
      }
      if hops.count == path.steps.count,
        model.collections[here].fields[path.user].isImmutable
      {
        return .account(hops: hops, field: path.user)
      }
    }
    let plain = pattern(path.steps[hops.count...], path.user, having, from: here)
    guard let test else { return .pattern(plain, hops: hops) }
    return .pattern(tested(plain, test), hops: hops)
  }

  private mutating func pattern(
    _ steps: ArraySlice<RulePath.Step>, _ user: Int, _ having: Expression?, from anchor: Int
  ) -> ScopePattern {
    let text = ScopePattern.text(steps, user, having, from: anchor, in: model)
    let pattern = ScopePattern(anchor: anchor, steps: steps, user: user, text: text)
    guard known.insert(pattern).inserted else { return pattern }
    let rest = steps.dropFirst()
    switch steps.first {
    case nil: add(pattern, by: anchor, .id, nil, .grant(user: user))
    case .toOne(let field, let target):
      let parent = self.pattern(rest, user, having, from: target)
      add(pattern, by: anchor, .id, nil, .edge(parent, .field(field)))
    case .toMany(let collection, let field):
      let isLast = !rest.contains { if case .toMany = $0 { true } else { false } }
      let test = isLast ? having : nil
      switch rest.first {
      case nil: add(pattern, by: collection, .field(field), test, .grant(user: user))
      case .toOne(let next, let target):
        let parent = self.pattern(
          rest.dropFirst(), user, isLast ? nil : having, from: target)
        add(pattern, by: collection, .field(field), test, .edge(parent, .field(next)))
      case .toMany:
        let parent = self.pattern(rest, user, having, from: collection)
        add(pattern, by: collection, .field(field), test, .edge(parent, .id))
      }
    }
    return pattern
  }

  /// The pattern with a test of the row that its scopes are named after.
  private mutating func tested(_ plain: ScopePattern, _ test: Expression) -> ScopePattern {
    let declaration = model.collections[plain.anchor]
    let pattern = ScopePattern(
      anchor: plain.anchor, steps: plain.steps, user: plain.user,
      text: plain.text + "!" + test.scopeText(declaration))
    if known.insert(pattern).inserted {
      add(pattern, by: plain.anchor, .id, test, .edge(plain, .id))
    }
    return pattern
  }

  private mutating func add(
    _ pattern: ScopePattern, by collection: Int, _ key: ScopeSource.Key, _ test: Expression?,
    _ giving: ScopeSource.Giving
  ) {
    sources[collection].append(
      ScopeSource(pattern: pattern, key: key, test: test, giving: giving))
  }
}
