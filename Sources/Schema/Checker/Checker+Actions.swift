import RoostCore

extension Checker {
  /// The fields of `Mutation` that are marked `@action`.
  func actions(of mutation: DeclaredType) -> [ActionDeclaration] {
    let marked = mutation.fields.filter { $0.directives.first("action") != nil }
    if marked.count > NameRules.maximumActions {
      report.fault(
        marked[NameRules.maximumActions].name.location,
        "a schema has at most \(NameRules.maximumActions) actions")
      return []
    }
    var folded: [String: String] = [:]
    return marked.compactMap { field in
      let name = field.name.text
      if let other = folded.updateValue(name, forKey: name.lowercased()), other != name {
        report.fault(
          field.name.location, "\(name) differs from \(other) by case only; choose another name")
      }
      return action(field)
    }
  }

  private func action(_ field: DeclaredField) -> ActionDeclaration? {
    if field.name.text.hasPrefix("_") {
      report.fault(
        field.name.location, "names of actions that begin with an underscore belong to Roost")
      return nil
    }
    let arguments = inputs(
      field.arguments, of: "the action \(field.name.text)", on: .argument, inside: [])
    guard let result = actionResult(field) else { return nil }
    return ActionDeclaration(
      name: field.name.text, description: field.description, arguments: arguments,
      result: result, deprecation: field.directives.first("deprecated").flatMap(deprecation),
      location: field.name.location)
  }

  // MARK: Result

  private func actionResult(_ field: DeclaredField) -> ActionResult? {
    guard let (element, isList) = listed(field.type, "an action answers") else { return nil }
    let name = element.name
    let type: FieldType
    if let builtIn = FieldType.builtIn[name.text] {
      type = builtIn
    } else if let declared = types[name.text] {
      switch declared.kind {
      case .enumeration: type = enumTypes[name.text] ?? .string
      case .object where declared.isCollection: type = .reference(typeName: name.text)
      case .object:
        report.fault(
          name.location,
          "an action answers records, values or lists of them, and \(name.text.excerpt) is no "
            + "collection: mark it with @collection, or answer JSON")
        return nil
      default:
        report.fault(
          name.location,
          "an action cannot answer the \(declared.kind.rawValue) \(name.text.excerpt)")
        return nil
      }
    } else {
      // Named already by the check of plain types; types of the prelude are not.
      if Prelude.types[name.text] != nil {
        report.fault(
          name.location, "\(name.text) belongs to the schema language; an action cannot answer it")
      }
      return nil
    }
    return ActionResult(
      field: Field(
        name: "result", type: type, isRequired: field.type.isRequired, isList: isList,
        elementsAreRequired: isList && element.isRequired, location: field.name.location))
  }

  /// The element's type, and whether it is one of a list; nil for lists of lists, which are
  /// reported.
  private func listed(_ type: TypeReference, _ what: String) -> (TypeReference, Bool)? {
    guard case .list(let inner, _) = type.unwrapped else { return (type.unwrapped, false) }
    if case .list(_, let location) = inner.unwrapped {
      report.fault(location, "\(what) no lists of lists; use JSON")
      return nil
    }
    return (inner, true)
  }

  // MARK: Arguments

  /// The arguments of an action, or the fields of an input type that stands inside of `types`.
  private func inputs(
    _ values: [InputValue], of owner: String, on place: DirectiveLocation, inside types: [String]
  ) -> [ActionArgument] {
    if values.count > NameRules.maximumArguments {
      report.fault(
        values[NameRules.maximumArguments].name.location,
        "\(owner) has at most \(NameRules.maximumArguments) arguments")
      return []
    }
    return values.compactMap { value in
      guard !report.isFull, isPlainName(value.name, "argument") else { return nil }
      return input(value, on: place, inside: types)
    }
  }

  private func input(
    _ value: InputValue, on place: DirectiveLocation, inside types: [String]
  ) -> ActionArgument? {
    guard let (element, isList) = listed(value.type, "an action takes") else { return nil }
    let uses = directives(value.directives, on: place)
    let name = element.name
    if let declared = self.types[name.text], declared.kind == .input {
      return object(declared, value, element, isList: isList, uses, inside: types)
    }
    guard let type = inputType(name) else { return nil }
    let shape = FieldShape(
      type: type, isRequired: value.type.isRequired, isList: isList,
      elementsAreRequired: isList && element.isRequired)
    let bounds = uses.first("constraint").flatMap { constraint($0, shape) }
    func field(_ defaultValue: FieldValue?) -> Field {
      Field(
        name: value.name.text, type: type, isRequired: shape.isRequired, isList: isList,
        elementsAreRequired: shape.elementsAreRequired, constraint: bounds,
        defaultValue: defaultValue, description: value.description, location: value.name.location)
    }
    let preset = value.defaultValue.flatMap { defaultValue($0, of: field(nil)) }
    return ActionArgument(
      name: value.name.text, content: .value(field(preset)), description: value.description,
      deprecation: uses.first("deprecated").flatMap(deprecation))
  }

  private func inputType(_ name: Name) -> FieldType? {
    if name.text == "User" {
      report.fault(name.location, "an action takes the id of an account: write ID, not User")
      return nil
    }
    if let type = FieldType.builtIn[name.text] { return type }
    guard let declared = types[name.text] else {
      if Prelude.types[name.text] != nil {
        report.fault(
          name.location, "\(name.text) belongs to the schema language; an action cannot take it")
      }
      return nil
    }
    if declared.kind == .enumeration { return enumTypes[name.text] }
    report.fault(
      name.location,
      declared.isCollection
        ? "an action takes the id of a record: write ID, not \(name.text)"
        : "an action takes values, lists and input types; the \(declared.kind.rawValue) "
          + "\(name.text.excerpt) is none of them")
    return nil
  }

  private func object(
    _ type: DeclaredType, _ value: InputValue, _ element: TypeReference, isList: Bool,
    _ uses: [CheckedDirective], inside types: [String]
  ) -> ActionArgument? {
    let name = type.name.text
    if let use = uses.first("constraint") {
      report.fault(use.location, "@constraint bounds values; put it on the fields of \(name)")
    }
    if let literal = value.defaultValue, !literal.isNull {
      report.fault(
        literal.location,
        "an argument of an input type has no default; give the fields of \(name) defaults")
    }
    guard !types.contains(name), types.count < NameRules.maximumInputDepth else {
      report.fault(
        element.location,
        types.contains(name)
          ? "\(name) holds itself; an argument of an action cannot"
          : "input types stand at most \(NameRules.maximumInputDepth) deep inside one another")
      return nil
    }
    return ActionArgument(
      name: value.name.text,
      content: .input(
        ActionInput(
          typeName: name,
          fields: inputs(
            type.inputFields, of: name, on: .inputField, inside: types + [name]),
          isRequired: value.type.isRequired, isList: isList,
          elementsAreRequired: isList && element.isRequired)),
      description: value.description, deprecation: uses.first("deprecated").flatMap(deprecation))
  }

  // MARK: Defaults

  private func defaultValue(_ literal: Literal, of field: Field) -> FieldValue? {
    guard !literal.isNull else {
      if field.isRequired {
        report.fault(literal.location, "\(field.name) may not be null, so null is no default of it")
      }
      return nil
    }
    var json = literal.json
    // One value stands for a list of one (GraphQL, section 3.11).
    if field.isList, json.array == nil { json = .array([json]) }
    switch field.decode(json, pointer: "") {
    case .failure(let issue):
      report.fault(literal.location, "the default is not valid: \(issue.message)")
      return nil
    case .success(let value):
      guard field.constraint?.temporal == nil else { return value }
      for issue in field.validate(value, pointer: "", now: Timestamp(milliseconds: 0)) {
        report.fault(literal.location, "the default breaks its @constraint: \(issue.message)")
      }
      return value
    }
  }
}

extension Literal {
  /// The value as JSON; the name of an enum's value is a text.
  fileprivate var json: JSON {
    switch value {
    case .int(let text): Int64(text).map { .int($0) } ?? .double(Double(text) ?? .infinity)
    case .float(let text): .double(Double(text) ?? .infinity)
    case .string(let text), .enumeration(let text): .string(text)
    case .boolean(let value): .bool(value)
    case .null: .null
    case .list(let elements): .array(elements.map(\.json))
    case .object(let members):
      members.reduce(into: JSON.object(JSONObject())) { object, member in
        var members = object.object ?? JSONObject()
        members[member.name.text] = member.value.json
        object = .object(members)
      }
    }
  }
}
