/// Checks a parsed schema and makes the model of it; used once, by one task.
final class Checker {
  let stage: StagePolicy
  var report = Report()
  /// The types of the file by name, without those of the prelude.
  private(set) var types: [String: DeclaredType] = [:]
  /// The names of `types` in the order of the file.
  private(set) var typeNames: [String] = []
  /// The route name of each collection, by its type.
  private(set) var routes: [String: String] = [:]
  /// The field type of each enum.
  private(set) var enumTypes: [String: FieldType] = [:]
  /// The names of the enum marked `@roles`.
  var roles: RoleTree?

  init(_ document: Document, stage: StagePolicy) {
    self.stage = stage
    checkPreludeDirectives(document)
    declareTypes(document)
    checkOperations(document)
  }

  /// The model, or every fault.
  func model(source: String) throws(SchemaError) -> SchemaModel {
    let declared = typeNames.compactMap { types[$0] }
    nameCollections(declared.filter(\.isCollection))
    checkEnums(declared.filter { $0.kind == .enumeration })
    for type in declared where !type.isCollection { checkPlain(type) }
    let fields = declared.filter(\.isCollection).map { ($0, collectionFields(of: $0)) }
    var collections: [Collection] = []
    let shapes = Dictionary(uniqueKeysWithValues: fields.map { ($0.0.name.text, $0.1) })
    for (type, own) in fields where !report.isFull {
      checkRelations(own, of: type, shapes)
      checkDerived(own, of: type, shapes)
      collections.append(collection(type, own, shapes))
    }
    let actions = types["Mutation"].map(actions) ?? []
    if report.faults.isEmpty { checkDerivedCycles(collections) }
    guard report.faults.isEmpty else {
      // The sort keeps the order of faults in one place: it is stable.
      throw SchemaError(faults: report.faults.sorted { $0.location < $1.location })
    }
    advise(on: collections)
    let enums = declared.filter { $0.kind == .enumeration }.map {
      EnumType(name: $0.name.text, values: $0.values.map(\.name.text))
    }
    return SchemaModel(
      collections: collections, enums: enums, actions: actions, roles: roles, source: source,
      notices: report.notices.sorted { $0.location < $1.location })
  }

  // MARK: Types

  private func declareTypes(_ document: Document) {
    var merged: [String: TypeSyntax] = [:]
    var folded: [String: String] = [:]
    for name in Prelude.types.keys where !Prelude.openTypes.contains(name) {
      folded[name.lowercased()] = name
    }
    for type in document.types where !type.isExtension {
      let name = type.name.text
      guard !repeatsPrelude(type), isAllowed(type.name, type.kind) else { continue }
      if let first = merged[name] {
        report.fault(
          type.name.location, "\(name.excerpt) is defined at \(first.name.location) already")
        continue
      }
      if let other = folded.updateValue(name, forKey: name.lowercased()) {
        report.fault(
          type.name.location,
          "\(name.excerpt) differs from \(other.excerpt) by case only; choose another name")
      }
      merged[name] = type
      typeNames.append(name)
    }
    for type in document.types where type.isExtension { extend(&merged, with: type) }
    for name in typeNames {
      guard let syntax = merged[name] else { continue }
      let type = declared(syntax)
      types[name] = type
      if type.kind == .enumeration {
        enumTypes[name] = .enumeration(name: name, values: type.values.map(\.name.text))
      }
    }
  }

  /// Whether a definition is one that the prelude has; reports one that differs from it.
  private func repeatsPrelude(_ type: TypeSyntax) -> Bool {
    let name = type.name.text
    if type.kind == .scalar { _ = directives(type.directives, on: .scalar) }
    if Prelude.specifiedScalars.contains(name) {
      if type.kind != .scalar {
        report.fault(type.name.location, "\(name) is a scalar of GraphQL; choose another name")
      }
      return true
    }
    guard !Prelude.openTypes.contains(name), let known = Prelude.types[name] else { return false }
    if known.shape != type.shape {
      report.fault(
        type.name.location,
        name == "User"
          ? "User is the built-in account type and holds its id only; make a collection with a "
            + "field 'user: User! @unique' for more"
          : "\(name) is defined by Roost otherwise; choose another name")
    }
    return true
  }

  private func isAllowed(_ name: Name, _ kind: TypeSyntax.Kind) -> Bool {
    guard isPlainName(name, "type") else { return false }
    if kind == .scalar {
      let known = FieldType.builtIn.keys.sorted()
      report.fault(
        name.location,
        "the scalar \(name.text.excerpt) is unknown to Roost, which has "
          + known.filter { $0 != "User" }.joined(separator: ", ")
          + didYouMean(name.text, among: known))
      return false
    }
    if name.text.lowercased().hasPrefix("roost") {
      report.fault(name.location, "type names that begin with Roost belong to Roost")
      return false
    }
    return true
  }

  /// Whether a name may be used at all; reports it when not.
  func isPlainName(_ name: Name, _ what: String) -> Bool {
    if name.text.hasPrefix("__") {
      report.fault(
        name.location, "names that begin with two underscores belong to GraphQL itself")
      return false
    }
    if name.text.utf8.count > NameRules.maximumLength {
      report.fault(
        name.location,
        "the name of a \(what) has at most \(NameRules.maximumLength) characters")
      return false
    }
    return true
  }

  private func extend(_ merged: inout [String: TypeSyntax], with type: TypeSyntax) {
    let name = type.name.text
    if merged[name] == nil {
      if Prelude.openTypes.contains(name), type.kind == .object {
        merged[name] = type
        typeNames.append(name)
        return
      }
      if Prelude.types[name] != nil || Prelude.specifiedScalars.contains(name) {
        report.fault(
          type.name.location,
          "\(name) is built in and cannot be extended; make a collection that refers to it")
      } else {
        report.fault(
          type.name.location,
          "there is no type \(name.excerpt) to extend" + didYouMean(name, among: typeNames))
      }
      return
    }
    guard merged[name]?.kind == type.kind else {
      report.fault(
        type.name.location,
        "\(name.excerpt) is not defined as '\(type.kind.rawValue)', so it cannot be extended as one"
      )
      return
    }
    merged[name]?.interfaces += type.interfaces
    merged[name]?.directives += type.directives
    merged[name]?.fields += type.fields
    merged[name]?.inputFields += type.inputFields
    merged[name]?.values += type.values
    merged[name]?.members += type.members
  }

  private func declared(_ type: TypeSyntax) -> DeclaredType {
    let place: DirectiveLocation =
      switch type.kind {
      case .scalar: .scalar
      case .object: .object
      case .interface: .interface
      case .union: .union
      case .enumeration: .enumeration
      case .input: .input
      }
    let name = type.name.text
    refuseDoubles(type.fields.map(\.name), "field", of: name)
    refuseDoubles(type.inputFields.map(\.name), "field", of: name)
    refuseDoubles(type.values.map(\.name), "value", of: name)
    refuseDoubles(type.members, "member", of: name)
    return DeclaredType(
      kind: type.kind, name: type.name, description: type.description,
      interfaces: type.interfaces, directives: directives(type.directives, on: place),
      fields: type.fields.map { field in
        refuseDoubles(field.arguments.map(\.name), "argument", of: field.name.text)
        for argument in field.arguments { _ = directives(argument.directives, on: .argument) }
        return DeclaredField(
          name: field.name, arguments: field.arguments, type: field.type,
          directives: directives(field.directives, on: .field), description: field.description)
      },
      inputFields: type.inputFields.map { field in
        _ = directives(field.directives, on: .inputField)
        return field
      },
      values: type.values.map {
        DeclaredValue(name: $0.name, directives: directives($0.directives, on: .enumValue))
      },
      members: type.members)
  }

  private func refuseDoubles(_ names: [Name], _ what: String, of owner: String) {
    var seen: [String: SourceLocation] = [:]
    for name in names {
      if let first = seen[name.text] {
        report.fault(
          name.location,
          "the \(what) \(name.text.excerpt) of \(owner.excerpt) is declared at \(first) already")
      } else {
        seen[name.text] = name.location
      }
    }
  }

  // MARK: Collections

  private func nameCollections(_ collections: [DeclaredType]) {
    var taken: [String: (name: String, type: String)] = [:]
    if collections.count > NameRules.maximumCollections {
      report.fault(
        collections[NameRules.maximumCollections].name.location,
        "a schema has at most \(NameRules.maximumCollections) collections")
    }
    for type in collections where !report.isFull {
      let directive = type.directives.first("collection")
      let given = directive?.string("name")
      let name = given ?? NameRules.collectionName(ofType: type.name.text)
      let location = given == nil ? type.name.location : directive?.location(of: "name")
      if let problem = NameRules.problem(ofCollectionName: name) {
        let cure = given == nil ? "; choose another with @collection(name:)" : ""
        report.fault(location ?? type.name.location, problem + cure)
      } else if let other = taken[name.lowercased()] {
        report.fault(
          location ?? type.name.location,
          other.name == name
            ? "the collection name \(name) is taken by \(other.type) already"
            : "the collection name \(name) differs from that of \(other.type) by case only")
      } else {
        taken[name.lowercased()] = (name, type.name.text)
      }
      routes[type.name.text] = name
    }
  }
}
