import Schema

/// A random schema as its maker knows it: the oracle reads this and never the compiled model.
struct SchemaPlan {
  static let roles = ["ra", "rb", "rc", "rd"]
  static let kinds = ["A", "B", "C"]

  var collections: [CollectionPlan] = []
  /// What each role inherits directly.
  var inherits: [String: [String]] = [:]

  /// The roles and all that they inherit.
  func closure(_ granted: some Sequence<String>) -> Set<String> {
    var result: Set<String> = []
    var open = Array(granted)
    while let role = open.popLast() {
      if result.insert(role).inserted { open += inherits[role] ?? [] }
    }
    return result
  }

  /// The schema as it would be written.
  var source: String {
    var text = "enum Role @roles {"
    for role in SchemaPlan.roles {
      text += " \(role)"
      if let from = inherits[role], !from.isEmpty {
        text += " @inherits(from: [\(quoted(from))])"
      }
    }
    text += " }\nenum Kind { \(SchemaPlan.kinds.joined(separator: " ")) }\n"
    for collection in collections { text += source(of: collection) }
    return text
  }

  private func source(of collection: CollectionPlan) -> String {
    var text = "type \(collection.type) @collection(name: \"\(collection.name)\")\n"
    for rule in collection.allows where rule.field == nil { text += "  \(source(of: rule))\n" }
    for rule in collection.denies {
      text += "  @deny(ops: [\(operations(rule.operations))], when: \(literal(rule.when))"
      if !rule.exceptRoles.isEmpty { text += ", exceptRoles: [\(quoted(rule.exceptRoles))]" }
      text += ")\n"
    }
    text += "{\n"
    for field in collection.fields {
      text += "  \(field.name): \(field.type(in: self))\(field.isRequired ? "!" : "")"
      if field.isImmutable { text += " @immutable" }
      for rule in collection.allows where rule.field == field.name {
        text += " \(source(of: rule))"
      }
      text += "\n"
    }
    for list in collection.inverses {
      text += "  \(list.name): [\(collections[list.collection].type)!]! "
      text += "@relation(inverse: \"\(list.field)\")\n"
    }
    return text + "}\n"
  }

  private func source(of rule: AllowPlan) -> String {
    var text = "@allow(ops: [\(operations(rule.operations))], to: \(rule.audience.rawValue)"
    if let roles = rule.roles { text += ", roles: [\(quoted(roles))]" }
    for (name, value) in [
      ("owner", rule.owner), ("member", rule.member), ("having", rule.having), ("when", rule.when),
      ("check", rule.check),
    ] {
      if let value { text += ", \(name): \(literal(value))" }
    }
    if let fields = rule.fields { text += ", fields: [\(quoted(fields))]" }
    if let except = rule.except { text += ", except: [\(quoted(except))]" }
    return text + ")"
  }

  private func operations(_ operations: Set<Schema.Operation>) -> String {
    operations.map(\.rawValue).sorted().joined(separator: ", ")
  }

  private func quoted(_ names: [String]) -> String {
    names.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  private func literal(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}

struct CollectionPlan {
  let type: String
  let name: String
  var fields: [FieldPlan] = []
  var inverses: [InversePlan] = []
  /// Those of the type, then those of the fields in the order of the fields.
  var allows: [AllowPlan] = []
  var denies: [DenyPlan] = []

  func index(_ name: String) -> Int? { fields.firstIndex { $0.name == name } }
  func fields(of kind: FieldPlan.Kind) -> [FieldPlan] { fields.filter { $0.kind == kind } }
  var references: [FieldPlan] { fields.filter { $0.target != nil } }
  var members: [String] { fields.map(\.name) + inverses.map(\.name) }
}

struct FieldPlan {
  enum Kind: Equatable {
    case boolean, kind, int, float, text, time, texts, kinds, user
    case reference(Int)
  }

  let name: String
  let kind: Kind
  var isRequired = false
  var isImmutable = false

  var target: Int? { if case .reference(let target) = kind { target } else { nil } }

  func type(in plan: SchemaPlan) -> String {
    switch kind {
    case .boolean: "Boolean"
    case .kind: "Kind"
    case .int: "Int"
    case .float: "Float"
    case .text: "String"
    case .time: "DateTime"
    case .texts: "[String!]"
    case .kinds: "[Kind!]"
    case .user: "User"
    case .reference(let target): plan.collections[target].type
    }
  }
}

struct InversePlan {
  let name: String
  let collection: Int
  let field: String
}

struct AllowPlan {
  var operations: Set<Schema.Operation> = [.read]
  var audience = AllowRule.Audience.user
  var roles: [String]?
  var owner: String?
  var member: String?
  var having: String?
  var when: String?
  var check: String?
  var fields: [String]?
  var except: [String]?
  /// The field that carries the rule.
  var field: String?
}

struct DenyPlan {
  var operations: Set<Schema.Operation> = [.read]
  var when: String
  var exceptRoles: [String] = []
}
