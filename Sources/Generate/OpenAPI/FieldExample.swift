import RoostCore
import Schema

/// Values that a field takes, made from its type and its bounds; the same each time.
enum FieldExample {
  /// A value; nil where none is known to keep the bounds.
  static func of(_ field: Field) -> JSON? {
    if let value = field.defaultJSON, value != .array([]), field.type != .json { return value }
    guard let element = value(field) else { return nil }
    let example: JSON
    if field.isList {
      example = .array(Array(repeating: element, count: max(1, field.constraint?.minItems ?? 1)))
    } else {
      example = element
    }
    return isTaken(example, by: field) ? example : nil
  }

  /// Whether the server takes a value, whatever the time is.
  private static func isTaken(_ example: JSON, by field: Field) -> Bool {
    guard case .success(let value) = field.decode(example, pointer: "") else { return false }
    let isFuture = [.future, .futureOrPresent].contains(field.constraint?.temporal)
    // Past examples lie before this time, future ones behind it.
    let now =
      isFuture ? Timestamp(milliseconds: 4_000_000_000_000) : Timestamp("2026-01-01T00:00:00Z")
    return field.validate(value, pointer: "", now: now ?? Timestamp(milliseconds: 0)).isEmpty
  }

  private static func value(_ field: Field) -> JSON? {
    let isFuture = [.future, .futureOrPresent].contains(field.constraint?.temporal)
    switch field.type {
    case .boolean: return true
    case .int, .int64, .money: return number(field, 12).map { .int($0) }
    case .float: return float(field)
    case .string, .id: return text(field)
    case .date: return isFuture ? "2100-05-01" : "2025-05-01"
    case .dateTime: return isFuture ? "2100-05-01T20:00:00.000Z" : "2025-05-01T20:00:00.000Z"
    case .duration: return duration(field)
    case .email: return text(field, ["ada@example.org"])
    case .url: return text(field, ["https://example.org/", "https://www.example.org/page"])
    case .json: return ["key": "value"]
    case .geoPoint: return ["lat": 48.1, "lon": 11.6]
    case .file:
      return [
        "sha256": .string(String(repeating: "0123456789abcdef", count: 4)), "size": 20_480,
        "mime": "image/png",
      ]
    case .enumeration(_, let values): return values.first.map { .string($0) }
    case .reference(let typeName): return .string(id(typeName))
    case .user: return .string(id("User"))
    }
  }

  /// An id that stands for records of one type all over the document.
  static func id(_ typeName: String) -> String {
    // FNV-1a, 64 bits (Fowler, Noll, Vo): any function that spreads names will do.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in typeName.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return UUID(high: 0x0197_A0C2_5F0E_7C53, low: 0x8000_0000_0000_0000 | hash >> 2).description
  }

  private static func number(_ field: Field, _ usual: Int64) -> Int64? {
    let constraint = field.constraint
    var least = constraint?.min.map { $0.rounded(.up) } ?? -.infinity
    if let above = constraint?.exclusiveMin { least = max(least, above.rounded(.down) + 1) }
    let most = constraint?.max.map { $0.rounded(.down) } ?? .infinity
    return Int64(exactly: min(max(Double(usual), least), most))
  }

  private static func float(_ field: Field) -> JSON {
    var value = 0.5
    if let min = field.constraint?.min { value = max(value, min) }
    if let above = field.constraint?.exclusiveMin { value = max(value, above + 0.5) }
    if let max = field.constraint?.max { value = min(value, max) }
    return .double(value)
  }

  private static func duration(_ field: Field) -> JSON? {
    var seconds = 5400.0
    if let min = field.constraint?.min { seconds = max(seconds, min) }
    if let above = field.constraint?.exclusiveMin { seconds = max(seconds, above + 1) }
    if let max = field.constraint?.max { seconds = min(seconds, max) }
    return Int64(exactly: (seconds * 1000).rounded()).map {
      .string(CalendarDuration(milliseconds: $0).description)
    }
  }

  /// A text of the wanted length that matches the pattern, if one of a few usual ones does.
  private static func text(_ field: Field, _ usual: [String]? = nil) -> JSON? {
    let constraint = field.constraint
    let least = constraint?.minLength ?? 0
    let most = constraint?.maxLength ?? .max
    let candidates =
      usual ?? [
        field.name, "Example", "example", "ABC", "AB", "A", "abc", "a", "abc-def", "0123456789",
        "123", "1", "01234", "https://example.org/", "ada@example.org", "2025-05-01", "#0a1b2c",
        "+491701234567", "DE", "de", "de-DE",
      ]
    for candidate in candidates {
      var text = candidate
      while text.unicodeScalars.count < least { text += candidate.isEmpty ? "x" : candidate }
      if usual == nil || text != candidate {
        text = prefix(text, max(least, min(most, text.count)))
      }
      guard text.unicodeScalars.count <= most else { continue }
      if constraint?.pattern?.matches(text) ?? true { return .string(text) }
    }
    return nil
  }

  private static func prefix(_ text: String, _ count: Int) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(count)))
  }
}
