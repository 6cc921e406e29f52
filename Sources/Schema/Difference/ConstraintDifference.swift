/// What became of the bounds of a field.
package struct ConstraintDifference: Sendable {
  /// A bound by the name of its argument in `@constraint`.
  package struct Bound: Sendable {
    package let name: String
    /// As it is written in a schema; nil where there is none.
    package let old: String?
    package let new: String?
    package let widening: Widening
  }

  /// The bounds that differ, in the order of the arguments of `@constraint`.
  package let bounds: [Bound]
  /// Only what is said about a value that is refused.
  package let message: Change<String?>?

  package var widening: Widening {
    Widening(
      isNarrowed: bounds.contains { $0.widening.isNarrowed },
      isWidened: bounds.contains { $0.widening.isWidened })
  }

  /// The difference; nil where both say the same.
  init?(_ old: Constraint?, _ new: Constraint?) {
    let (old, new) = (old ?? Constraint(), new ?? Constraint())
    bounds = [
      Bound.least("min", old.min, new.min), Bound.most("max", old.max, new.max),
      Bound.least("exclusiveMin", old.exclusiveMin, new.exclusiveMin),
      Bound.least("minLength", old.minLength.map(Double.init), new.minLength.map(Double.init)),
      Bound.most("maxLength", old.maxLength.map(Double.init), new.maxLength.map(Double.init)),
      Bound.pattern(old.pattern?.source, new.pattern?.source),
      Bound.temporal(old.temporal, new.temporal),
      Bound.least("minItems", old.minItems.map(Double.init), new.minItems.map(Double.init)),
      Bound.most("maxItems", old.maxItems.map(Double.init), new.maxItems.map(Double.init)),
    ].compactMap { $0 }
    message = .between(old.message, new.message)
    if bounds.isEmpty, message == nil { return nil }
  }
}

extension ConstraintDifference.Bound {
  private init?(
    _ name: String, _ old: String?, _ new: String?, isNarrowed: Bool, isWidened: Bool
  ) {
    guard old != new else { return nil }
    self.init(
      name: name, old: old, new: new,
      widening: Widening(isNarrowed: isNarrowed, isWidened: isWidened))
  }

  static func least(_ name: String, _ old: Double?, _ new: Double?) -> Self? {
    Self(
      name, old.map(text), new.map(text), isNarrowed: new ?? -.infinity > old ?? -.infinity,
      isWidened: new ?? -.infinity < old ?? -.infinity)
  }

  static func most(_ name: String, _ old: Double?, _ new: Double?) -> Self? {
    Self(
      name, old.map(text), new.map(text), isNarrowed: new ?? .infinity < old ?? .infinity,
      isWidened: new ?? .infinity > old ?? .infinity)
  }

  /// Two patterns are not compared: another one may refuse what the first one took, and the reverse.
  static func pattern(_ old: String?, _ new: String?) -> Self? {
    Self("pattern", old, new, isNarrowed: new != nil, isWidened: old != nil)
  }

  static func temporal(_ old: Constraint.Temporal?, _ new: Constraint.Temporal?) -> Self? {
    let (before, after) = (moments(old), moments(new))
    return Self(
      "temporal", old?.rawValue, new?.rawValue, isNarrowed: !before.isSubset(of: after),
      isWidened: !after.isSubset(of: before))
  }

  /// The moments that are taken: before, at and after that of the operation.
  private static func moments(_ temporal: Constraint.Temporal?) -> Set<Int> {
    switch temporal {
    case .past: [-1]
    case .pastOrPresent: [-1, 0]
    case .future: [1]
    case .futureOrPresent: [0, 1]
    case nil: [-1, 0, 1]
    }
  }

  private static func text(_ bound: Double) -> String {
    Int64(exactly: bound).map { String($0) } ?? bound.description
  }
}
