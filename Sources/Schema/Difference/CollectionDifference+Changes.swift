import RoostCore

extension CollectionDifference {
  /// The changes in words, those of the collection itself first.
  package var changes: [SchemaChange] {
    var notes = CollectionNotes(collection: new.name)
    names(&notes)
    members(&notes)
    rights(&notes)
    storage(&notes)
    words(&notes)
    return notes.changes + fields.flatMap { $0.changes(collection: new.name) }
  }

  private func names(_ notes: inout CollectionNotes) {
    if let route {
      notes.add(
        .major, "collection_renamed",
        "The collection `\(route.old)` is called `\(route.new)` now.",
        "Ask for `/v1/\(route.new)` in the place of `/v1/\(route.old)`.")
    }
    if isRenamed {
      notes.add(
        .minor, "type_renamed",
        "The type `\(old.typeName)` is called `\(new.typeName)` in the schema now.")
    }
  }

  private func members(_ notes: inout CollectionNotes) {
    for field in addedFields {
      let isNeeded = new.mustBeGiven(field)
      notes.add(
        isNeeded ? .major : .minor, isNeeded ? "required_field_added" : "field_added",
        "`\(field.name)`: `\(field.declaredType)` is new"
          + (isNeeded ? ", and a create has to give it." : "."),
        isNeeded ? "Send `\(field.name)` with every create." : nil, field: field.name)
    }
    for field in removedFields {
      if let split = splits.first(where: { $0.old.name == field.name }) {
        let names = split.parts.map { "`\($0.name)`" }.joined(separator: ", ")
        notes.add(
          .major, "field_split", "`\(field.name)` is gone: what it held is in \(names).",
          "Send and expect \(names) in its place.", field: field.name)
        continue
      }
      notes.add(
        .major, "field_removed", "`\(field.name)` is gone.",
        field.deprecation?.guidance ?? "Neither send nor expect it.", field: field.name)
    }
    for inverse in addedInverses {
      notes.add(
        .minor, "relation_added",
        "`/v1/\(new.name)/{id}/\(inverse.name)` lists records of `\(inverse.typeName)`.",
        field: inverse.name)
    }
    for inverse in removedInverses {
      notes.add(
        .major, "relation_removed", "`/v1/\(old.name)/{id}/\(inverse.name)` is gone.",
        "List the records of `\(inverse.typeName)` with a filter by `\(inverse.field)`.",
        field: inverse.name)
    }
  }

  private func rights(_ notes: inout CollectionNotes) {
    if let rules {
      let narrowed = rules.narrowed.map(\.rawValue).sorted().joined(separator: ", ")
      let widened = rules.widened.map(\.rawValue).sorted().joined(separator: ", ")
      if !narrowed.isEmpty {
        notes.add(
          .major, "rules_narrowed", "Some who could may not any more: \(narrowed).",
          "Be ready for 401, 403 and 404, and for records without some of their fields.")
      }
      if !widened.isEmpty {
        notes.add(.minor, "rules_widened", "Some who could not may now: \(widened).")
      }
      if narrowed.isEmpty, widened.isEmpty {
        notes.add(.patch, "rules_rewritten", "The rules are written otherwise.")
      }
    }
    let former = Dictionary(removedChecks.map { ($0.name, $0) }) { first, _ in first }
    let names = Set(addedChecks.map(\.name))
    for check in addedChecks {
      if let old = former[check.name],
        ExpressionText.folded(old.expression) == ExpressionText.folded(check.expression)
      {
        notes.add(
          .patch, "check_message", "The check `\(check.name)` refuses with another message.")
        continue
      }
      notes.add(
        .major, "check_added", "Records must meet `\(check.name)`: `\(check.expression)`.",
        "Check what you send before you send it.")
    }
    for check in removedChecks where !names.contains(check.name) {
      notes.add(.minor, "check_removed", "The check `\(check.name)` is gone.")
    }
  }

  private func storage(_ notes: inout CollectionNotes) {
    for index in addedIndexes {
      let fields = index.fields.map { "`\($0)`" }.joined(separator: ", ")
      notes.add(
        index.isUnique ? .major : .minor, index.isUnique ? "unique_added" : "index_added",
        index.isUnique
          ? "No two records may have the same \(fields)." : "There is an index over \(fields).",
        index.isUnique ? "Be ready for 409 where the values are taken." : nil)
    }
    for index in removedIndexes {
      let fields = index.fields.map { "`\($0)`" }.joined(separator: ", ")
      notes.add(
        .minor, index.isUnique ? "unique_removed" : "index_removed",
        index.isUnique
          ? "Two records may have the same \(fields)."
          : "The index over \(fields) is gone; large lists in that order are refused.")
    }
    if let merge {
      let refuses = merge.new == .reject
      notes.add(
        refuses ? .major : .minor, "merge_changed",
        "Changes merge by `\(merge.new.rawValue)`, not by `\(merge.old.rawValue)`.",
        refuses ? "Send `If-Match` with every change and delete." : nil)
    }
    if let view {
      let text: String =
        switch (view.old, view.new) {
        case (nil, let new?): "Its records are groups of `\(new)` now, and nobody writes them."
        case (_, nil): "Its records are not those of a view any more."
        default:
          "Its records were groups of `\(view.old ?? "")` and are groups of `\(view.new ?? "")`; "
            + "they are made anew."
        }
      notes.add(
        view.old == nil ? .major : .minor, "view_changed", text,
        view.old == nil ? "Change what they are made of." : nil)
    }
    for rule in addedRetentions {
      notes.add(
        .minor, "retention_added",
        "\(rule.action.words) \(rule.duration) after `\(rule.after)`.")
    }
    for rule in removedRetentions {
      notes.add(
        .minor, "retention_removed",
        rule.action.words.replacing(" are ", with: " are no longer ")
          + " \(rule.duration) after `\(rule.after)`.")
    }
  }

  private func words(_ notes: inout CollectionNotes) {
    if let sync {
      let isHidden = [.serverOnly, .localOnly].contains(sync.new.tier)
      notes.add(
        isHidden && sync.new.tier != sync.old.tier ? .major : .minor, "sync_changed",
        "It is synced by the tier `\(sync.new.tier.rawValue)`.",
        isHidden ? "Read it by REST." : nil)
    }
    if let deprecation {
      notes.add(
        deprecation.old == nil || deprecation.new == nil ? .minor : .patch, "deprecated",
        deprecation.new.map { "The collection is deprecated: \($0.sentence)" }
          ?? "The collection is not deprecated any more.", deprecation.new?.guidance)
    }
    if description != nil {
      notes.add(.patch, "description", "The description is another.")
    }
    if hasOtherOptions {
      notes.add(.patch, "options", "Options of merging, measures or activities differ.")
    }
  }
}

extension RetentionRule.Action {
  var words: String {
    switch self {
    case .purge: "Records are removed"
    case .anonymise: "Personal data are removed"
    case .archive: "Records are archived"
    }
  }
}

/// The changes of one collection, as they are found.
private struct CollectionNotes {
  let collection: String
  var changes: [SchemaChange] = []

  init(collection: String) { self.collection = collection }

  mutating func add(
    _ level: ChangeLevel, _ code: String, _ text: String, _ guidance: String? = nil,
    field: String? = nil
  ) {
    changes.append(
      SchemaChange(
        level, code, collection: collection, field: field, text, guidance: guidance))
  }
}
