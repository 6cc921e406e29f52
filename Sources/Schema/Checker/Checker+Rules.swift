extension Checker {
  /// Relations that a path in a rule may follow.
  private static let maximumHops = 3

  func allowRule(_ use: CheckedDirective) -> AllowRule? {
    AllowRule(
      operations: operations(use, "ops"),
      audience: use.string("to").flatMap(AllowRule.Audience.init) ?? .user,
      roles: use.strings("roles"), owner: use.string("owner"), member: use.string("member"),
      having: use.string("having"), when: use.string("when"), check: use.string("check"),
      fields: use.strings("fields"), except: use.strings("except"), location: use.location,
      places: use.places(of: ["owner", "member", "having", "when", "check"]))
  }

  func denies(_ uses: [CheckedDirective]) -> [DenyRule] {
    uses.all("deny").map { use in
      checkOperations(use, "ops")
      checkRoles(use, "exceptRoles")
      checkExpression(use, "when")
      return DenyRule(
        operations: operations(use, "ops"), when: use.string("when"),
        exceptRoles: use.strings("exceptRoles") ?? [], reason: use.string("reason"),
        location: use.location, places: use.places(of: ["when"]))
    }
  }

  func checks(_ uses: [CheckedDirective]) -> [CheckRule] {
    var names: Set<String> = []
    return uses.all("check").compactMap { use in
      checkExpression(use, "expr")
      guard let name = use.string("name"), let expression = use.string("expr") else { return nil }
      if name.isEmpty {
        report.fault(use.location(of: "name"), "name of @check may not be empty")
      } else if !names.insert(name).inserted {
        report.fault(use.location(of: "name"), "there is a @check \(name.excerpt) already")
      }
      return CheckRule(
        name: name, expression: expression, message: use.string("message"), location: use.location,
        place: use.location(of: "expr"))
    }
  }

  /// The operations of an argument, with `WRITE` and `ALL` spelled out.
  func operations(_ use: CheckedDirective, _ argument: String) -> Set<Operation> {
    var operations: Set<Operation> = []
    for name in use.strings(argument) ?? [] {
      switch name {
      case "WRITE": operations.formUnion([.create, .update, .delete])
      case "ALL": operations.formUnion([.read, .create, .update, .delete])
      default: if let operation = Operation(rawValue: name) { operations.insert(operation) }
      }
    }
    return operations
  }

  /// Checks the names and paths of an `@allow`.
  func checkAllow(
    _ use: CheckedDirective, in type: DeclaredType, _ all: [String: CollectionFields],
    isOnField: Bool
  ) {
    checkOperations(use, "ops")
    checkRoles(use, "roles")
    for argument in ["having", "when", "check"] { checkExpression(use, argument) }
    if use.gives("having"), !use.gives("member") {
      report.fault(
        use.location(of: "having"), "having tests a membership, so it needs the argument member")
    }
    if use.gives("check"), operations(use, "ops").isDisjoint(with: [.create, .update]) {
      report.fault(
        use.location(of: "check"), "check tests the new row, so ops must hold CREATE or UPDATE")
    }
    for argument in ["fields", "except"] where use.gives(argument) {
      if isOnField {
        report.fault(
          use.location(of: argument), "\(argument) belongs on an @allow of the type, not of a field"
        )
      }
      if use.names(argument)?.isEmpty == true {
        report.fault(use.location(of: argument), "\(argument) names no field")
      }
      for name in use.names(argument) ?? [] { checkMask(name, of: type, all) }
    }
    if let path = use.names("owner")?.first { checkPath(path, "owner", in: type, all) }
    if let path = use.names("member")?.first { checkPath(path, "member", in: type, all) }
  }

  /// Checks how many fields the rules of a collection name as owner.
  func checkOwnerCount(_ uses: [CheckedDirective], of type: DeclaredType) {
    var owners: Set<String> = []
    for use in uses {
      guard let owner = use.names("owner")?.first, owners.insert(owner.text).inserted else {
        continue
      }
      if owners.count > NameRules.maximumOwners {
        report.fault(
          owner.location,
          "the rules of \(type.name.text) name at most \(NameRules.maximumOwners) different fields "
            + "as owner; \(owner.text.excerpt) is one more")
        return
      }
    }
  }

  private func checkMask(_ name: Name, of type: DeclaredType, _ all: [String: CollectionFields]) {
    guard let own = all[type.name.text] else { return }
    if own.inverses.contains(where: { $0.name == name.text }) { return }
    _ = known(name, own, orSystem: true)
  }

  private func checkOperations(_ use: CheckedDirective, _ argument: String) {
    guard use.gives(argument), use.names(argument)?.isEmpty == true else { return }
    report.fault(use.location(of: argument), "\(argument) of @\(use.name) names no operation")
  }

  private func checkExpression(_ use: CheckedDirective, _ argument: String) {
    guard use.gives(argument), let text = use.string(argument) else { return }
    if !text.contains(where: { !$0.isWhitespace }) {
      report.fault(use.location(of: argument), "\(argument) of @\(use.name) may not be empty")
    }
  }

  private func checkRoles(_ use: CheckedDirective, _ argument: String) {
    guard let names = use.names(argument), use.gives(argument) else { return }
    guard let roles else {
      report.fault(
        use.location(of: argument),
        "the schema declares no roles: add an enum marked @roles with their names")
      return
    }
    if names.isEmpty, argument == "roles" {
      report.fault(use.location(of: argument), "roles names no role, so nobody has one")
    }
    for name in names where !roles.names.contains(name.text) {
      report.fault(
        name.location,
        "unknown role \(name.text.excerpt)" + didYouMean(name.text, among: roles.names))
    }
  }

  /// Follows a path such as `band.members.user` to a field of type User.
  private func checkPath(
    _ path: Name, _ argument: String, in type: DeclaredType, _ all: [String: CollectionFields]
  ) {
    let steps = path.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard steps.count <= Checker.maximumHops else {
      report.fault(
        path.location, "a path has at most \(Checker.maximumHops) steps, \(argument) has more")
      return
    }
    var current = type.name.text
    var passesList = false
    for (index, step) in steps.enumerated() {
      guard let own = all[current] else { return }
      let isLast = index == steps.count - 1
      if let list = own.inverses.first(where: { $0.name == step }), !isLast {
        passesList = true
        current = list.typeName
        continue
      }
      guard let field = own.stored(step) else {
        let lists = own.inverses.map(\.name)
        let isList = lists.contains(step)
        report.fault(
          path.location,
          isList
            ? "\(argument) ends at the list \(step); go on to its field of type User"
            : "\(current) has no field \(step.excerpt)"
              + didYouMean(step, among: own.names + lists))
        return
      }
      if isLast {
        checkEnd(field, of: current, path, argument, passesList: passesList)
      } else if case .reference(let target) = field.type {
        current = target
      } else {
        report.fault(
          path.location,
          "\(step) of \(current) is \(field.typeText) and leads nowhere; a path follows references")
        return
      }
    }
  }

  private func checkEnd(
    _ field: Field, of type: String, _ path: Name, _ argument: String, passesList: Bool
  ) {
    guard field.type == .user, !field.isList else {
      report.fault(
        path.location,
        "\(argument) must end at a field of type User, and \(field.name) of \(type) is "
          + field.typeText)
      return
    }
    if argument == "member", !passesList {
      report.fault(
        path.location, "member passes through no list; use owner for a single account")
    } else if argument == "owner", passesList {
      report.fault(
        path.location, "owner passes through a list; use member for several accounts")
    }
  }
}
