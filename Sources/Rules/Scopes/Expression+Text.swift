import RoostCore
import Schema

extension Expression {
  /// The condition in one spelling, with the names of fields: a part of scopes, so it must stay as
  /// it is.
  ///
  /// It holds no caller and no path.
  func scopeText(_ collection: Collection) -> String {
    func name(_ operand: Operand) -> String { operand.scopeText(collection) }
    switch self {
    case .constant(let value): return value ? "true" : "false"
    case .truth(let operand): return name(operand)
    case .compare(let comparison, let left, let right):
      return name(left) + comparison.rawValue + name(right)
    case .isNull(let operand): return name(operand) + "==null"
    case .isIn(let operand, let values):
      return name(operand) + "=[" + values.map(\.scopeText).joined(separator: ",") + "]"
    case .contains(let list, let element): return element.scopeText + "=" + name(list)
    case .inClaims(let operand): return name(operand) + "=ctx.claims"
    case .inRoles(let operand): return name(operand) + "=ctx.roles"
    case .hasRole(let role): return Scope.encoded(role) + "=ctx.roles"
    case .and(let parts):
      return "(" + parts.map { $0.scopeText(collection) }.joined(separator: ",") + ")"
    case .or(let parts):
      return "(" + parts.map { $0.scopeText(collection) }.joined(separator: "|") + ")"
    case .not(let inner): return "!" + inner.scopeText(collection)
    }
  }

  /// The condition with other operands.
  func mappingOperands(_ map: (Operand) -> Operand) -> Expression {
    switch self {
    case .constant, .hasRole: self
    case .truth(let operand): .truth(map(operand))
    case .compare(let comparison, let left, let right): .compare(comparison, map(left), map(right))
    case .isNull(let operand): .isNull(map(operand))
    case .isIn(let operand, let values): .isIn(map(operand), values)
    case .contains(let list, let element): .contains(map(list), element)
    case .inClaims(let operand): .inClaims(map(operand))
    case .inRoles(let operand): .inRoles(map(operand))
    case .and(let parts): .and(parts.map { $0.mappingOperands(map) })
    case .or(let parts): .or(parts.map { $0.mappingOperands(map) })
    case .not(let inner): .not(inner.mappingOperands(map))
    }
  }
}

extension Operand {
  /// The operand in the spelling of `Expression.scopeText`.
  func scopeText(_ collection: Collection) -> String {
    switch self {
    case .value(let value): value.scopeText
    case .column(let column): column.name(in: collection)
    case .uid: "ctx.uid"
    case .anonymous: "ctx.anonymous"
    case .path: "path"
    }
  }
}

extension FieldValue {
  fileprivate var scopeText: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .text(let value): Scope.encoded(JSON.string(value).text)
    case .uuid(let value): "\(value)"
    case .json(let value): Scope.encoded(value.text)
    }
  }
}
