package import Schema

/// The handlers of an app's actions, by name.
package struct ActionRegistry: Sendable {
  package struct Entry: Sendable {
    package let handler: ActionHandler
    /// Whether people without an account may call it.
    package let isPublic: Bool
  }

  private var entries: [String: Entry] = [:]

  package init() {}

  /// Binds a handler to the action of that name; a second one takes the first one's place.
  package mutating func bind(_ name: String, isPublic: Bool = false, _ handler: ActionHandler) {
    entries[name] = Entry(handler: handler, isPublic: isPublic)
  }

  package subscript(name: String) -> Entry? { entries[name] }

  /// The names that handlers are bound to, sorted.
  package var names: [String] { entries.keys.sorted() }

  /// The actions of `model` without a handler, in the order of the file.
  package func missing(in model: SchemaModel) -> [ActionDeclaration] {
    model.actions.filter { entries[$0.name] == nil }
  }

  /// The names of handlers that `model` declares no action for, sorted.
  package func surplus(in model: SchemaModel) -> [String] {
    names.filter { model.action(named: $0) == nil }
  }
}
