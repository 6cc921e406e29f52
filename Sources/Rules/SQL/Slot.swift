package import Queries
import RoostCore
package import Schema

/// What a placeholder of a predicate is filled with when its statement runs.
///
/// A predicate's text is the same for all callers of one plan; what tells them apart stands here.
package enum Slot: Sendable, Equatable {
  /// The caller's account.
  case uid
  case isAnonymous
  /// Whether the caller has a role.
  case hasRole(String)
  /// A JSON array of texts.
  case claims
  case roles
  /// A constant of a rule or a filter.
  case value(Value)
  /// A column of a row in memory.
  case column(RowColumn)
  /// A value that is given when the statement runs, by its number.
  case argument(Int)

  /// The value for a caller, for a row in memory where the predicate was written for one, and with
  /// the arguments of the run.
  package func value(_ facts: CallerFacts, _ row: RowImage?, _ arguments: [Value]) -> Value {
    switch self {
    case .uid: .optional(facts.uid)
    case .isAnonymous: .bool(facts.isAnonymous)
    case .hasRole(let role): .bool(facts.roles.contains(role))
    case .claims: .text(Slot.list(facts.claims))
    case .roles: .text(Slot.list(facts.roles))
    case .value(let value): value
    case .column(let column): row.map { Value($0.value(column)) } ?? .null
    case .argument(let number): arguments[number]
    }
  }

  private static func list(_ words: Set<String>) -> String {
    JSON.array(words.sorted().map { .string($0) }).text
  }
}

extension Value {
  /// The form in which a field's value is bound.
  package init(_ value: FieldValue) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .text(let value): self = .text(value)
    case .uuid(let value): self = .uuid(value)
    case .json(let value): self = .text(value.text)
    }
  }
}
