import RoostCore
import Schema

/// What stands in the place of personal data: a value of the same type that tells nothing of the one
/// that was there, and is another one in each record.
enum Mask {
  static func value(of field: Field, id: UUID) -> JSON {
    if field.isList { return .array([]) }
    switch field.type {
    case .boolean: return .bool(false)
    case .int, .int64, .money: return .int(0)
    case .float: return .double(0)
    case .string, .id: return .string(text(field, id))
    case .date: return .string("1970-01-01")
    case .dateTime: return .string("1970-01-01T00:00:00.000Z")
    case .duration: return .string("PT0S")
    case .email: return .string("masked-\(id)@example.com")
    case .url: return .string("https://example.com/\(id)")
    case .json: return .object(JSONObject())
    case .geoPoint: return ["lat": 0, "lon": 0]
    case .file, .reference, .user: return .null
    case .enumeration(_, let values): return .string(values.first ?? "")
    }
  }

  private static func text(_ field: Field, _ id: UUID) -> String {
    let text = "masked-\(id)"
    guard let most = field.constraint?.maxLength else { return text }
    // The end of an identifier is what differs most.
    return String(text.suffix(max(0, most)))
  }
}
