import RoostCore
import Schema

/// The texts of CSV and TSV cells as JSON of a field's type.
///
/// Texts that are none of the type stay texts, so that the field's own decoder says what it expects,
/// except where that would read oddly.
enum TextConversion {
  /// The JSON of `text` for `field`, or what is wrong with it.
  static func json(_ text: String, for field: Field) -> Result<JSON, FieldIssue> {
    if field.isList { return parsed(text, field, "a JSON list such as [\"a\",\"b\"]") }
    switch field.type {
    case .boolean:
      switch text {
      case "true", "TRUE", "True", "1": return .success(.bool(true))
      case "false", "FALSE", "False", "0": return .success(.bool(false))
      default: return .failure(issue(field, "must be true or false (or 1 or 0)"))
      }
    case .int, .int64, .money: return whole(text, field)
    case .float:
      guard let value = number(text) else { return .failure(issue(field, "must be a number")) }
      return .success(value)
    case .json: return parsed(text, field, "JSON")
    case .geoPoint, .file: return parsed(text, field, "a JSON object")
    case .string, .id, .date, .dateTime, .duration, .email, .url, .enumeration, .reference, .user:
      return .success(.string(text))
    }
  }

  private static func whole(_ text: String, _ field: Field) -> Result<JSON, FieldIssue> {
    switch number(text) {
    case .int(let value): return .success(.int(value))
    // A whole number with a fraction of zero or an exponent is left to the field's decoder.
    case .double(let value): return .success(.double(value))
    default: return .failure(issue(field, "must be a whole number"))
    }
  }

  /// A number as JSON writes it, a leading plus and leading zeros allowed.
  private static func number(_ text: String) -> JSON? {
    if let value = Int64(text) { return .int(value) }
    let isDecimal = text.utf8.allSatisfy { $0 &- 48 < 10 || "+-.eE".utf8.contains($0) }
    guard isDecimal, text.utf8.count <= 400, let value = Double(text), value.isFinite else {
      return nil
    }
    return .double(value)
  }

  private static func parsed(
    _ text: String, _ field: Field, _ words: String
  ) -> Result<JSON, FieldIssue> {
    do {
      return .success(try JSON.parse(text: text))
    } catch {
      return .failure(issue(field, "must be \(words): \(error.reason)"))
    }
  }

  private static func issue(_ field: Field, _ predicate: String) -> FieldIssue {
    FieldIssue(pointer: "/" + field.name, code: "type", message: "\(field.name) \(predicate).")
  }
}
