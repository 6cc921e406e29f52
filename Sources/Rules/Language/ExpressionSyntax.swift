package import RoostCore

/// An expression as it was written, before anything is known about its names.
package indirect enum ExpressionSyntax: Sendable, Equatable {
  case or([ExpressionSyntax])
  case and([ExpressionSyntax])
  case not(ExpressionSyntax, offset: Int)
  case compare(Comparison, ExpressionSyntax, ExpressionSyntax, offset: Int)
  case isIn(ExpressionSyntax, ExpressionSyntax, offset: Int)
  /// `[a, b]`, on the right of `in` only.
  case list([ExpressionSyntax], offset: Int)
  /// Text, a number, true, false or null.
  case literal(JSON, offset: Int)
  /// `date`, `band.name`, `ctx.uid`.
  case path([String], offset: Int)

  /// Where it begins, in bytes.
  package var offset: Int {
    switch self {
    case .or(let parts), .and(let parts): parts.first?.offset ?? 0
    case .compare(_, let left, _, _), .isIn(let left, _, _): left.offset
    case .not(_, let offset), .list(_, let offset), .literal(_, let offset),
      .path(_, let offset):
      offset
    }
  }
}

/// How two values are compared.
package enum Comparison: String, Sendable, CaseIterable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="

  /// The same comparison with its sides exchanged.
  package var mirrored: Comparison {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    }
  }

  /// Whether it asks for an order, and not for equality alone.
  package var needsOrder: Bool { self != .equal && self != .notEqual }
}
