import RoostCore
import Rules

extension ExpressionSyntax {
  /// The expression as text that is read as the same.
  var text: String {
    switch self {
    case .or(let parts): parts.map(\.operandText).joined(separator: " || ")
    case .and(let parts): parts.map(\.operandText).joined(separator: " && ")
    case .not(let inner, _): "!" + inner.operandText
    case .compare(let comparison, let left, let right, _):
      "\(left.operandText) \(comparison.rawValue) \(right.operandText)"
    case .isIn(let left, let right, _): "\(left.operandText) in \(right.operandText)"
    case .list(let elements, _): "[" + elements.map(\.text).joined(separator: ", ") + "]"
    case .literal(let value, _): ExpressionSyntax.text(value)
    case .path(let steps, _): steps.joined(separator: ".")
    }
  }

  /// In brackets where it has parts of its own.
  private var operandText: String {
    switch self {
    case .or, .and, .not, .compare, .isIn: "(\(text))"
    case .list, .literal, .path: text
    }
  }

  private static func text(_ value: JSON) -> String {
    guard case .string(let string) = value else { return value.text }
    var text = "\""
    for scalar in string.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { text += "\\" }
      text.unicodeScalars.append(scalar)
    }
    return text + "\""
  }
}
