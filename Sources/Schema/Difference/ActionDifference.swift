/// What became of an action that is in both schemas.
package struct ActionDifference: Sendable {
  package let old: ActionDeclaration
  package let new: ActionDeclaration
  /// From the type names of before to those of now.
  private let renames: [String: String]

  init(_ old: ActionDeclaration, _ new: ActionDeclaration, renames: [String: String]) {
    self.old = old
    self.new = new
    self.renames = renames
  }

  /// The changes in words, in the order of the new schema.
  package var changes: [SchemaChange] {
    var notes = ActionNotes(action: new.name)
    compare(old.arguments, new.arguments, path: "", &notes)
    compareResults(&notes)
    words(&notes)
    return notes.changes
  }

  // MARK: Arguments

  private func compare(
    _ before: [ActionArgument], _ after: [ActionArgument], path: String, _ notes: inout ActionNotes
  ) {
    for argument in before where !after.contains(where: { $0.name == argument.name }) {
      notes.add(
        .major, "argument_removed", "takes no `\(path)\(argument.name)` any more.",
        "Leave `\(path)\(argument.name)` out.")
    }
    for argument in after {
      let name = "`\(path)\(argument.name)`"
      guard let former = before.first(where: { $0.name == argument.name }) else {
        let must = argument.mustBeGiven
        notes.add(
          must ? .major : .minor, must ? "required_argument_added" : "argument_added",
          must ? "has to be given \(name)." : "takes \(name).",
          must ? "Send \(name) with every call." : nil)
        continue
      }
      compare(former, argument, name, path: path, &notes)
    }
  }

  private func compare(
    _ before: ActionArgument, _ after: ActionArgument, _ name: String, path: String,
    _ notes: inout ActionNotes
  ) {
    switch (before.content, after.content) {
    case (.value(let old), .value(let new)):
      guard isSame(old, new) else {
        return retyped(before, after, name, &notes)
      }
      nullity(old.elementsAreRequired, new.elementsAreRequired, "The elements of \(name)", &notes)
      bounds(old, new, name, &notes)
      if old.defaultText != new.defaultText, before.mustBeGiven == after.mustBeGiven {
        notes.add(.minor, "argument_default", "has another default for \(name).")
      }
    case (.input(let old), .input(let new)):
      guard old.isList == new.isList else { return retyped(before, after, name, &notes) }
      nullity(old.elementsAreRequired, new.elementsAreRequired, "The elements of \(name)", &notes)
      compare(old.fields, new.fields, path: path + after.name + ".", &notes)
    default: return retyped(before, after, name, &notes)
    }
    if before.mustBeGiven != after.mustBeGiven {
      let must = after.mustBeGiven
      notes.add(
        must ? .major : .minor, must ? "argument_required" : "argument_optional",
        must ? "has to be given \(name)." : "may be called without \(name).",
        must ? "Send \(name) with every call." : nil)
    } else {
      nullity(before.isRequired, after.isRequired, name, &notes)
    }
  }

  private func retyped(
    _ before: ActionArgument, _ after: ActionArgument, _ name: String, _ notes: inout ActionNotes
  ) {
    notes.add(
      .major, "argument_retyped",
      "took `\(before.declaredType)` for \(name) and takes `\(after.declaredType)`.",
      "Send values of `\(after.declaredType)`.")
  }

  private func nullity(
    _ before: Bool, _ after: Bool, _ subject: String, _ notes: inout ActionNotes
  ) {
    guard before != after else { return }
    notes.add(
      after ? .major : .minor, after ? "argument_required" : "argument_optional",
      after ? "does not take null any more: \(subject)." : "takes null: \(subject).",
      after ? "Send no null there." : nil)
  }

  private func bounds(_ old: Field, _ new: Field, _ name: String, _ notes: inout ActionNotes) {
    for bound in ConstraintDifference(old.constraint, new.constraint)?.bounds ?? [] {
      let isNarrowed = bound.widening.isNarrowed
      notes.add(
        bound.widening.level, isNarrowed ? "constraint_narrowed" : "constraint_widened",
        "bounds \(name) by another `\(bound.name)`: `\(bound.old ?? "none")` before, "
          + "`\(bound.new ?? "none")` now.",
        isNarrowed ? "Check what you send before you send it." : nil)
    }
  }

  // MARK: Result

  private func compareResults(_ notes: inout ActionNotes) {
    let before = old.result.field
    let after = new.result.field
    guard isSame(before, after) else {
      notes.add(
        .major, "result_retyped",
        "answered `\(before.declaredType)` and answers `\(after.declaredType)`.",
        "Read `\(after.declaredType)`.")
      return
    }
    let marks = [
      (before.isRequired, after.isRequired),
      (before.elementsAreRequired, after.elementsAreRequired),
    ]
    for (before, after) in marks where before != after {
      notes.add(
        after ? .minor : .major, after ? "result_required" : "result_optional",
        after ? "always answers a value." : "may answer null.",
        after ? nil : "Be ready for null.")
    }
  }

  private func words(_ notes: inout ActionNotes) {
    if old.deprecation != new.deprecation {
      notes.add(
        old.deprecation == nil || new.deprecation == nil ? .minor : .patch, "deprecated",
        new.deprecation.map { "is deprecated: \($0.sentence)" } ?? "is not deprecated any more.",
        new.deprecation?.guidance)
    }
    let texts = (old.description, new.description)
    let isSaid =
      texts.0 == texts.1
      && old.arguments.map(\.description) == new.arguments.map(\.description)
    if !isSaid, notes.changes.isEmpty {
      notes.add(.patch, "description", "is described otherwise.")
    }
  }

  /// The same type of values; what became of the values of an enum is told with the enum.
  private func isSame(_ old: Field, _ new: Field) -> Bool {
    guard old.isList == new.isList else { return false }
    switch (old.type, new.type) {
    case (.enumeration(let before, _), .enumeration(let after, _)): return before == after
    case (.reference(let before), .reference(let after)):
      return renames[before, default: before] == after
    default: return old.type == new.type
    }
  }
}

/// The changes of one action, as they are found.
private struct ActionNotes {
  let action: String
  var changes: [SchemaChange] = []

  init(action: String) { self.action = action }

  mutating func add(
    _ level: ChangeLevel, _ code: String, _ predicate: String, _ guidance: String? = nil
  ) {
    changes.append(
      SchemaChange(
        level, code, field: action, "The action `\(action)` \(predicate)", guidance: guidance))
  }
}

extension SchemaDifference {
  /// What became of the actions, in words.
  var actionChanges: [SchemaChange] {
    removedActions.map { action in
      SchemaChange(
        .major, "action_removed", field: action.name, "The action `\(action.name)` is gone.",
        guidance: action.deprecation?.guidance ?? "Nothing takes its place.")
    }
      + addedActions.map { action in
        SchemaChange(
          .minor, "action_added", field: action.name, "The action `\(action.name)` is new.")
      } + actions.flatMap(\.changes)
  }
}

extension SchemaModel {
  /// The names of the enums that arguments and results of actions have.
  var enumsOfActions: Set<String> {
    var names: Set<String> = []
    func take(_ field: Field) {
      if case .enumeration(let name, _) = field.type { names.insert(name) }
    }
    func take(_ arguments: [ActionArgument]) {
      for argument in arguments {
        switch argument.content {
        case .value(let field): take(field)
        case .input(let input): take(input.fields)
        }
      }
    }
    for action in actions {
      take(action.arguments)
      take(action.result.field)
    }
    return names
  }
}
