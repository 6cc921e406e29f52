import Schema

/// The part of the data dictionary about the actions.
enum ActionPage {
  static func markdown(_ model: SchemaModel) -> String {
    guard !model.actions.isEmpty else { return "" }
    var text = "\n## Actions\n"
    for action in model.actions {
      text += "\n### \(action.name)\n\n"
      if let description = action.description { text += description + "\n\n" }
      if let deprecation = action.deprecation {
        text += "**Deprecated**: \(deprecation.sentence)"
        text += deprecation.successor.map { " Use `\($0)`." } ?? ""
        text += "\n\n"
      }
      text += "`POST /v1/actions/\(action.name)` answers "
      text += "`\(action.result.field.declaredType)`.\n"
      text += table(action.arguments)
    }
    return text
  }

  private static func table(_ arguments: [ActionArgument]) -> String {
    guard !arguments.isEmpty else { return "" }
    return "\n| argument | type | bounds | notes |\n|---|---|---|---|\n"
      + rows(arguments, path: "")
  }

  private static func rows(_ arguments: [ActionArgument], path: String) -> String {
    var text = ""
    for argument in arguments {
      var bounds = ""
      var notes = argument.description.map { [$0] } ?? []
      if case .value(let field) = argument.content {
        bounds = FieldWords.bounds(field).joined(separator: " ")
        if let preset = field.defaultText { notes.append("Default `\(preset)`.") }
      }
      if let deprecation = argument.deprecation {
        notes.append("**Deprecated**: \(deprecation.sentence)")
      }
      text += "| `\(path)\(argument.name)` | `\(argument.declaredType)` "
      text += "| \(cell(bounds)) | \(cell(notes.joined(separator: " "))) |\n"
      if case .input(let input) = argument.content {
        text += rows(input.fields, path: path + argument.name + ".")
      }
    }
    return text
  }
}
