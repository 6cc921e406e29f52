package import Rules

/// The members that `fields` asks for; the id is always among them.
package struct FieldSelection: Sendable {
  /// Stored fields by index, and behind them the inverse fields.
  package var members: FieldSet
  package var system: Set<RowColumn>

  package init(members: FieldSet, system: Set<RowColumn>) {
    self.members = members
    self.system = system
  }
}
