package import Schema

/// The scope of a stream: a caller holds it who holds every atom of it.
package struct ScopeConjunction: Hashable, Sendable, Comparable {
  /// At least one, sorted, none of them implied by another.
  package let atoms: [Scope]

  /// Held by every caller.
  package static let everyone = ScopeConjunction(sorted: [.everyone])

  private init(sorted: [Scope]) { atoms = sorted }

  /// The conjunction of one atom.
  package init(_ atom: Scope) { atoms = [atom] }

  /// The conjunction of `atoms`; nil where nobody can hold all of them: two accounts, or an account
  /// that is anonymous and is not.
  package init?(_ atoms: [Scope], _ roles: RoleTree?) {
    guard atoms.count > 1 else {
      self.atoms = atoms.isEmpty ? [.everyone] : atoms
      return
    }
    var kept: [Scope] = []
    for atom in atoms where atom != .everyone && !kept.contains(atom) { kept.append(atom) }
    guard kept.count > 1 else {
      self.atoms = kept.isEmpty ? [.everyone] : kept
      return
    }
    if kept.contains(.account), kept.contains(.anonymous) { return nil }
    let accounts = kept.count { if case .user = $0 { true } else { false } }
    guard accounts < 2 else { return nil }
    let simple = kept.filter { atom in
      !kept.contains { $0 != atom && $0.implies(atom, roles) }
    }
    self.atoms = simple.sorted()
  }

  /// The text that is stored: the atoms, joined by `&`.
  package var text: String {
    atoms.count == 1 ? atoms[0].text : atoms.map(\.text).joined(separator: "&")
  }

  /// The conjunction of a stored text, or nil.
  package init?(text: String) {
    guard text.utf8.contains(UInt8(ascii: "&")) else {
      guard let atom = Scope(text: text) else { return nil }
      atoms = [atom]
      return
    }
    var atoms: [Scope] = []
    for part in text.split(separator: "&", omittingEmptySubsequences: false) {
      guard let atom = Scope(text: String(part)) else { return nil }
      atoms.append(atom)
    }
    self.atoms = atoms
  }

  /// Whether everyone who holds this one holds the other one too.
  package func implies(_ other: ScopeConjunction, _ roles: RoleTree?) -> Bool {
    other.atoms.allSatisfy { atom in atoms.contains { $0.implies(atom, roles) } }
  }

  package static func < (left: ScopeConjunction, right: ScopeConjunction) -> Bool {
    left.atoms.lexicographicallyPrecedes(right.atoms)
  }
}

extension Scope {
  /// Whether everyone who holds this atom holds the other one too.
  func implies(_ other: Scope, _ roles: RoleTree?) -> Bool {
    if self == other || other == .everyone { return true }
    if other == .users { return needsAccount }
    if case .role(let name) = self, case .role(let inherited) = other {
      return roles?.closure[name]?.contains(inherited) == true
    }
    return false
  }
}
