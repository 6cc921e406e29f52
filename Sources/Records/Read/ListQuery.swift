package import Queries
package import RoostCore
package import Rules
import Schema

/// What a list is asked for.
package struct ListQuery: Sendable {
  /// How the number of matching records is wanted.
  package enum Count: String, Sendable, CaseIterable {
    case none
    case estimated
    case exact
  }

  /// The records that refer to one by a field: a sub-collection.
  package struct Parent: Sendable, Hashable {
    /// The index of the referring field.
    package let field: Int
    package let id: UUID

    package init(field: Int, id: UUID) {
      self.field = field
      self.id = id
    }
  }

  package var limit: Int
  /// At least one key; the id follows behind the last one, in its direction.
  package var sort: [SortKey]
  /// Where the page starts; nil for the beginning.
  package var after: PagePosition?
  package var count: Count
  package var filter: Expression?
  package var search: SearchQuery?
  package var parent: Parent?
  package var shown = ShownMembers()

  package init(
    limit: Int = 50, sort: [SortKey] = [.id], after: PagePosition? = nil, count: Count = .none
  ) {
    self.limit = limit
    self.sort = sort
    self.after = after
    self.count = count
  }
}

/// What of a record is answered: `fields` and `expand`.
package struct ShownMembers: Sendable {
  /// nil for all fields.
  package var selection: FieldSelection?
  package var expansions: [Expansion] = []

  package init() {}

  package var isPlain: Bool { selection == nil && expansions.isEmpty }
}

/// One key of a list's order; rows with equal keys are in the order of their ids.
package struct SortKey: Sendable, Hashable {
  package let column: RowColumn
  package let descending: Bool

  package init(column: RowColumn, descending: Bool) {
    self.column = column
    self.descending = descending
  }

  package static let id = SortKey(column: .id, descending: false)
}

/// The place of a row in a list's order: the values of its sort keys, and its id.
package struct PagePosition: Sendable, Equatable {
  /// nil where they were too long to travel and are read from the row again.
  package let values: [Value]?
  package let id: UUID

  package init(values: [Value]?, id: UUID) {
    self.values = values
    self.id = id
  }
}

/// A page of a list.
package struct Page: Sendable {
  /// The records as a JSON array.
  package let items: [UInt8]
  /// Where the next page starts; nil on the last one.
  package let next: PagePosition?
  package let count: Int64?
}

/// A record as it is answered.
package struct RenderedRecord: Sendable {
  package let id: UUID
  package let version: Int64
  /// A JSON object.
  package let json: [UInt8]
  /// The members that the caller sees; nil for all of them.
  package let members: FieldSet?
  /// The ids and versions of the records that were expanded into it, in order.
  package let expanded: [UInt8]

  package init(
    id: UUID, version: Int64, json: [UInt8], members: FieldSet? = nil, expanded: [UInt8] = []
  ) {
    self.id = id
    self.version = version
    self.json = json
    self.members = members
    self.expanded = expanded
  }
}
