package import RoostCore

/// What takes the place of a personal value when a row is anonymised.
package enum Anonymity: Sendable, Equatable {
  case null
  case emptyList
  /// A text around the digits of the row's id, which no other row has.
  case pseudonym(prefix: String, suffix: String)

  /// The value for a row.
  package func value(of id: UUID) -> FieldValue {
    switch self {
    case .null: .null
    case .emptyList: .json(.array([]))
    case .pseudonym(let prefix, let suffix):
      .text(prefix + id.description.filter { $0 != "-" } + suffix)
    }
  }
}

extension Field {
  /// Whether anonymising a row concerns the field.
  package var isAnonymised: Bool { personalData.map { $0.onErase != .keep } ?? false }

  /// What takes the place of a value; nil where nothing can.
  package var anonymity: Anonymity? {
    if !isRequired, isList || personalData?.onErase != .pseudonymise { return .null }
    if isList { return .emptyList }
    switch type {
    case .string, .id: return .pseudonym(prefix: "anonymised-", suffix: "")
    case .email: return .pseudonym(prefix: "anonymised-", suffix: "@example.invalid")
    case .url: return .pseudonym(prefix: "https://example.invalid/anonymised-", suffix: "")
    default: return isRequired ? nil : .null
    }
  }
}
