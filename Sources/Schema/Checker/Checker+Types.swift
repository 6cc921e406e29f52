extension Checker {
  /// Directive definitions in the file repeat the prelude's, or are refused.
  func checkPreludeDirectives(_ document: Document) {
    var seen: Set<String> = []
    for directive in document.directives {
      let name = directive.name.text
      guard let known = Prelude.directives[name] else {
        report.fault(
          directive.name.location,
          "@\(name.excerpt) is not a directive of Roost, so nothing would act on it"
            + didYouMean(name, among: Prelude.directiveNames, prefix: "@"))
        continue
      }
      if !seen.insert(name).inserted {
        report.fault(directive.name.location, "@\(name) is defined twice")
      } else if !known.isRepeated(by: directive) {
        report.fault(
          directive.name.location,
          "@\(name) is defined by Roost otherwise; leave this definition out")
      }
      for argument in directive.arguments { _ = directives(argument.directives, on: .argument) }
    }
  }

  /// The root types of a `schema` definition are the usual ones, which Roost fills.
  func checkOperations(_ document: Document) {
    var hasSchema = false
    for schema in document.schemas {
      if !schema.isExtension, hasSchema {
        report.fault(schema.location, "the schema is defined twice")
      }
      hasSchema = hasSchema || !schema.isExtension
      _ = directives(schema.directives, on: .schema)
      for (operation, type) in schema.operations {
        let usual = operation.text.prefix(1).uppercased() + operation.text.dropFirst()
        if type.text != usual {
          report.fault(type.location, "the \(operation.text) type is \(usual) in Roost")
        }
      }
    }
  }

  /// A type that is not a collection: its names must be known.
  func checkPlain(_ type: DeclaredType) {
    for name in type.interfaces where types[name.text]?.kind != .interface {
      let known = typeNames.filter { types[$0]?.kind == .interface }
      report.fault(
        name.location,
        "there is no interface \(name.text.excerpt)" + didYouMean(name.text, among: known))
    }
    for name in type.members where types[name.text]?.kind != .object {
      let known = typeNames.filter { types[$0]?.kind == .object }
      report.fault(
        name.location, "there is no type \(name.text.excerpt)" + didYouMean(name.text, among: known)
      )
    }
    let isEmpty =
      type.fields.isEmpty && type.inputFields.isEmpty && type.values.isEmpty
      && type.members.isEmpty
    if isEmpty, type.kind != .scalar {
      let what = type.kind == .enumeration ? "values" : type.kind == .union ? "members" : "fields"
      report.fault(type.name.location, "\(type.name.text.excerpt) has no \(what)")
    }
    for field in type.fields {
      guard isPlainName(field.name, "field") else { continue }
      checkKnown(field.type)
      for argument in field.arguments { checkKnown(argument.type) }
      for directive in field.directives { checkPlace(of: directive, field, in: type) }
    }
    for field in type.inputFields where isPlainName(field.name, "field") { checkKnown(field.type) }
    for directive in type.directives where type.kind == .object {
      report.fault(
        directive.location,
        "@\(directive.name) belongs on a collection, and \(type.name.text.excerpt) is none; "
          + "add @collection")
    }
  }

  private func checkPlace(
    of directive: CheckedDirective, _ field: DeclaredField, in type: DeclaredType
  ) {
    switch directive.name {
    case "deprecated": return
    case "action" where type.name.text == "Mutation": return
    case "action":
      report.fault(directive.location, "@action belongs on a field of Mutation")
    default:
      report.fault(
        directive.location,
        "@\(directive.name) belongs on a field of a collection, and \(type.name.text.excerpt) "
          + "is none")
    }
  }

  private func checkKnown(_ type: TypeReference) {
    let name = type.name
    guard FieldType.builtIn[name.text] == nil, types[name.text] == nil,
      Prelude.types[name.text] == nil
    else { return }
    report.fault(
      name.location, "unknown type \(name.text.excerpt)" + didYouMean(name.text, among: knownTypes))
  }

  /// Names that a field's type may have.
  var knownTypes: [String] { typeNames + FieldType.builtIn.keys.sorted() }
}
