package import Queries
package import RoostCore
import Schema

/// What a list is asked for.
package struct ListQuery: Sendable {
  /// How the number of matching records is wanted.
  package enum Count: String, Sendable, CaseIterable {
    case none
    case estimated
    case exact
  }

  package var limit: Int
  package var sort: SortKey
  /// Where the page starts; nil for the beginning.
  package var after: PagePosition?
  package var count: Count

  package init(
    limit: Int = 50, sort: SortKey = .id, after: PagePosition? = nil, count: Count = .none
  ) {
    self.limit = limit
    self.sort = sort
    self.after = after
    self.count = count
  }
}

/// The key of a list's order; rows with equal keys are in the order of their ids.
package struct SortKey: Sendable, Hashable {
  package let name: String
  package let descending: Bool

  package init(name: String, descending: Bool) {
    self.name = name
    self.descending = descending
  }

  package static let id = SortKey(name: "id", descending: false)
}

/// The place of a row in a list's order: its sort value and its id.
package struct PagePosition: Sendable, Equatable {
  /// The value of the sort key; nil where it was too long to travel and is read from the row.
  package let value: Value?
  package let id: UUID

  package init(value: Value?, id: UUID) {
    self.value = value
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
}
