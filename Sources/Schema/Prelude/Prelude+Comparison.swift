extension TypeSyntax {
  /// The type without descriptions and places, to compare a repeated definition with the prelude's.
  var shape: String {
    let fields = fields.map { field in
      let arguments = field.arguments.map(\.shape).sorted().joined(separator: ",")
      return "\(field.name.text)(\(arguments)):\(field.type.text)\(field.directives.shape)"
    }
    let parts = [
      kind.rawValue, name.text, kind == .scalar ? "" : directives.shape,
      fields.sorted().joined(separator: " "),
      inputFields.map(\.shape).sorted().joined(separator: " "),
      values.map { $0.name.text + $0.directives.shape }.joined(separator: " "),
      members.map(\.text).sorted().joined(separator: " "),
    ]
    return parts.joined(separator: "|")
  }
}

extension DirectiveSyntax {
  /// Whether a definition in a file says the same, or what an earlier version said: fewer places, and
  /// without arguments that may be left out.
  func isRepeated(by other: DirectiveSyntax) -> Bool {
    let places = Set(locations.map(\.text))
    let others = Set(other.locations.map(\.text))
    return name.text == other.name.text && isRepeatable == other.isRepeatable
      && hasAll(of: other.arguments) && !others.isEmpty && others.isSubset(of: places)
  }

  private func hasAll(of others: [InputValue]) -> Bool {
    let given = Set(others.map(\.shape))
    let missing = arguments.filter { !given.contains($0.shape) }
    return others.count + missing.count == arguments.count
      && missing.allSatisfy { argument in
        DirectiveSyntax.added[name.text]?.contains(argument.name.text) ?? false
      }
  }

  /// The arguments that a directive did not have from its first day.
  private static let added: [String: Set<String>] = ["was": ["expr", "back"]]
}

extension InputValue {
  fileprivate var shape: String {
    "\(name.text):\(type.text)" + (defaultValue.map { "=\($0.shape)" } ?? "")
  }
}

extension Literal {
  fileprivate var shape: String {
    switch value {
    case .int(let text), .float(let text), .enumeration(let text): text
    case .string(let text): "\"\(text)\""
    case .boolean(let value): "\(value)"
    case .null: "null"
    case .list(let elements): "[" + elements.map(\.shape).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { "\($0.name.text):\($0.value.shape)" }.joined(separator: ",") + "}"
    }
  }
}

extension [DirectiveUse] {
  /// The names of the directives.
  fileprivate var shape: String { map { "@" + $0.name.text }.joined() }
}
