import RoostCore

extension JSON {
  /// An object of members with unique keys, in their order; those without a value are left out.
  static func members(_ members: (String, JSON?)...) -> JSON {
    .object(
      JSONObject(
        uniqueMembers: members.compactMap { key, value in
          value.map { (key: key, value: $0) }
        }))
  }

  /// An object of members that the caller knows to have unique keys.
  static func table(_ members: [(String, JSON)]) -> JSON {
    .object(JSONObject(uniqueMembers: members.map { (key: $0.0, value: $0.1) }))
  }

  /// This object with further members behind its own; those without a value are left out.
  func with(_ members: (String, JSON?)...) -> JSON {
    guard var object else { return self }
    for (key, value) in members {
      if let value { object[key] = value }
    }
    return .object(object)
  }

  /// A list of texts.
  static func texts(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }

  /// A reference to a part of the document, such as `schemas/Venue`.
  static func reference(_ place: String) -> JSON { ["$ref": .string("#/components/" + place)] }

  /// A number as whole as it is.
  static func number(_ value: Double) -> JSON {
    Int64(exactly: value).map { .int($0) } ?? .double(value)
  }
}
