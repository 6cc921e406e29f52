extension Parser {
  /// Every definition up to the end of the file.
  mutating func document() throws(SyntaxFault) -> Document {
    var document = Document()
    while current.kind != .end { try definition(into: &document) }
    return document
  }

  private mutating func definition(into document: inout Document) throws(SyntaxFault) {
    let description = description()
    let start = current.location
    let isExtension = take(keyword: "extend")
    if isExtension, description != nil {
      throw SyntaxFault(start, "an extension has no description of its own")
    }
    guard current.kind == .name else { throw expected("a definition such as 'type' or 'enum'") }
    let keyword = current.text
    switch keyword {
    case "schema":
      document.schemas.append(try schema(start, isExtension: isExtension))
    case "directive" where !isExtension:
      document.directives.append(try directive(description))
    case "query", "mutation", "subscription", "fragment":
      throw SyntaxFault(
        start, "a schema file defines types; the \(keyword) belongs in a request")
    default:
      guard let kind = TypeSyntax.Kind(rawValue: keyword) else {
        let known = ["type", "enum", "scalar", "interface", "union", "input", "schema"]
        let words = isExtension ? known : known + ["directive", "extend"]
        throw SyntaxFault(
          current.location,
          "expected a definition such as 'type' or 'enum', found '\(keyword.excerpt)'"
            + didYouMean(keyword, among: words))
      }
      _ = take(keyword: keyword)
      document.types.append(try type(kind, isExtension, description))
    }
  }

  private mutating func type(
    _ kind: TypeSyntax.Kind, _ isExtension: Bool, _ description: String?
  ) throws(SyntaxFault) -> TypeSyntax {
    let name = try name("the name of the \(kind.rawValue)")
    var type = TypeSyntax(
      kind: kind, isExtension: isExtension, name: name, description: description)
    if kind == .object || kind == .interface, take(keyword: "implements") {
      _ = take("&")
      repeat { type.interfaces.append(try self.name("an interface's name")) } while take("&")
    }
    type.directives = try directives()
    switch kind {
    case .scalar: break
    case .object, .interface: type.fields = try fields()
    case .input: type.inputFields = try inputValues("{", "}", "a field's name")
    case .enumeration: type.values = try enumValues()
    case .union:
      if take("=") {
        _ = take("|")
        repeat { type.members.append(try self.name("a type's name")) } while take("|")
      }
    }
    return type
  }

  private mutating func enumValues() throws(SyntaxFault) -> [EnumValueSyntax] {
    guard take("{") else { return [] }
    var values: [EnumValueSyntax] = []
    repeat {
      let description = description()
      let name = try name("an enum value")
      if ["true", "false", "null"].contains(name.text) {
        throw SyntaxFault(name.location, "an enum value may not be called \(name.text)")
      }
      values.append(
        EnumValueSyntax(name: name, directives: try directives(), description: description))
    } while !take("}")
    return values
  }

  private mutating func directive(_ description: String?) throws(SyntaxFault) -> DirectiveSyntax {
    _ = take(keyword: "directive")
    try expect("@", "before a directive's name")
    let name = try name("a directive's name after '@'")
    let arguments = try inputValues("(", ")", "an argument's name")
    let isRepeatable = take(keyword: "repeatable")
    guard take(keyword: "on") else { throw expected("'on' and the directive's locations") }
    var locations: [Name] = []
    _ = take("|")
    repeat {
      let location = try self.name("a directive location such as OBJECT")
      guard DirectiveLocation.names.contains(location.text) else {
        throw SyntaxFault(
          location.location,
          "unknown directive location \(location.text.excerpt)"
            + didYouMean(location.text, among: DirectiveLocation.names))
      }
      locations.append(location)
    } while take("|")
    return DirectiveSyntax(
      name: name, arguments: arguments, isRepeatable: isRepeatable, locations: locations,
      description: description)
  }

  private mutating func schema(
    _ start: SourceLocation, isExtension: Bool
  ) throws(SyntaxFault) -> SchemaSyntax {
    _ = take(keyword: "schema")
    let directives = try directives()
    var operations: [(operation: Name, type: Name)] = []
    if take("{") {
      repeat {
        let operation = try name("'query', 'mutation' or 'subscription'")
        guard ["query", "mutation", "subscription"].contains(operation.text) else {
          throw SyntaxFault(
            operation.location,
            "expected 'query', 'mutation' or 'subscription', found '\(operation.text.excerpt)'")
        }
        try expect(":", "after \(operation.text)")
        operations.append((operation, try name("a type's name")))
      } while !take("}")
    } else if !isExtension {
      throw expected("'{' after 'schema'")
    }
    return SchemaSyntax(
      isExtension: isExtension, location: start, directives: directives, operations: operations)
  }
}

/// Where a directive may stand.
enum DirectiveLocation: String, CaseIterable {
  case schema = "SCHEMA"
  case scalar = "SCALAR"
  case object = "OBJECT"
  case field = "FIELD_DEFINITION"
  case argument = "ARGUMENT_DEFINITION"
  case interface = "INTERFACE"
  case union = "UNION"
  case enumeration = "ENUM"
  case enumValue = "ENUM_VALUE"
  case input = "INPUT_OBJECT"
  case inputField = "INPUT_FIELD_DEFINITION"

  /// The places of a schema, and those of requests, which a definition may name too.
  static let names =
    allCases.map(\.rawValue) + [
      "QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD",
      "INLINE_FRAGMENT", "VARIABLE_DEFINITION",
    ]

  /// The place in words, for messages.
  var words: String {
    switch self {
    case .schema: "the schema"
    case .scalar: "a scalar"
    case .object: "a type"
    case .field: "a field"
    case .argument: "an argument"
    case .interface: "an interface"
    case .union: "a union"
    case .enumeration: "an enum"
    case .enumValue: "an enum value"
    case .input: "an input"
    case .inputField: "an input's field"
    }
  }
}
