package import Records
package import Schema

/// Whether each action of a schema has its handler, and each handler its action.
package enum ActionBindings {
  /// What is wrong: each action that nobody would carry out, with its place.
  ///
  /// `path` is that of the schema file, for messages.
  package static func faults(
    _ schema: SchemaModel, _ registry: ActionRegistry, path: String
  ) -> [String] {
    let bound = registry.surplus(in: schema)
    return registry.missing(in: schema).map { action in
      let hint =
        nearest(action.name, among: bound).map {
          " (a handler is registered for \($0), which no action is called)"
        } ?? ""
      return
        "\(path):\(action.location.line):\(action.location.column): the action \(action.name) has "
        + "no handler in this program\(hint): register one in a server of your own (roost new DIR "
        + "--template server makes one), declare a function for it in roost.yaml, or remove @action"
    }
  }

  /// Handlers without an action, which are never called.
  package static func warnings(_ schema: SchemaModel, _ registry: ActionRegistry) -> [String] {
    registry.surplus(in: schema).map { name in
      "a handler is registered for the action \(name), which the schema does not declare"
        + didYouMean(name, among: registry.missing(in: schema).map(\.name))
    }
  }
}
