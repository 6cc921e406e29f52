extension Checker {
  /// Enums, and the one of them that holds the roles.
  func checkEnums(_ enums: [DeclaredType]) {
    var first: DeclaredType?
    for type in enums {
      for value in type.values { _ = isPlainName(value.name, "value") }
      if type.values.count > NameRules.maximumEnumValues {
        report.fault(
          type.values[NameRules.maximumEnumValues].name.location,
          "an enum has at most 1,000 values; a collection may hold more")
      }
      guard let directive = type.directives.first("roles") else {
        for value in type.values {
          guard let inherits = value.directives.first("inherits") else { continue }
          report.fault(
            inherits.location,
            "@inherits belongs in the enum marked @roles, which \(type.name.text.excerpt) is not")
        }
        continue
      }
      if let first {
        report.fault(
          directive.location,
          "the roles are declared by \(first.name.text) at \(first.name.location) already")
      } else {
        first = type
        roles = roleTree(of: type)
      }
    }
  }

  private func roleTree(of type: DeclaredType) -> RoleTree? {
    let names = type.values.map(\.name.text)
    guard names.count <= NameRules.maximumRoles else {
      report.fault(type.name.location, "a schema has at most \(NameRules.maximumRoles) roles")
      return nil
    }
    var parents: [String: [Name]] = [:]
    for value in type.values {
      var known: [Name] = []
      for parent in value.directives.first("inherits")?.names("from") ?? [] {
        if names.contains(parent.text) {
          known.append(parent)
        } else {
          report.fault(
            parent.location,
            "unknown role \(parent.text.excerpt)" + didYouMean(parent.text, among: names))
        }
      }
      parents[value.name.text] = known
    }
    reportCycles(names, parents)
    var closure: [String: Set<String>] = [:]
    for name in names {
      var reached: Set<String> = [name]
      var open = [name]
      while let next = open.popLast() {
        for parent in parents[next] ?? [] where reached.insert(parent.text).inserted {
          open.append(parent.text)
        }
      }
      closure[name] = reached
    }
    return RoleTree(names: names, closure: closure)
  }

  /// Walks each role's ancestors once, without recursion, and names the path of a cycle.
  private func reportCycles(_ names: [String], _ parents: [String: [Name]]) {
    var done: Set<String> = []
    for name in names where !done.contains(name) {
      var path = [name]
      var next = [0]
      while let role = path.last, let index = next.last {
        guard let parent = parents[role]?.dropFirst(index).first else {
          done.insert(role)
          path.removeLast()
          next.removeLast()
          continue
        }
        next[next.count - 1] += 1
        if let start = path.firstIndex(of: parent.text) {
          let cycle = path[start...] + [parent.text]
          report.fault(
            parent.location,
            "roles inherit in a circle: \(cycle.joined(separator: " → "))")
        } else if !done.contains(parent.text) {
          path.append(parent.text)
          next.append(0)
        }
      }
    }
  }
}
