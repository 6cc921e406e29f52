/// Conjunctions of atoms, one of which must be held: what a rule leaves of itself for a row.
struct Disjunction {
  /// More conjunctions than this are not counted.
  static let limit = 10_000

  /// The atoms of each conjunction; none is TRUE for everyone.
  private(set) var alternatives: [[Scope]]

  init(alternatives: [[Scope]]) { self.alternatives = alternatives }

  init(_ atom: Scope) { alternatives = [[atom]] }

  /// One of these atoms.
  init(anyOf atoms: [Scope]) { alternatives = atoms.map { [$0] } }

  static let always = Disjunction(alternatives: [[]])
  static let never = Disjunction(alternatives: [])

  var isNever: Bool { alternatives.isEmpty }

  /// Whether it is known to hold for everyone.
  var isAlways: Bool { alternatives.count == 1 && alternatives[0].isEmpty }

  mutating func and(_ other: Disjunction) {
    if other.alternatives.count == 1, alternatives.count == 1 {
      alternatives[0] += other.alternatives[0]
      return
    }
    alternatives = alternatives.flatMap { left in other.alternatives.map { left + $0 } }
  }
}
