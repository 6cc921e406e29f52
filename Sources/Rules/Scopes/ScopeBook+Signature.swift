import Schema

extension ScopeBook {
  /// All that decides what the rows of a collection give to the scopes, in one spelling: its entries,
  /// and its contributions to scopes that rules of any collection speak of.
  ///
  /// Two books in which it is equal give equal entries and contributions for equal rows. The order of
  /// the rules means nothing and is left out. `mask` gives a mask in a form that outlives changes of
  /// the schema.
  package func signature(of collection: Int, mask: (FieldSet) -> String) -> String {
    let declaration = model.collections[collection]
    let scopes = collections[collection]
    let rules = scopes.rules.map { rule in
      ScopeText.list([
        rule.audience.text, rule.roles.map { ScopeText.sorted($0.map(\.text)) } ?? "*",
        rule.target.map { text($0, of: collection) } ?? "*",
        rule.condition.map { $0.text(declaration) } ?? "*", mask(rule.mask),
      ])
    }
    let denials = scopes.denials.map { denial in
      ScopeText.list([
        denial.test.map { $0.scopeText(declaration) } ?? "*",
        ScopeText.sorted(denial.exceptRoles.map(\.text)),
      ])
    }
    return ScopeText.list([
      scopes.isClosed ? "closed" : ScopeText.sorted(rules), ScopeText.sorted(denials),
      ScopeText.sorted(scopes.sources.map { text($0, of: declaration) }), roleTree,
    ])
  }

  /// Which role has which others: it decides which scopes imply one another.
  private var roleTree: String {
    ScopeText.sorted(
      (model.roles?.closure ?? [:]).map { role, inherited in
        ScopeText.list([role, ScopeText.sorted(inherited)])
      })
  }

  private func text(_ target: ScopeRule.Target, of collection: Int) -> String {
    switch target {
    case .own(let field): model.collections[collection].fields[field].name
    case .account(let hops, let field):
      path(from: collection, over: hops) { $0.fields[field].name }
    case .pattern(let pattern, let hops):
      path(from: collection, over: hops) { _ in text(pattern) }
    }
  }

  private func path(
    from collection: Int, over hops: [ReferencePath.Step], end: (Collection) -> String
  ) -> String {
    var parts: [String] = []
    var here = model.collections[collection]
    for hop in hops {
      parts.append(here.fields[hop.field].name)
      here = model.collections[hop.target]
      parts.append(here.typeName)
    }
    return ScopeText.list(parts + [end(here)])
  }

  private func text(_ pattern: ScopePattern) -> String {
    model.collections[pattern.anchor].typeName + "#" + pattern.text
  }

  private func text(_ source: ScopeSource, of declaration: Collection) -> String {
    func name(_ key: ScopeSource.Key) -> String {
      switch key {
      case .id: "id"
      case .field(let field): declaration.fields[field].name
      }
    }
    let giving =
      switch source.giving {
      case .grant(let user): declaration.fields[user].name
      case .edge(let parent, let key): ScopeText.list([text(parent), name(key)])
      }
    return ScopeText.list([
      text(source.pattern), name(source.key),
      source.test.map { $0.scopeText(declaration) } ?? "*", giving,
    ])
  }
}

extension Residual {
  fileprivate func text(_ collection: Collection) -> String {
    switch self {
    case .own(let expression, let wanted):
      ScopeText.list(["own", expression.scopeText(collection), "\(wanted)"])
    case .atom(let scope): scope.text
    case .user(let operand): ScopeText.list(["user", operand.scopeText(collection)])
    case .claim(let operand): ScopeText.list(["claim", operand.scopeText(collection)])
    case .role(let operand): ScopeText.list(["role", operand.scopeText(collection)])
    case .anonymous(let operand, let wanted):
      ScopeText.list(["anonymous", operand.scopeText(collection), "\(wanted)"])
    case .all(let parts):
      ScopeText.list(["all", ScopeText.sorted(parts.map { $0.text(collection) })])
    case .any(let parts):
      ScopeText.list(["any", ScopeText.sorted(parts.map { $0.text(collection) })])
    }
  }
}

/// Texts joined so that different lists have different texts.
private enum ScopeText {
  static func list(_ parts: [String]) -> String {
    "[" + parts.map { "\($0.utf8.count):\($0)" }.joined() + "]"
  }

  static func sorted(_ parts: some Sequence<String>) -> String { list(Set(parts).sorted()) }
}
