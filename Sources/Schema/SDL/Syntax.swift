/// A name and where it stands.
struct Name: Equatable, Sendable {
  let text: String
  let location: SourceLocation
}

/// A constant value and where it starts.
struct Literal: Sendable {
  indirect enum Value: Sendable {
    case int(String)
    case float(String)
    case string(String)
    case boolean(Bool)
    case null
    case enumeration(String)
    case list([Literal])
    case object([Argument])
  }

  let value: Value
  let location: SourceLocation

  var isNull: Bool {
    if case .null = value { true } else { false }
  }

  /// What the value is, in words for messages.
  var kind: String {
    switch value {
    case .int(let text), .float(let text): "the number \(text.excerpt)"
    case .string: "a string"
    case .boolean(let value): "\(value)"
    case .null: "null"
    case .enumeration(let name): "the name \(name.excerpt)"
    case .list: "a list"
    case .object: "an object"
    }
  }
}

/// `name: value` of a directive or of an object.
struct Argument: Sendable {
  let name: Name
  let value: Literal
}

/// `@name(arguments)` on a definition.
struct DirectiveUse: Sendable {
  let name: Name
  let arguments: [Argument]
  /// Where the `@` stands.
  let location: SourceLocation
}

/// The type of a field or argument.
indirect enum TypeReference: Sendable {
  case named(Name)
  case list(TypeReference, SourceLocation)
  case required(TypeReference)

  /// The named type inside lists and `!`.
  var name: Name {
    switch self {
    case .named(let name): name
    case .list(let inner, _), .required(let inner): inner.name
    }
  }

  var location: SourceLocation {
    switch self {
    case .named(let name): name.location
    case .list(_, let location): location
    case .required(let inner): inner.location
    }
  }

  var isRequired: Bool {
    if case .required = self { true } else { false }
  }

  /// The type without its outermost `!`.
  var unwrapped: TypeReference {
    if case .required(let inner) = self { inner } else { self }
  }

  /// The type as it is written.
  var text: String {
    switch self {
    case .named(let name): name.text
    case .list(let inner, _): "[\(inner.text)]"
    case .required(let inner): "\(inner.text)!"
    }
  }
}

/// An argument of a field or directive, or a field of an input.
struct InputValue: Sendable {
  let name: Name
  let type: TypeReference
  let defaultValue: Literal?
  let directives: [DirectiveUse]
  let description: String?
}

/// A field of an object or interface.
struct FieldSyntax: Sendable {
  let name: Name
  let arguments: [InputValue]
  let type: TypeReference
  let directives: [DirectiveUse]
  let description: String?
}

/// A value of an enum.
struct EnumValueSyntax: Sendable {
  let name: Name
  let directives: [DirectiveUse]
  let description: String?
}

/// A type definition, or an extension of one.
struct TypeSyntax: Sendable {
  enum Kind: String, Sendable {
    case scalar
    case object = "type"
    case interface
    case union
    case enumeration = "enum"
    case input
  }

  let kind: Kind
  let isExtension: Bool
  let name: Name
  let description: String?
  var interfaces: [Name] = []
  var directives: [DirectiveUse] = []
  var fields: [FieldSyntax] = []
  var inputFields: [InputValue] = []
  var values: [EnumValueSyntax] = []
  var members: [Name] = []
}

/// `directive @name(arguments) repeatable on LOCATIONS`.
struct DirectiveSyntax: Sendable {
  let name: Name
  let arguments: [InputValue]
  let isRepeatable: Bool
  let locations: [Name]
  let description: String?
}

/// `schema { query: Query }`, or an extension of it.
struct SchemaSyntax: Sendable {
  let isExtension: Bool
  let location: SourceLocation
  let directives: [DirectiveUse]
  let operations: [(operation: Name, type: Name)]
}

/// A schema file as it was written.
struct Document: Sendable {
  var types: [TypeSyntax] = []
  var directives: [DirectiveSyntax] = []
  var schemas: [SchemaSyntax] = []
}
