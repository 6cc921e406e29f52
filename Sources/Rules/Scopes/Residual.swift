import Schema

/// Why a rule has no scopes.
struct ScopeFault: Error {
  let reason: String
}

/// A condition whose parts about the caller stand free, so that a row's values can be put in: what is
/// left is a disjunction of conjunctions of atoms.
indirect enum Residual: Sendable {
  /// The row's own columns decide: TRUE (or FALSE where that is wanted).
  case own(Expression, wanted: Bool)
  case atom(Scope)
  /// The caller is the account in the operand.
  case user(Operand)
  case claim(Operand)
  case role(Operand)
  /// Whether the caller is anonymous is what the operand says (or its opposite).
  case anonymous(Operand, wanted: Bool)
  case all([Residual])
  case any([Residual])

  /// The residual of the condition being TRUE, or FALSE where that is wanted.
  init(_ expression: Expression, wanted: Bool = true, needsAccount: Bool) throws(ScopeFault) {
    guard !expression.readsRelations else {
      throw ScopeFault(reason: "it tests another row than the one its path begins with")
    }
    guard expression.readsCaller else {
      self = .own(expression, wanted: wanted)
      return
    }
    switch expression {
    case .and(let parts), .or(let parts):
      var residuals: [Residual] = []
      for part in parts {
        residuals.append(try Residual(part, wanted: wanted, needsAccount: needsAccount))
      }
      if case .and = expression {
        self = wanted ? .all(residuals) : .any(residuals)
      } else {
        self = wanted ? .any(residuals) : .all(residuals)
      }
    case .not(let inner):
      self = try Residual(inner, wanted: !wanted, needsAccount: needsAccount)
    default: self = try Residual.leaf(expression, wanted, needsAccount)
    }
  }

  private static func leaf(
    _ expression: Expression, _ wanted: Bool, _ needsAccount: Bool
  ) throws(ScopeFault) -> Residual {
    switch expression {
    case .truth(.anonymous):
      return try anonymous(.value(.bool(true)), wanted, needsAccount)
    case .compare(let comparison, let left, let right) where !comparison.needsOrder:
      let isEqual = (comparison == .equal) == wanted
      switch (left, right) {
      case (.uid, .uid), (.anonymous, .anonymous): break
      case (.uid, let other), (let other, .uid):
        guard isEqual else { break }
        return .user(other)
      case (.anonymous, let other), (let other, .anonymous):
        return try anonymous(other, isEqual, needsAccount)
      default: break
      }
    case .isNull(.uid) where !wanted: return .atom(.users)
    case .isIn(.uid, let values) where wanted: return .any(values.map { .user(.value($0)) })
    case .inClaims(let operand) where wanted: return .claim(operand)
    case .inRoles(let operand) where wanted: return .role(operand)
    case .hasRole(let role) where wanted: return .atom(.role(named: role))
    default: break
    }
    throw ScopeFault(reason: "it asks of the caller what no scope says")
  }

  private static func anonymous(
    _ operand: Operand, _ wanted: Bool, _ needsAccount: Bool
  ) throws(ScopeFault) -> Residual {
    // Callers without an account are not anonymous either, and no atom is theirs alone.
    guard needsAccount || (wanted && operand == .value(.bool(true))) else {
      throw ScopeFault(reason: "it asks of the caller what no scope says")
    }
    return .anonymous(operand, wanted: wanted)
  }

  /// How many conjunctions it can leave.
  var alternatives: Int {
    switch self {
    case .own, .atom, .user, .claim, .role, .anonymous: 1
    case .all(let parts):
      parts.reduce(1) { min($0 * $1.alternatives, Disjunction.limit) }
    case .any(let parts):
      parts.reduce(0) { min($0 + $1.alternatives, Disjunction.limit) }
    }
  }

  /// What is left for a row.
  func disjunction(_ row: RowImage) -> Disjunction {
    let evaluation = Evaluation(.nobody, row)
    switch self {
    case .own(let expression, let wanted):
      return evaluation.truth(expression) == wanted ? .always : .never
    case .atom(let atom): return Disjunction(atom)
    case .user(let operand):
      if case .uuid(let id) = evaluation.value(operand) { return Disjunction(.user(id)) }
      return .never
    case .claim(let operand):
      if case .text(let text) = evaluation.value(operand) {
        return Disjunction(.claim(named: text))
      }
      return .never
    case .role(let operand):
      if case .text(let text) = evaluation.value(operand) {
        return Disjunction(.role(named: text))
      }
      return .never
    case .anonymous(let operand, let wanted):
      guard case .bool(let value) = evaluation.value(operand) else { return .never }
      return Disjunction(value == wanted ? .anonymous : .account)
    case .all(let parts):
      var result = Disjunction.always
      for part in parts where !result.isNever { result.and(part.disjunction(row)) }
      return result
    case .any(let parts):
      return Disjunction(alternatives: parts.flatMap { $0.disjunction(row).alternatives })
    }
  }
}
