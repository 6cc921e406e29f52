import RoostCore

/// The bounds of a JSON field: 64 KB when written, 32 nested values, no NUL in its text.
enum JSONMeasure {
  static let bytes = 65_536
  static let depth = 32

  /// Why `json` cannot be stored, or nil; allocates nothing and stops at the first fault.
  static func fault(in json: JSON) -> DecodeFault? {
    var budget = bytes
    return measure(json, 0, &budget)
  }

  private static let tooLarge = DecodeFault.range("may hold at most 64 KB of JSON")

  private static func measure(_ json: JSON, _ level: Int, _ budget: inout Int) -> DecodeFault? {
    switch json {
    case .null: budget -= 4
    case .bool(let value): budget -= value ? 4 : 5
    case .int(let value): budget -= digits(value)
    case .double(let value):
      guard value.isFinite else { return .range("holds a number that is not finite") }
      budget -= Int64(exactly: value).map(digits) ?? value.description.utf8.count
    case .string(let text):
      if let fault = measure(text, &budget) { return fault }
    case .array(let elements):
      guard level < depth else { return .range("nests more than \(depth) values") }
      budget -= 1 + max(1, elements.count)
      for element in elements {
        if let fault = measure(element, level + 1, &budget) { return fault }
      }
    case .object(let object):
      guard level < depth else { return .range("nests more than \(depth) values") }
      budget -= 1 + max(1, object.count)
      for (key, member) in object {
        budget -= 1
        if let fault = measure(key, &budget) ?? measure(member, level + 1, &budget) {
          return fault
        }
      }
    }
    return budget < 0 ? tooLarge : nil
  }

  private static func measure(_ text: String, _ budget: inout Int) -> DecodeFault? {
    budget -= text.utf8.count + 2
    guard budget >= 0 else { return tooLarge }
    for byte in text.utf8 {
      if byte == 0 { return .nulCharacter }
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        budget -= 1
      } else if byte < 0x20 {
        budget -= byte == 9 || byte == 10 || byte == 13 ? 1 : 5
      }
    }
    return budget < 0 ? tooLarge : nil
  }

  private static func digits(_ value: Int64) -> Int {
    var count = value < 0 ? 2 : 1
    var rest = value.magnitude / 10
    while rest > 0 {
      count += 1
      rest /= 10
    }
    return count
  }
}
