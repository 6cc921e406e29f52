import RoostCore
import Schema

/// The part of the data dictionary about one collection.
struct CollectionPage {
  private static let verbs: [(Operation, String)] = [
    (.read, "Read"), (.create, "Create"), (.update, "Change"), (.delete, "Delete"),
    (.admin, "Administer"),
  ]

  let collection: Collection
  let model: SchemaModel

  var markdown: String {
    var text = "\n## \(collection.name)\n\n"
    if let description = collection.description { text += description + "\n\n" }
    if let deprecation = collection.deprecation {
      text += "**Deprecated**: \(deprecation.sentence)"
      text += deprecation.successor.map { " Use `\($0)`." } ?? ""
      text += "\n\n"
    }
    text += "Type `\(collection.typeName)`, route `/v1/\(collection.name)`. Changes merge by "
    text += "`\(collection.merge.rawValue)`; synced `\(collection.sync.tier.rawValue)`"
    if let window = collection.sync.window { text += " as far back as \(window)" }
    text += ".\n"
    if let former = collection.formerName { text += "Formerly `\(former)`.\n" }
    return text + fields + inverses + who + checks + indexes + retention
  }

  private var fields: String {
    var text = "\n| field | type | bounds | notes |\n|---|---|---|---|\n"
    for field in collection.fields {
      text += "| `\(field.name)` | `\(field.declaredType)` "
      text += "| \(cell(FieldWords.bounds(field).joined(separator: " "))) "
      text += "| \(cell(notes(field).joined(separator: " "))) |\n"
    }
    return text
  }

  private func notes(_ field: Field) -> [String] {
    var notes: [String] = []
    if let description = field.description { notes.append(sentence(description)) }
    if collection.fillsOwner(field) { notes.append("Owner: the caller, where it is left out.") }
    if let text = field.defaultText { notes.append("Default `\(text)`.") }
    if field.isImmutable { notes.append("Never changed.") }
    if let derivation = field.derivation { notes.append("Derived: \(derivation.text).") }
    if let grouping = field.grouping { notes.append("Group by \(grouping.text).") }
    if field.isServerOnly { notes.append("Set by the server.") }
    if field.isUnique { notes.append("Unique.") }
    if field.isSearchable { notes.append("Searched.") }
    if let merge = field.merge { notes.append("Merges by `\(merge.rawValue)`.") }
    if let relation = field.relation {
      let target =
        if case .user = field.type { "account" } else { "`\(field.type.schemaName)`" }
      notes.append("When the \(target) is deleted: \(relation.onDelete.words).")
    }
    if let personal = field.personalData { notes.append("Personal: \(personal.kind).") }
    if let encryption = field.encryption {
      notes.append("Encrypted: `\(encryption.mode.rawValue)`.")
    }
    if !field.allows.isEmpty {
      for (operation, verb) in CollectionPage.verbs {
        let rules = field.allows.filter { $0.operations.contains(operation) }
        if !rules.isEmpty {
          notes.append(
            "\(verb): " + rules.map { RuleWords.sentence($0, operation) }.joined(separator: " "))
        }
      }
    }
    if let former = field.formerName {
      notes.append(
        field.split.map { "Cut out of the former `\(former)`: `\($0.expression.source)`." }
          ?? "Formerly `\(former)`.")
    }
    if let deprecation = field.deprecation {
      notes.append("**Deprecated**: \(deprecation.sentence)")
      if let successor = deprecation.successor { notes.append("Use `\(successor)`.") }
    }
    return notes
  }

  private func sentence(_ text: String) -> String {
    guard let last = text.last, !".!?".contains(last) else { return text }
    return text + "."
  }

  private var inverses: String {
    guard !collection.inverses.isEmpty else { return "" }
    var text = "\n| relation | lists |\n|---|---|\n"
    for inverse in collection.inverses {
      text += "| `\(inverse.name)` | `\(inverse.typeName)` by its `\(inverse.field)` |\n"
    }
    return text
  }

  private var who: String {
    var text = "\n| who may | |\n|---|---|\n"
    for (operation, verb) in CollectionPage.verbs {
      let rules = RuleWords.who(operation, collection)
      if rules.isEmpty, operation == .admin { continue }
      text += "| \(verb) | \(rules.isEmpty ? "Nobody." : cell(rules.joined(separator: " "))) |\n"
    }
    return text
  }

  private var checks: String {
    guard !collection.checks.isEmpty else { return "" }
    return "\nEach record meets:\n\n"
      + collection.checks.map { check in
        "- `\(check.name)`: `\(check.expression)`"
          + (check.message.map { " – \($0)" } ?? "") + "\n"
      }.joined()
  }

  private var indexes: String {
    guard !collection.indexes.isEmpty else { return "" }
    return "\nIndexes:\n\n"
      + collection.indexes.map { index in
        "- " + index.fields.map { "`\($0)`" }.joined(separator: ", ")
          + (index.isUnique ? ", unique" : "")
          + (index.predicate.map { ", where `\($0)`" } ?? "") + "\n"
      }.joined()
  }

  private var retention: String {
    guard !collection.retentions.isEmpty else {
      return "\nRecords are kept until somebody deletes them.\n"
    }
    return "\nKept for a time:\n\n"
      + collection.retentions.map { rule in
        "- `\(rule.action.rawValue)` \(rule.duration) after `\(rule.after)`"
          + (rule.unless.map { ", unless `\($0)`" } ?? "") + "\n"
      }.joined()
  }
}

extension Relation.OnDelete {
  fileprivate var words: String {
    switch self {
    case .cascade: "this goes too"
    case .restrict: "refused while this refers to it"
    case .setNull: "this is emptied"
    }
  }
}
