import RoostCore

extension FieldDifference {
  /// The changes in words; `collection` is the route name.
  package func changes(collection: String) -> [SchemaChange] {
    var notes = FieldNotes(collection: collection, old: old, new: new)
    shape(&notes)
    values(&notes)
    rights(&notes)
    relation(&notes)
    words(&notes)
    return notes.changes
  }

  private func shape(_ notes: inout FieldNotes) {
    if isRenamed {
      notes.add(
        .major, "field_renamed", "`\(old.name)` is called `\(new.name)` now.",
        "Read and send `\(new.name)` in the place of `\(old.name)`.")
    }
    if type != nil || isList != nil {
      notes.add(
        .major, "field_retyped",
        "\(notes.name) was `\(old.declaredType)` and is `\(new.declaredType)`.",
        "Read and send values of `\(new.declaredType)`.")
    } else if isRenamedEnum {
      notes.add(
        .minor, "enum_renamed",
        "The values of \(notes.name) are those of `\(new.type.schemaName)`, which has all of before."
      )
    }
    if let change = elementsAreRequired {
      notes.add(
        .major, "elements_required",
        change.new
          ? "The elements of \(notes.name) cannot be null any more."
          : "An element of \(notes.name) can be null now.",
        change.new ? "Send no null in the list." : "Be ready for null in the list.")
    }
    if let change = isRequired {
      notes.add(
        .major, change.new ? "field_required" : "field_optional",
        change.new
          ? "\(notes.name) cannot be null any more."
          : "\(notes.name) can be null now.",
        change.new ? "Send no null for it." : "Be ready for a record without a value.")
    }
    if let change = mustBeGiven {
      notes.add(
        change.new ? .major : .minor, change.new ? "required_on_create" : "optional_on_create",
        change.new
          ? "A create has to give \(notes.name)." : "A create may leave \(notes.name) out.",
        change.new ? "Send a value with every create." : nil)
    }
  }

  private func values(_ notes: inout FieldNotes) {
    for bound in constraint?.bounds ?? [] {
      let text: String =
        switch (bound.old, bound.new) {
        case (nil, let new?): "\(notes.name) has the bound `\(bound.name): \(new)` now."
        case (let old?, nil): "\(notes.name) has lost the bound `\(bound.name): \(old)`."
        default:
          "The bound `\(bound.name)` of \(notes.name) was `\(bound.old ?? "")` and is "
            + "`\(bound.new ?? "")`."
        }
      notes.add(
        bound.widening.level,
        bound.widening.isNarrowed ? "constraint_narrowed" : "constraint_widened", text,
        bound.widening.isNarrowed ? "Check what you send before you send it." : nil)
    }
    if constraint?.message != nil {
      notes.add(
        .patch, "constraint_message", "\(notes.name) refuses with another message.")
    }
    if let change = defaultValue {
      let text: String =
        switch (change.old, change.new) {
        case (nil, let new?): "\(notes.name) is `\(new)` where a create leaves it out."
        case (_, nil): "\(notes.name) has no default any more."
        default:
          "The default of \(notes.name) was `\(change.old ?? "")` and is `\(change.new ?? "")`."
        }
      notes.add(.minor, "default_changed", text)
    }
    if let change = merge {
      let refuses = change.new == .reject
      notes.add(
        refuses ? .major : .minor, "merge_changed",
        "Changes of \(notes.name) merge by `\(change.new.rawValue)`, not by "
          + "`\(change.old.rawValue)`.",
        refuses ? "Send `If-Match` with a change of it." : nil)
    }
    if let change = derivation {
      let text: String =
        switch (change.old, change.new) {
        case (nil, let new?): "\(notes.name) is derived now: `\(new)`."
        case (_, nil): "\(notes.name) is not derived any more."
        default:
          "\(notes.name) was `\(change.old ?? "")` and is `\(change.new ?? "")`; it is made anew."
        }
      notes.add(.minor, "derivation_changed", text)
    }
    if let change = isSearchable {
      notes.add(
        change.new ? .minor : .major, "search_changed",
        change.new
          ? "`search` finds words in \(notes.name)." : "`search` does not look into \(notes.name).",
        change.new ? nil : "Find such records by `filter`.")
    }
  }

  private func rights(_ notes: inout FieldNotes) {
    let flags: [(Change<Bool>?, code: String, on: String, off: String, todo: String)] = [
      (
        isImmutable, "immutable", "cannot be changed after the create any more.",
        "can be changed after the create.", "Leave it out of changes."
      ),
      (
        isServerOnly, "server_only", "is set by the server alone.", "can be set by clients.",
        "Leave it out of what you send."
      ),
      (
        isUnique, "unique", "must be unique now.", "need not be unique any more.",
        "Be ready for 409 where the value is taken."
      ),
    ]
    for flag in flags {
      guard let change = flag.0 else { continue }
      notes.add(
        change.new ? .major : .minor, flag.code,
        "\(notes.name) \(change.new ? flag.on : flag.off)", change.new ? flag.todo : nil)
    }
    if let rules {
      notes.add(
        rules.widening.level, rules.widening.isNarrowed ? "rules_narrowed" : "rules_widened",
        "Other rules say who sees and sets \(notes.name).",
        rules.widening.isNarrowed ? "Be ready for records without it." : nil)
    }
    if encryption != nil {
      notes.add(
        .major, "encryption", "\(notes.name) is encrypted otherwise.",
        "Use a client that knows its key.")
    }
  }

  private func relation(_ notes: inout FieldNotes) {
    if let change = onDelete {
      let refuses = change.new == .restrict
      notes.add(
        refuses ? .major : .minor, "on_delete",
        "When what \(notes.name) refers to is deleted: `\(change.new.rawValue)`, not "
          + "`\(change.old.rawValue)`.", refuses ? "Be ready for 409 on such a delete." : nil)
    }
    if let change = referenceCheck {
      let narrows = change.new == .visibleOnChange
      notes.add(
        narrows ? .major : .minor, "reference_check",
        narrows
          ? "\(notes.name) may refer only to what the caller may read."
          : "\(notes.name) may refer to what the caller may not read.",
        narrows ? "Refer to records that you can read." : nil)
    }
  }

  private func words(_ notes: inout FieldNotes) {
    if let change = deprecation {
      notes.add(
        change.old == nil || change.new == nil ? .minor : .patch, "deprecated",
        change.new.map { "\(notes.name) is deprecated: \($0.sentence)" }
          ?? "\(notes.name) is not deprecated any more.", change.new?.guidance)
    }
    let others: [(Bool, String, String)] = [
      (description != nil, "description", "The description of \(notes.name) is another."),
      (personalData != nil, "personal_data", "The marks of personal data of \(notes.name) differ."),
      (sync != nil, "sync", "\(notes.name) is synced otherwise."),
      (search != nil && isSearchable == nil, "search_weight", "\(notes.name) weighs otherwise."),
    ]
    for (isChanged, code, text) in others where isChanged {
      notes.add(code == "sync" ? .minor : .patch, code, text)
    }
  }
}

/// The changes of one field, as they are found.
private struct FieldNotes {
  let collection: String
  /// The field in Markdown.
  let name: String
  let field: String
  var changes: [SchemaChange] = []

  init(collection: String, old: Field, new: Field) {
    self.collection = collection
    field = new.name
    name = "`\(new.name)`"
  }

  mutating func add(
    _ level: ChangeLevel, _ code: String, _ text: String, _ guidance: String? = nil
  ) {
    changes.append(
      SchemaChange(
        level, code, collection: collection, field: field, text, guidance: guidance))
  }
}

extension Deprecation {
  /// The reason and the last day, as sentences.
  package var sentence: String {
    var text = reason.isEmpty ? "No longer supported" : reason
    if let last = text.last, !".!?".contains(last) { text += "." }
    if let sunset { text += " It may be gone from \(sunset) on." }
    return text
  }

  var guidance: String? { successor.map { "Use `\($0)` instead." } }
}
