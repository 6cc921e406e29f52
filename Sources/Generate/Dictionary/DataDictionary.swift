package import Schema

/// The data dictionary of an app in Markdown: what it stores, who may do what, and for how long.
///
/// A pure function of the schema, so that the page can be kept beside it and compared.
package struct DataDictionary: Sendable {
  private let model: SchemaModel

  package init(_ model: SchemaModel) { self.model = model }

  package var markdown: String {
    var text = """
      # Data dictionary

      Generated from `schema.graphql` by `roost generate docs`: change the schema, not this page.

      | collection | type | holds |
      |---|---|---|

      """
    for collection in model.collections {
      text += "| [`\(collection.name)`](#\(collection.name.lowercased())) "
      text += "| `\(collection.typeName)` | \(cell(collection.description ?? "")) |\n"
    }
    text += "\n## Relations\n\n" + RelationDiagram.mermaid(model)
    text += personalData
    for collection in model.collections {
      text += CollectionPage(collection: collection, model: model).markdown
    }
    return text + ActionPage.markdown(model) + roles + enums
  }

  private var personalData: String {
    var rows = ""
    for collection in model.collections {
      for field in collection.fields {
        guard let personal = field.personalData else { continue }
        rows += "| `\(collection.name)` | `\(field.name)` | \(cell(personal.kind)) "
        rows += "| \(personal.onErase.words) |\n"
      }
    }
    guard !rows.isEmpty else { return "\n## Personal data\n\nNo field is marked with `@pii`.\n" }
    return "\n## Personal data\n\n| collection | field | kind | when a person is erased |\n"
      + "|---|---|---|---|\n" + rows
  }

  private var roles: String {
    guard let roles = model.roles else { return "" }
    var text = "\n## Roles\n\n| role | inherits |\n|---|---|\n"
    for name in roles.names {
      let inherited = (roles.closure[name] ?? []).subtracting([name]).sorted()
      text += "| `\(name)` | \(inherited.map { "`\($0)`" }.joined(separator: ", ")) |\n"
    }
    return text
  }

  private var enums: String {
    guard !model.enums.isEmpty else { return "" }
    var text = "\n## Enums\n\n| enum | values |\n|---|---|\n"
    for type in model.enums {
      text += "| `\(type.name)` | \(type.values.map { "`\($0)`" }.joined(separator: ", ")) |\n"
    }
    return text
  }
}

/// A text inside a table's cell.
func cell(_ text: String) -> String {
  var cell = ""
  for character in text {
    switch character {
    case "|": cell += "\\|"
    case _ where character.isNewline: cell += " "
    default: cell.append(character)
    }
  }
  return cell
}

extension PersonalData.OnErase {
  fileprivate var words: String {
    switch self {
    case .delete: "the record is deleted"
    case .nullify: "the value is emptied"
    case .pseudonymise: "the value is replaced by a pseudonym"
    case .keep: "the value is kept"
    }
  }
}
