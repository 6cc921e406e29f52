import Schema

extension ScopeBook {
  /// All that decides the entries and the contributions of a collection's rows, as text: where it
  /// differs from what it was when the rows were written, they must be given their scopes anew.
  ///
  /// It speaks of names and not of places in the file, and the order of rules means nothing in it.
  package func signature(of collection: Int) -> String {
    let scopes = collections[collection]
    let declaration = model.collections[collection]
    var parts = scopes.rules.map { "rule " + $0.signature(collection, in: model) }
    for denial in scopes.denials {
      let test = denial.test?.scopeText(declaration) ?? "true"
      parts.append("deny \(test) \(denial.exceptRoles.signature)")
    }
    parts += scopes.sources.map { "give " + $0.signature(collection, in: model) }
    if scopes.isClosed { parts.append("closed") }
    for (role, closure) in model.roles?.closure ?? [:] where closure.count > 1 {
      parts.append("role \(role) \(closure.sorted().joined(separator: ","))")
    }
    return Set(parts).sorted().joined(separator: "\n")
  }
}

extension [Scope] {
  fileprivate var signature: String { map(\.text).sorted().joined(separator: ",") }
}

extension ScopeRule {
  fileprivate func signature(_ collection: Int, in model: SchemaModel) -> String {
    let declaration = model.collections[collection]
    return [
      audience.text, roles?.signature ?? "*", target?.signature(collection, in: model) ?? "*",
      condition?.signature(declaration) ?? "*", mask.text(in: declaration),
    ].joined(separator: " ")
  }
}

extension ScopeRule.Target {
  fileprivate func signature(_ collection: Int, in model: SchemaModel) -> String {
    func names(_ hops: [ReferencePath.Step]) -> (String, Int) {
      var here = collection
      var text = ""
      for hop in hops {
        text += model.collections[here].fields[hop.field].name + "."
        here = hop.target
      }
      return (text, here)
    }
    switch self {
    case .own(let field): return model.collections[collection].fields[field].name
    case .account(let hops, let field):
      let (text, end) = names(hops)
      return text + model.collections[end].fields[field].name
    case .pattern(let pattern, let hops):
      return "\(names(hops).0)\(model.collections[pattern.anchor].typeName)#\(pattern.text)"
    }
  }
}

extension ScopeSource {
  fileprivate func signature(_ collection: Int, in model: SchemaModel) -> String {
    let declaration = model.collections[collection]
    func name(_ key: Key) -> String {
      switch key {
      case .id: "id"
      case .field(let field): declaration.fields[field].name
      }
    }
    let given: String =
      switch giving {
      case .grant(let user): declaration.fields[user].name
      case .edge(let parent, let key):
        "\(model.collections[parent.anchor].typeName):\(name(key))#\(parent.text)"
      }
    let type = model.collections[pattern.anchor].typeName
    return "\(type):\(name(key))#\(pattern.text) \(test?.scopeText(declaration) ?? "*") \(given)"
  }
}

extension Residual {
  fileprivate func signature(_ collection: Collection) -> String {
    func compared(_ operand: Operand, _ other: String) -> String {
      Expression.truth(operand).scopeText(collection) + "=" + other
    }
    switch self {
    case .own(let expression, let wanted):
      return (wanted ? "" : "!") + expression.scopeText(collection)
    case .atom(let atom): return atom.text
    case .user(let operand): return compared(operand, "user")
    case .claim(let operand): return compared(operand, "claim")
    case .role(let operand): return compared(operand, "role")
    case .anonymous(let operand, let wanted):
      return compared(operand, wanted ? "anonymous" : "account")
    case .all(let parts):
      return "(" + parts.map { $0.signature(collection) }.joined(separator: ",") + ")"
    case .any(let parts):
      return "(" + parts.map { $0.signature(collection) }.joined(separator: "|") + ")"
    }
  }
}
