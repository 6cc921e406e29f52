import RoostCore
import Schema

/// What a schema says about a field, in sentences.
enum FieldWords {
  /// The bounds; `beyondJSONSchema` only those that JSON Schema has no word for.
  static func bounds(_ field: Field, beyondJSONSchema: Bool = false) -> [String] {
    guard let constraint = field.constraint else { return [] }
    let isDuration = field.type == .duration
    let unit = isDuration ? " seconds" : ""
    var words: [String] = []
    if !beyondJSONSchema || isDuration {
      if let min = constraint.min { words.append("At least \(number(min))\(unit).") }
      if let above = constraint.exclusiveMin { words.append("More than \(number(above))\(unit).") }
      if let max = constraint.max { words.append("At most \(number(max))\(unit).") }
    }
    if let pattern = constraint.pattern,
      !beyondJSONSchema || ScriptPattern.of(pattern.source) == nil
    {
      words.append("Matches `\(pattern.source)` (RE2).")
    }
    switch constraint.temporal {
    case .past: words.append("In the past.")
    case .pastOrPresent: words.append("Not in the future.")
    case .future: words.append("In the future.")
    case .futureOrPresent: words.append("Not in the past.")
    case nil: break
    }
    guard !beyondJSONSchema else { return words }
    if let length = constraint.minLength { words.append("At least \(length) characters.") }
    if let length = constraint.maxLength { words.append("At most \(length) characters.") }
    if let count = constraint.minItems { words.append("At least \(count) items.") }
    if let count = constraint.maxItems { words.append("At most \(count) items.") }
    return words
  }

  private static func number(_ value: Double) -> String {
    Int64(exactly: value).map { String($0) } ?? value.description
  }
}
