/// A field of Mutation marked `@action`: a named transaction that the app itself carries out.
package struct ActionDeclaration: Sendable {
  package let name: String
  package let description: String?
  /// In the order of the file.
  package let arguments: [ActionArgument]
  package let result: ActionResult
  /// `@deprecated`, or nil.
  package let deprecation: Deprecation?
  package let location: SourceLocation

  package init(
    name: String, description: String? = nil, arguments: [ActionArgument] = [],
    result: ActionResult, deprecation: Deprecation? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1)
  ) {
    self.name = name
    self.description = description
    self.arguments = arguments
    self.result = result
    self.deprecation = deprecation
    self.location = location
  }

  package func argument(named name: String) -> ActionArgument? {
    arguments.first { $0.name == name }
  }
}

/// An argument of an action, or a field of an input type.
package struct ActionArgument: Sendable {
  /// What may stand in an argument.
  package indirect enum Content: Sendable {
    /// One value or a list of values, with their bounds.
    case value(Field)
    case input(ActionInput)
  }

  package let name: String
  package let content: Content
  package let description: String?
  /// `@deprecated`, or nil.
  package let deprecation: Deprecation?

  package init(
    name: String, content: Content, description: String? = nil, deprecation: Deprecation? = nil
  ) {
    self.name = name
    self.content = content
    self.description = description
    self.deprecation = deprecation
  }

  /// `!`: null is refused.
  package var isRequired: Bool {
    switch content {
    case .value(let field): field.isRequired
    case .input(let input): input.isRequired
    }
  }

  /// Whether a call has to give it: it is required and has no default.
  package var mustBeGiven: Bool {
    switch content {
    case .value(let field): field.isRequired && field.defaultValue == nil
    case .input(let input): input.isRequired
    }
  }

  /// The type as it is written in a schema, such as `[String!]!`.
  package var declaredType: String {
    switch content {
    case .value(let field): field.declaredType
    case .input(let input): input.declaredType
    }
  }
}

/// An object, or a list of objects, of an input type.
package struct ActionInput: Sendable {
  package let typeName: String
  package let fields: [ActionArgument]
  package let isRequired: Bool
  package let isList: Bool
  package let elementsAreRequired: Bool

  package init(
    typeName: String, fields: [ActionArgument], isRequired: Bool, isList: Bool = false,
    elementsAreRequired: Bool = false
  ) {
    self.typeName = typeName
    self.fields = fields
    self.isRequired = isRequired
    self.isList = isList
    self.elementsAreRequired = elementsAreRequired
  }

  /// The type as it is written in a schema.
  package var declaredType: String {
    guard isList else { return typeName + (isRequired ? "!" : "") }
    return "[\(typeName)\(elementsAreRequired ? "!" : "")]\(isRequired ? "!" : "")"
  }
}

/// What an action answers: a value, a record, or a list of those.
package struct ActionResult: Sendable {
  /// The type, as a field that is called `result`; a reference stands for the record itself.
  package let field: Field

  package init(field: Field) { self.field = field }

  /// The collection's type where records are answered.
  package var recordType: String? {
    if case .reference(let typeName) = field.type { typeName } else { nil }
  }
}
