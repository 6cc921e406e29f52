import RoostCore

/// A JSON value (RFC 8259), as arguments, records and results are made of.
///
/// Integers that fit 64 bits stay exact; other numbers are doubles.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Whether it is null.
  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  /// The truth value; nil for anything else.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The text; nil for anything else.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The elements; nil for anything else.
  public var array: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The members; nil for anything else.
  public var object: [String: JSONValue]? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The number as an exact 64-bit integer.
  public var int: Int64? {
    switch self {
    case .int(let value): value
    case .double(let value): Int64(exactly: value)
    default: nil
    }
  }

  /// The number as a double; large integers round.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The text as the id of a record or an account.
  public var id: RecordID? { string.flatMap { RecordID($0) } }

  /// The member `key` of an object; null where there is none.
  public subscript(key: String) -> JSONValue { object?[key] ?? .null }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int64) { self = .int(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A list.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object; of equal names the last one counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { $1 })
  }
  /// Null.
  public init(nilLiteral: ()) { self = .null }

  /// The id as text.
  public init(_ id: RecordID) { self = .string(id.description) }
}

extension JSONValue {
  init(_ json: JSON) {
    switch json {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let elements): self = .array(elements.map { JSONValue($0) })
    case .object(let members):
      var object: [String: JSONValue] = [:]
      for (key, value) in members { object[key] = JSONValue(value) }
      self = .object(object)
    }
  }

  var json: JSON {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .array(let elements): .array(elements.map(\.json))
    case .object(let members): .object(members.json)
    }
  }
}

extension [String: JSONValue] {
  /// The members in the order of their names.
  var json: JSONObject {
    JSONObject(
      uniqueMembers: sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value.json) })
  }
}

/// The id of a record or an account: a UUID.
public struct RecordID: Sendable, Hashable, CustomStringConvertible {
  let uuid: UUID

  init(_ uuid: UUID) { self.uuid = uuid }

  /// Reads the 36-character form in either case; nil for anything else.
  public init?(_ text: String) {
    guard let uuid = UUID(text) else { return nil }
    self.uuid = uuid
  }

  /// The form of 36 characters, in lower case.
  public var description: String { uuid.description }
}
