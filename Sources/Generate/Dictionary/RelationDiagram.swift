import Schema

/// The relations of a schema as a diagram of Mermaid (`erDiagram`).
enum RelationDiagram {
  static func mermaid(_ model: SchemaModel) -> String {
    var text = "```mermaid\nerDiagram\n"
    var hasAccounts = false
    for collection in model.collections {
      text += "  \(collection.typeName) {\n    ID id PK\n"
      for field in collection.fields {
        let type = field.isList ? field.type.schemaName + "-list" : field.type.schemaName
        var keys: [String] = []
        if field.relation != nil { keys.append("FK") }
        if field.isUnique { keys.append("UK") }
        text += "    \(type) \(field.name)"
        text += keys.isEmpty ? "\n" : " \(keys.joined(separator: ", "))\n"
      }
      text += "  }\n"
    }
    for collection in model.collections {
      for field in collection.fields {
        let target: String
        switch field.type {
        case .reference(let typeName): target = typeName
        case .user:
          target = "User"
          hasAccounts = true
        default: continue
        }
        let one = field.isRequired ? "||" : "|o"
        let many = field.isUnique ? "o|" : "o{"
        text += "  \(target) \(one)--\(many) \(collection.typeName) : \(field.name)\n"
      }
    }
    if hasAccounts { text += "  User {\n    ID id PK\n  }\n" }
    return text + "```\n"
  }
}
