extension FieldType {
  /// The type in words, for messages about its values.
  package var words: String {
    switch self {
    case .boolean: "true or false"
    case .int, .int64: "a whole number"
    case .float: "a number"
    case .string, .id: "text"
    case .date: "a date such as 2026-01-31"
    case .dateTime: "a time such as 2026-01-31T20:00:00Z"
    case .duration: "a duration such as PT45M"
    case .money: "a whole number of minor units"
    case .email: "an e-mail address"
    case .url: "a web address"
    case .json: "JSON"
    case .geoPoint: "an object {\"lat\", \"lon\"}"
    case .file: "an object {\"sha256\", \"size\", \"mime\"}"
    case .enumeration(let name, _): "a value of \(name)"
    case .reference(let typeName): "the id of a \(typeName) (a UUID)"
    case .user: "the id of an account (a UUID)"
    }
  }

  /// The name of the type in a schema file.
  package var schemaName: String {
    switch self {
    case .boolean: "Boolean"
    case .int: "Int"
    case .int64: "Int64"
    case .float: "Float"
    case .string: "String"
    case .id: "ID"
    case .date: "Date"
    case .dateTime: "DateTime"
    case .duration: "Duration"
    case .money: "Money"
    case .email: "Email"
    case .url: "URL"
    case .json: "JSON"
    case .geoPoint: "GeoPoint"
    case .file: "File"
    case .enumeration(let name, _): name
    case .reference(let typeName): typeName
    case .user: "User"
    }
  }

  /// The types that are named in a schema without being declared in it.
  static let builtIn: [String: FieldType] = {
    let types: [FieldType] = [
      .boolean, .int, .int64, .float, .string, .id, .date, .dateTime, .duration, .money, .email,
      .url, .json, .geoPoint, .file, .user,
    ]
    return Dictionary(uniqueKeysWithValues: types.map { ($0.schemaName, $0) })
  }()

  /// Numbers with an order and a sum.
  var isNumber: Bool {
    switch self {
    case .int, .int64, .float, .money: true
    default: false
    }
  }

  /// Types whose bounds `min` and `max` are numbers; those of a duration are seconds.
  var hasNumericBounds: Bool { isNumber || self == .duration }

  /// Types that hold text of any length.
  var isText: Bool {
    switch self {
    case .string, .id, .email, .url: true
    default: false
    }
  }

  /// Types whose values an index can hold.
  var isIndexable: Bool {
    switch self {
    case .json, .geoPoint, .file: false
    default: true
    }
  }

  /// Types that refer to a row or an account.
  var isReference: Bool {
    switch self {
    case .reference, .user: true
    default: false
    }
  }
}
