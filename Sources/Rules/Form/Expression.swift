package import Schema

/// The intermediate form of a rule or a filter, typed: every output is made from it.
///
/// It has the three truth values of SQL. A comparison with NULL is NULL, `and`, `or` and `not` are
/// Kleene's; a rule allows where it is TRUE, a denial applies where it is TRUE, and a check refuses
/// where it is FALSE.
package indirect enum Expression: Sendable, Equatable {
  case constant(Bool)
  /// A Boolean column or `ctx.anonymous`.
  case truth(Operand)
  case compare(Comparison, Operand, Operand)
  /// Never NULL itself.
  case isNull(Operand)
  /// The values are not null.
  case isIn(Operand, [FieldValue])
  /// The list, a JSON array, has the value as an element. NULL where the list is.
  case contains(Operand, FieldValue)
  /// A text is among `ctx.claims`.
  case inClaims(Operand)
  /// A text is among `ctx.roles`.
  case inRoles(Operand)
  /// The caller has a role, directly or by inheritance.
  case hasRole(String)
  case and([Expression])
  case or([Expression])
  case not(Expression)
}

extension Expression {
  /// Whether it speaks of a row at all, and not of the caller alone.
  package var readsRow: Bool { operands.contains { $0.isOfRow } }

  /// Whether it reads other rows.
  package var readsRelations: Bool {
    operands.contains { if case .path = $0 { true } else { false } }
  }

  /// Whether it reads anything of the caller.
  package var readsCaller: Bool {
    switch self {
    case .inClaims, .inRoles, .hasRole: return true
    case .and(let parts), .or(let parts): return parts.contains { $0.readsCaller }
    case .not(let inner): return inner.readsCaller
    case .constant, .truth, .compare, .isNull, .isIn, .contains:
      return operands.contains { $0 == .uid || $0 == .anonymous }
    }
  }

  /// Every operand in it.
  package var operands: [Operand] {
    switch self {
    case .constant, .hasRole: []
    case .truth(let operand), .isNull(let operand), .isIn(let operand, _),
      .inClaims(let operand), .inRoles(let operand), .contains(let operand, _):
      [operand]
    case .compare(_, let left, let right): [left, right]
    case .and(let parts), .or(let parts): parts.flatMap(\.operands)
    case .not(let inner): inner.operands
    }
  }

  /// The parts that must all be TRUE.
  package var conjuncts: [Expression] {
    if case .and(let parts) = self { parts.flatMap(\.conjuncts) } else { [self] }
  }

  /// The conjunction of `parts`; nil of none.
  package static func all(_ parts: [Expression]) -> Expression? {
    parts.count < 2 ? parts.first : .and(parts)
  }
}

extension Operand {
  var isOfRow: Bool {
    switch self {
    case .column, .path: true
    case .value, .uid, .anonymous: false
    }
  }
}
