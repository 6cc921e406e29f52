package import Queries

/// A fragment of SQL whose placeholders are filled later: the text and, in its order, the slots.
package struct Template: Sendable, Equatable {
  /// With a placeholder for each slot, and no values.
  package private(set) var sql: SQL
  package private(set) var slots: [Slot]

  package init(_ sql: SQL = .empty) {
    self.sql = sql
    slots = []
  }

  /// A fragment with a placeholder for each of `slots`.
  package init(_ sql: SQL, slots: [Slot]) {
    self.sql = sql
    self.slots = slots
  }

  package static func slot(_ slot: Slot) -> Template {
    var template = Template(.placeholder)
    template.slots = [slot]
    return template
  }

  package static func + (left: Template, right: Template) -> Template {
    var result = left
    result += right
    return result
  }

  package static func += (left: inout Template, right: Template) {
    left.sql += right.sql
    left.slots += right.slots
  }

  package static func += (left: inout Template, right: SQL) { left.sql += right }

  package static func argument(_ number: Int) -> Template { .slot(.argument(number)) }

  /// The fragment with its values, for a statement that runs once.
  package func bound(
    _ facts: CallerFacts, _ row: RowImage? = nil, _ arguments: [Value] = []
  ) -> SQL {
    sql.binding(slots.map { $0.value(facts, row, arguments) })
  }
}

/// A statement that is used again and again, with what its placeholders are filled with.
package struct PreparedTemplate: Sendable {
  package let statement: Statement
  private let slots: [Slot]

  package init(_ template: Template) {
    statement = Statement(template.sql)
    slots = template.slots
  }

  /// The values of the placeholders.
  package func values(
    _ facts: CallerFacts, _ row: RowImage? = nil, _ arguments: [Value] = []
  ) -> [Value] {
    slots.map { $0.value(facts, row, arguments) }
  }
}

extension Sequence<Template> {
  package func joined(by separator: SQL) -> Template {
    var result = Template()
    var isFirst = true
    for template in self {
      if !isFirst { result += separator }
      result += template
      isFirst = false
    }
    return result
  }
}
