import RoostCore
import Schema

/// JSON Schemas (draft 2020-12) of what the types of fields are on the wire.
enum TypeSchema {
  /// A duration as it is read and written: in weeks, days and smaller, also negative.
  static let duration =
    "^-?P(?:" + days + "(?:" + time + ")?|" + time + ")$"
  private static let days = "(?:[0-9]{1,12}W(?:[0-9]{1,12}D)?|[0-9]{1,12}D)"
  private static let time =
    "T(?:[0-9]{1,12}H(?:[0-9]{1,12}M)?(?:" + seconds + ")?|[0-9]{1,12}M(?:" + seconds + ")?|"
    + seconds + ")"
  private static let seconds = "[0-9]{1,12}(?:\\.[0-9]{1,9})?S"

  static let uuid: JSON = ["type": "string", "format": "uuid"]
  static let dateTime: JSON = ["type": "string", "format": "date-time"]

  /// The schema of one value that is not null.
  static func value(_ type: FieldType) -> JSON {
    switch type {
    case .boolean: ["type": "boolean"]
    case .int:
      [
        "type": "integer", "format": "int32", "minimum": -2_147_483_648,
        "maximum": 2_147_483_647,
      ]
    case .int64:
      [
        "type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]{1,19}$",
        "description": "A whole number of 64 bits; in digits as a string beyond 2^53.",
      ]
    case .float: ["type": "number", "format": "double"]
    case .money:
      ["type": "integer", "format": "int64", "description": "Minor units: 1250 is 12.50."]
    case .string, .id: ["type": "string"]
    case .date: ["type": "string", "format": "date"]
    case .dateTime: dateTime
    case .duration:
      [
        "type": "string", "pattern": .string(duration),
        "description": "ISO 8601 in days and smaller units, such as PT1H30M.",
      ]
    case .email: ["type": "string", "format": "email", "maxLength": 254]
    case .url:
      [
        "type": "string", "maxLength": 2048,
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\x00-\\x20\\x7F<>\"{}|\\\\^`]+$",
        "description": "An absolute http or https address.",
      ]
    case .json:
      [
        "type": ["object", "array", "string", "number", "boolean"],
        "description": "Any JSON but null: at most 64 KB, 32 levels.",
      ]
    case .geoPoint: geoPoint
    case .file: file
    case .enumeration(let name, _): .reference("schemas/" + ComponentNames.enumeration(name))
    case .reference(let typeName):
      uuid.with(("description", .string("The id of a \(typeName).")))
    case .user: uuid.with(("description", "The id of an account."))
    }
  }

  private static var geoPoint: JSON {
    [
      "type": "object",
      "properties": [
        "lat": ["type": "number", "minimum": -90, "maximum": 90],
        "lon": ["type": "number", "minimum": -180, "maximum": 180],
      ],
      "required": ["lat", "lon"], "additionalProperties": false, "description": "Degrees.",
    ]
  }

  private static var file: JSON {
    [
      "type": "object",
      "properties": [
        "sha256": ["type": "string", "pattern": "^[0-9A-Fa-f]{64}$"],
        "size": ["type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_992],
        "mime": [
          "type": "string", "maxLength": 127,
          "pattern": "^[0-9A-Za-z.+_!#$&-]+/[0-9A-Za-z.+_!#$&-]+$",
        ],
      ],
      "required": ["sha256", "size", "mime"], "additionalProperties": false,
      "description": "The description of a file.",
    ]
  }

  /// The schema, or null.
  static func nullable(_ schema: JSON) -> JSON {
    if let type = schema["type"] {
      let types = type.array ?? [type]
      return schema.with(("type", .array(types + ["null"])))
    }
    return ["anyOf": [schema, ["type": "null"]]]
  }
}

/// The names of the parts of the document, which hold letters, digits, `.`, `-` and `_` only.
enum ComponentNames {
  // The names of types hold no dots, so these cannot meet.
  static func enumeration(_ name: String) -> String { "enum." + name }
  static func record(_ collection: Collection) -> String { collection.typeName }
  static func create(_ collection: Collection) -> String { collection.typeName + ".create" }
  static func update(_ collection: Collection) -> String { collection.typeName + ".update" }
  static func list(_ collection: Collection) -> String { collection.typeName + ".list" }
}
