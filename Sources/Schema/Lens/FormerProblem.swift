package import RoostCore

/// Writes refusals in the names that an older client knows.
package struct FormerProblem {
  private let schema: FormerSchema
  private let collection: FormerCollection

  package init(schema: FormerSchema, collection: FormerCollection) {
    self.schema = schema
    self.collection = collection
  }

  package func former(_ error: RoostError) -> RoostError {
    guard !error.issues.isEmpty else { return error }
    let issues = error.issues.map(former)
    var detail = error.detail
    for (old, new) in zip(error.issues, issues) where old.message == detail {
      detail = new.message
    }
    return RoostError(
      error.code, detail, issues: issues, retryAfterSeconds: error.retryAfterSeconds,
      cause: error.cause)
  }

  package func former(_ issue: FieldIssue) -> FieldIssue {
    if issue.pointer.hasPrefix("?") {
      var message = issue.message
      for field in collection.fields { message = renamed(message, field) }
      // The types of a filter were right in the older schema, or it would not have come so far.
      let code = issue.pointer == "?filter" && issue.code == "type" ? "retyped_field" : issue.code
      return FieldIssue(pointer: issue.pointer, code: code, message: message)
    }
    guard issue.pointer.hasPrefix("/") else { return issue }
    let path = issue.pointer.dropFirst()
    let name = String(path.prefix { $0 != "/" })
    guard let field = collection.field(now: name) else {
      guard collection.now?.fields.contains(where: { $0.name == name }) ?? false else {
        return issue
      }
      let message =
        issue.message
        + " Version \(schema.version) of this API, which you ask for, does not have it."
      return FieldIssue(pointer: issue.pointer, code: issue.code, message: message)
    }
    return FieldIssue(
      pointer: "/" + field.old.name + path.dropFirst(name.count), code: issue.code,
      message: renamed(issue.message, field))
  }

  /// A text for a person with the older names of fields.
  package func former(_ text: String) -> String {
    var text = text
    for field in collection.fields { text = renamed(text, field) }
    return text
  }

  /// The text with the older name of a field in the place of that of now, as a word of its own.
  func renamed(_ text: String, _ field: FormerField) -> String {
    guard let now = field.now, now.name != field.old.name else { return text }
    var result = ""
    var word = ""
    for character in text {
      if character.isLetter || character.isNumber || character == "_" {
        word.append(character)
        continue
      }
      result += word == now.name ? field.old.name : word
      word = ""
      result.append(character)
    }
    return result + (word == now.name ? field.old.name : word)
  }
}
