import RoostCore
package import Schema

/// The scopes of every collection of a schema: the fourth output of the rules.
///
/// A row that is written gives entries (in whose streams it stands, with what of it) and contributions
/// (grants and edges: who holds which scopes). Both are functions of the row, of the immutable columns
/// of rows that it refers to, and of nothing else.
package struct ScopeBook: Sendable {
  package let model: SchemaModel
  /// Rules and denials that have no scopes, so that what they show is online only.
  package let onlineOnly: [OnlineOnly]
  let collections: [CollectionScopes]

  /// What the rules say of the rows of one collection.
  struct CollectionScopes: Sendable {
    var rules: [ScopeRule] = []
    var denials: [ScopeDenial] = []
    var isClosed = false
    var sources: [ScopeSource] = []
    /// Hops from a row to rows that its scopes are resolved from.
    var resolutions: [[ReferencePath.Step]] = []
  }

  package init(_ book: RuleBook) {
    let model = book.model
    var compiler = ScopeCompiler(model: model)
    var onlineOnly: [OnlineOnly] = []
    var collections = book.collections.map { rules in
      ScopeBook.scopes(of: rules, &compiler, &onlineOnly)
    }
    for (index, sources) in compiler.sources.enumerated() { collections[index].sources = sources }
    self.model = model
    self.collections = collections
    self.onlineOnly = onlineOnly
  }

  private static func scopes(
    of access: AccessRules, _ compiler: inout ScopeCompiler, _ onlineOnly: inout [OnlineOnly]
  ) -> CollectionScopes {
    var result = CollectionScopes()
    for denial in access.denials where denial.operations.contains(.read) {
      do throws(ScopeFault) {
        result.denials.append(try compiler.denial(denial))
      } catch {
        result.isClosed = true
        onlineOnly.append(
          OnlineOnly(collection: access.collection, what: .denial(denial), reason: error.reason))
      }
    }
    for rule in access.rules where rule.operations.contains(.read) {
      do throws(ScopeFault) {
        let denials = result.isClosed ? [] : result.denials
        let compiled = try compiler.rule(rule, of: access.collection, denials: denials)
        result.rules.append(compiled)
        if let hops = compiled.target?.resolvedHops, !result.resolutions.contains(hops) {
          result.resolutions.append(hops)
        }
      } catch {
        onlineOnly.append(
          OnlineOnly(collection: access.collection, what: .rule(rule), reason: error.reason))
      }
    }
    return result
  }

  /// Whether a denial keeps the whole collection out of the scopes.
  package func isClosed(_ collection: Int) -> Bool { collections[collection].isClosed }

  /// Whether `missing` can ever ask for something.
  package func resolvesReferences(of collection: Int) -> Bool {
    !collections[collection].resolutions.isEmpty
  }

  /// Whether rows of the collection give grants or edges.
  package func contributes(_ collection: Int) -> Bool { !collections[collection].sources.isEmpty }

  // MARK: A row

  /// The rows that must be loaded (deleted or not) before the entries of `row` can be computed.
  ///
  /// Load them, add each to `resolved` or note there that it is missing, and ask again: after at most
  /// as many rounds as a path has hops nothing is missing.
  package func missing(for row: RowImage, _ resolved: ResolvedRows) -> [ResolvedRows.Key] {
    if row.isDeleted { return [] }
    var missing: [ResolvedRows.Key] = []
    for hops in collections[row.collection].resolutions {
      if case .missing(let key) = resolve(hops, from: row, resolved), !missing.contains(key) {
        missing.append(key)
      }
    }
    return missing
  }

  /// In which streams the row stands and with which of its members: at most one entry a scope, none
  /// that another one implies.
  ///
  /// Everything that `missing` names must be in `resolved`. A deleted row has no entries.
  package func entries(
    of row: RowImage, _ resolved: ResolvedRows = ResolvedRows()
  ) -> [ScopeEntry] {
    let scopes = collections[row.collection]
    guard !row.isDeleted, !scopes.isClosed else { return [] }
    if scopes.denials.isEmpty, scopes.rules.count == 1, let rule = scopes.rules.first,
      rule.isPlain
    {
      // The most frequent form, without a detour over alternatives.
      guard let target = rule.target else {
        return [ScopeEntry(scope: ScopeConjunction(rule.audience), mask: rule.mask)]
      }
      return atom(target, row, resolved).map {
        [ScopeEntry(scope: ScopeConjunction($0), mask: rule.mask)]
      } ?? []
    }
    var permitted = Disjunction.always
    for denial in scopes.denials {
      guard denial.test.map({ Evaluation(.nobody, row).truth($0) == true }) ?? true else {
        continue
      }
      permitted.and(Disjunction(anyOf: denial.exceptRoles))
    }
    if permitted.isNever { return [] }
    var entries: [ScopeEntry] = []
    for rule in scopes.rules {
      for atoms in disjunction(rule, permitted, row, resolved).alternatives {
        guard let scope = ScopeConjunction(atoms, model.roles) else { continue }
        if let index = entries.firstIndex(where: { $0.scope == scope }) {
          entries[index].mask = entries[index].mask.union(rule.mask)
        } else {
          entries.append(ScopeEntry(scope: scope, mask: rule.mask))
        }
      }
    }
    guard entries.count > 1 else { return entries }
    let all = entries
    return all.filter { entry in
      !all.contains {
        $0.scope != entry.scope && $0.mask.isSuperset(of: entry.mask)
          && entry.scope.implies($0.scope, model.roles)
      }
    }.sorted { $0.scope < $1.scope }
  }

  private func disjunction(
    _ rule: ScopeRule, _ permitted: Disjunction, _ row: RowImage, _ resolved: ResolvedRows
  ) -> Disjunction {
    var atoms = rule.audience == .everyone ? [] : [rule.audience]
    if let target = rule.target {
      guard let atom = atom(target, row, resolved) else { return .never }
      atoms.append(atom)
    }
    var result = Disjunction(alternatives: [atoms])
    if let condition = rule.condition { result.and(condition.disjunction(row)) }
    if let roles = rule.roles { result.and(Disjunction(anyOf: roles)) }
    if !permitted.isAlways { result.and(permitted) }
    return result
  }

  private func atom(
    _ target: ScopeRule.Target, _ row: RowImage, _ resolved: ResolvedRows
  ) -> Scope? {
    switch target {
    case .own(let field):
      if case .uuid(let user) = row.values[field] { return .user(user) }
      return nil
    case .account(let hops, let field):
      if case .row(let end) = resolve(hops, from: row, resolved),
        case .uuid(let user) = end.values[field]
      {
        return .user(user)
      }
      return nil
    case .pattern(let pattern, let hops):
      guard let last = hops.last else { return pattern.scope(row.id, in: model) }
      if case .row(let here) = resolve(Array(hops.dropLast()), from: row, resolved),
        case .uuid(let id) = here.values[last.field]
      {
        return pattern.scope(id, in: model)
      }
      return nil
    }
  }

  private enum Resolution {
    case row(RowImage)
    case missing(ResolvedRows.Key)
    /// A reference is NULL, or names a row that there is not.
    case nothing
  }

  private func resolve(
    _ hops: [ReferencePath.Step], from row: RowImage, _ resolved: ResolvedRows
  ) -> Resolution {
    var current = row
    for hop in hops {
      guard case .uuid(let id) = current.values[hop.field] else { return .nothing }
      let key = ResolvedRows.Key(hop.target, id)
      guard resolved.isKnown(key) else { return .missing(key) }
      guard let next = resolved.row(key) else { return .nothing }
      current = next
    }
    return .row(current)
  }

  /// The grants and edges that the row gives; they hold while any row gives them.
  ///
  /// A deleted row gives none.
  package func contributions(of row: RowImage) -> Set<ScopeContribution> {
    guard !row.isDeleted else { return [] }
    return Set(
      collections[row.collection].sources.compactMap { $0.contribution(of: row, in: model) })
  }
}

/// A row's place in the streams of one scope.
package struct ScopeEntry: Sendable, Equatable {
  package let scope: ScopeConjunction
  /// The members that the holders of the scope see: of all rules that give it.
  package fileprivate(set) var mask: FieldSet

  /// The same scope with another mask.
  package func masked(_ mask: FieldSet) -> ScopeEntry {
    var entry = self
    entry.mask = mask
    return entry
  }
}

/// What has no scopes, and why.
package struct OnlineOnly: Sendable {
  package enum What: Sendable {
    case rule(Rule)
    /// It closes the whole collection.
    case denial(Denial)
  }

  /// The index of the collection.
  package let collection: Int
  package let what: What
  /// Such as `it tests another row than the one its path begins with`.
  package let reason: String
}

extension ScopeRule.Target {
  /// The hops whose rows must be known; nil where there are none.
  fileprivate var resolvedHops: [ReferencePath.Step]? {
    switch self {
    case .own: nil
    case .account(let hops, _): hops
    case .pattern(_, let hops): hops.count > 1 ? Array(hops.dropLast()) : nil
    }
  }
}
