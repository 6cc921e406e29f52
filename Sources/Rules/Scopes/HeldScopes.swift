/// The atoms that a caller holds: what the caller is, what was granted, and what follows over edges.
///
/// Make it from the caller and the grants, then, while there are `unexplored` atoms, take them and add
/// the children that the edges give them.
package struct HeldScopes: Sendable {
  package private(set) var atoms: Set<Scope> = []
  /// Atoms whose children are not known yet.
  package private(set) var unexplored: [Scope] = []

  package init(_ facts: CallerFacts, grants: some Sequence<Scope>) {
    atoms.insert(.everyone)
    if let uid = facts.uid {
      atoms.formUnion([.users, .user(uid), facts.isAnonymous ? .anonymous : .account])
    }
    for role in facts.roles { atoms.insert(.role(named: role)) }
    for claim in facts.claims { atoms.insert(.claim(named: claim)) }
    add(grants)
  }

  /// Takes the unexplored atoms.
  package mutating func takeUnexplored() -> [Scope] {
    defer { unexplored = [] }
    return unexplored
  }

  /// Adds granted atoms, or the children of atoms that are held.
  package mutating func add(_ more: some Sequence<Scope>) {
    for atom in more where atoms.insert(atom).inserted {
      // Edges lead from paths alone.
      if case .path = atom { unexplored.append(atom) }
    }
  }

  /// Whether the caller sees what stands in the stream of `scope`.
  package func holds(_ scope: ScopeConjunction) -> Bool {
    scope.atoms.allSatisfy { atoms.contains($0) }
  }
}
