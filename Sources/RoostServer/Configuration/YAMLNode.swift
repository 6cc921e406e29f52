/// A part of a YAML document: a text, a list or a mapping, each with the place where it starts.
package indirect enum YAMLNode: Sendable {
  case scalar(YAMLScalar)
  case sequence([YAMLNode], SourcePlace)
  case mapping([YAMLMember], SourcePlace)

  /// Where the node starts.
  package var place: SourcePlace {
    switch self {
    case .scalar(let scalar): scalar.place
    case .sequence(_, let place), .mapping(_, let place): place
    }
  }

  /// The text of a scalar, quoted or not; nil for lists and mappings.
  package var text: String? {
    if case .scalar(let scalar) = self { scalar.text } else { nil }
  }

  package var scalar: YAMLScalar? {
    if case .scalar(let scalar) = self { scalar } else { nil }
  }

  package var sequence: [YAMLNode]? {
    if case .sequence(let nodes, _) = self { nodes } else { nil }
  }

  /// The members of a mapping in the order of the file; keys are unique.
  package var mapping: [YAMLMember]? {
    if case .mapping(let members, _) = self { members } else { nil }
  }

  /// What kind of node this is, as words for messages.
  package var kind: String {
    switch self {
    case .scalar(let scalar): scalar.isNull ? "nothing" : "a text"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}

/// A text of a YAML document and what it can be read as.
///
/// Only an unquoted text is a boolean, a number or null, by the core schema of YAML 1.2: `yes` and
/// `on` are texts.
package struct YAMLScalar: Sendable {
  package let text: String
  /// In single or double quotes, or a block (`|`, `>`).
  package let isQuoted: Bool
  package let place: SourcePlace

  package init(text: String, isQuoted: Bool, place: SourcePlace) {
    self.text = text
    self.isQuoted = isQuoted
    self.place = place
  }

  /// Nothing, `~` or `null`.
  package var isNull: Bool {
    !isQuoted && ["", "~", "null", "Null", "NULL"].contains(text)
  }

  package var bool: Bool? {
    guard !isQuoted else { return nil }
    switch text {
    case "true", "True", "TRUE": return true
    case "false", "False", "FALSE": return false
    default: return nil
    }
  }

  /// A decimal number without a fraction that fits 64 bits.
  package var int: Int? {
    guard !isQuoted, !text.isEmpty, text.utf8.allSatisfy({ $0 == 43 || $0 == 45 || $0 &- 48 < 10 })
    else { return nil }
    return Int(text)
  }

  /// A finite decimal number.
  package var double: Double? {
    let digits = text.utf8.contains { $0 &- 48 < 10 }
    guard !isQuoted, digits, text.utf8.count <= 400,
      text.utf8.allSatisfy({ $0 &- 48 < 10 || "+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }
}

/// A key of a mapping and its value.
package struct YAMLMember: Sendable {
  package let key: String
  package let keyPlace: SourcePlace
  package let value: YAMLNode

  package init(key: String, keyPlace: SourcePlace, value: YAMLNode) {
    self.key = key
    self.keyPlace = keyPlace
    self.value = value
  }
}

/// A place in a text file; line and column count from 1, columns in characters.
package struct SourcePlace: Sendable, Equatable, CustomStringConvertible {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package var description: String { "\(line):\(column)" }
}

/// Why a document is not YAML that Roost accepts, and where.
package struct YAMLError: Error, Sendable, Equatable, CustomStringConvertible {
  package let place: SourcePlace
  package let message: String

  package init(place: SourcePlace, message: String) {
    self.place = place
    self.message = message
  }

  package var description: String { "\(place): \(message)" }
}
