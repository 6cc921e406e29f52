import Schema

/// An operand with what it holds.
struct TypedOperand {
  let operand: Operand
  let field: Field
  let name: String

  init(operand: Operand, field: Field, name: String? = nil) {
    self.operand = operand
    self.field = field
    self.name = name ?? field.name
  }

  var kind: ValueKind { ValueKind(field) }

  /// Such as `date (DateTime)`.
  var words: String {
    "\(name) (\(field.isList ? "[\(field.type.schemaName)]" : field.type.schemaName))"
  }
}

/// What can be compared with what.
enum ValueKind: Equatable {
  case boolean
  /// Int, Int64, Money.
  case integer
  case double
  case timestamp
  case duration
  case date
  /// String, ID, Email, URL.
  case text
  case enumeration(String)
  /// References to one type, and accounts.
  case identifier(String)
  case list
  /// JSON, GeoPoint, File: compared with null only.
  case opaque

  init(_ field: Field) {
    if field.isList {
      self = .list
      return
    }
    switch field.type {
    case .boolean: self = .boolean
    case .int, .int64, .money: self = .integer
    case .float: self = .double
    case .dateTime: self = .timestamp
    case .duration: self = .duration
    case .date: self = .date
    case .string, .id, .email, .url: self = .text
    case .enumeration(let name, _): self = .enumeration(name)
    case .reference(let typeName): self = .identifier(typeName)
    case .user: self = .identifier("User")
    case .json, .geoPoint, .file: self = .opaque
    }
  }

  var hasOrder: Bool {
    switch self {
    case .integer, .double, .timestamp, .duration, .date, .text: true
    case .boolean, .enumeration, .identifier, .list, .opaque: false
    }
  }

  /// Text that can stand among roles and claims.
  var isWord: Bool {
    switch self {
    case .text, .enumeration: true
    default: false
    }
  }

  func isComparable(with other: ValueKind) -> Bool {
    self == other && self != .list && self != .opaque
  }
}

extension FieldType {
  /// Types whose values compare in a JSON list as they do in a column.
  var isTestedInLists: Bool {
    switch self {
    case .string, .id, .email, .url, .date, .enumeration, .int, .money, .boolean, .reference, .user:
      true
    case .int64, .float, .dateTime, .duration, .json, .geoPoint, .file: false
    }
  }
}
