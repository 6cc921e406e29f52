/// The fields of a collection, stored or read from the other side of a relation.
struct CollectionFields {
  var stored: [Field] = []
  var inverses: [InverseField] = []
  /// The directives of each stored field and inverse.
  var directives: [String: [CheckedDirective]] = [:]

  func stored(_ name: String) -> Field? { stored.first { $0.name == name } }

  var names: [String] { stored.map(\.name) }
}

extension Checker {
  /// Checks every field of a collection by itself; relations are checked later, on both sides.
  func collectionFields(of type: DeclaredType) -> CollectionFields {
    var result = CollectionFields()
    if type.fields.isEmpty {
      report.fault(type.name.location, "the collection \(type.name.text) has no fields")
    }
    if type.fields.count > NameRules.maximumFields {
      report.fault(
        type.fields[NameRules.maximumFields].name.location,
        "a collection has at most \(NameRules.maximumFields) fields")
      return result
    }
    for name in type.interfaces {
      report.fault(name.location, "a collection implements no interface; write its fields here")
    }
    var folded: [String: String] = [:]
    for field in type.fields where !isRepeatedID(field) {
      guard isPlainName(field.name, "field") else { continue }
      let name = field.name.text
      if let problem = NameRules.problem(ofFieldName: name) {
        report.fault(field.name.location, problem)
        continue
      }
      if let other = folded.updateValue(name, forKey: name.lowercased()), other != name {
        report.fault(
          field.name.location, "\(name) differs from \(other) by case only; choose another name")
      }
      if let argument = field.arguments.first {
        report.fault(
          argument.name.location,
          "a field of a collection has no arguments; lists are filtered by the request")
      }
      if let action = field.directives.first("action") {
        report.fault(action.location, "@action belongs on a field of Mutation")
      }
      add(field, of: type, to: &result)
    }
    return result
  }

  /// `id: ID!` may be written out, as in other GraphQL schemas.
  private func isRepeatedID(_ field: DeclaredField) -> Bool {
    field.name.text == "id" && field.type.text == "ID!" && field.directives.isEmpty
      && field.arguments.isEmpty
  }

  private func add(
    _ field: DeclaredField, of type: DeclaredType, to result: inout CollectionFields
  ) {
    var element = field.type.unwrapped
    var isList = false
    if case .list(let inner, _) = element {
      isList = true
      element = inner
    }
    if case .list(_, let location) = element.unwrapped {
      report.fault(location, "lists of lists cannot be stored; use JSON")
      return
    }
    guard let fieldType = fieldType(named: element.name, of: field) else { return }
    result.directives[field.name.text] = field.directives
    if isList, case .reference(let target) = fieldType {
      if let inverse = inverse(field, of: type, to: target) { result.inverses.append(inverse) }
      return
    }
    if isList, case .user = fieldType {
      report.fault(
        field.type.location,
        "a list of accounts cannot be stored; make a collection that refers to User and to "
          + "\(type.name.text), and list it here with @relation(inverse:)")
      return
    }
    let shape = FieldShape(
      type: fieldType, isRequired: field.type.isRequired, isList: isList,
      elementsAreRequired: isList && element.isRequired)
    result.stored.append(storedField(field, shape, of: type))
  }

  private func fieldType(named name: Name, of field: DeclaredField) -> FieldType? {
    if let type = FieldType.builtIn[name.text] { return type }
    guard let type = types[name.text] else {
      report.fault(
        name.location,
        Prelude.types[name.text] == nil
          ? "unknown type \(name.text.excerpt)" + didYouMean(name.text, among: knownTypes)
          : "\(name.text) belongs to the schema language and cannot be stored")
      return nil
    }
    switch type.kind {
    case .enumeration: return enumTypes[name.text]
    case .object where type.isCollection: return .reference(typeName: name.text)
    case .object:
      report.fault(
        name.location,
        "\(name.text) is not a collection, and a type inside another cannot be stored: "
          + "use JSON for \(field.name.text), or mark \(name.text) with @collection and refer to it"
      )
    default:
      report.fault(
        name.location, "the \(type.kind.rawValue) \(name.text) cannot be stored in a field")
    }
    return nil
  }

  private func inverse(
    _ field: DeclaredField, of type: DeclaredType, to target: String
  ) -> InverseField? {
    for use in field.directives where !["relation", "deprecated", "was"].contains(use.name) {
      report.fault(
        use.location,
        "@\(use.name) stands on the reference of \(target), not on the list of what refers here")
    }
    let relation = field.directives.first("relation")
    for argument in ["onDelete", "refCheck"] {
      guard let relation, relation.gives(argument) else { continue }
      report.fault(
        relation.location(of: argument),
        "\(argument) belongs on the reference of \(target), not on the list of what refers here")
    }
    guard let relation, let inverse = relation.string("inverse") else {
      let references = types[target]?.fields.filter { $0.type.name.text == type.name.text } ?? []
      let name = references.first?.name.text ?? "the field of \(target) that refers here"
      report.fault(
        field.type.location,
        "a list of \(target) is the other side of a relation: add @relation(inverse: \"\(name)\")"
          + (references.isEmpty
            ? ", and a field of type \(type.name.text) to \(target)" : ""))
      return nil
    }
    return InverseField(
      name: field.name.text, typeName: target, field: inverse, location: field.name.location)
  }
}
