import RoostCore

/// Why a JSON value is not a value of a type: the predicate of a sentence about the field.
struct DecodeFault: Error {
  let code: String
  /// Such as `must be text, not a number`.
  let predicate: String
  /// Where in the value, such as `/lat`; empty for the value itself.
  var path = ""

  static func type(_ predicate: String) -> DecodeFault {
    DecodeFault(code: "type", predicate: predicate)
  }

  static func mismatch(_ wanted: String, _ found: JSON) -> DecodeFault {
    .type("must be \(wanted), not \(found.kind)")
  }

  static func range(_ predicate: String) -> DecodeFault {
    DecodeFault(code: "range", predicate: predicate)
  }

  static let required = DecodeFault(code: "required", predicate: "is required")
  static let null = DecodeFault(code: "required", predicate: "may not be null")
  static let nulCharacter = DecodeFault.type("may not contain the character NUL (U+0000)")
}
