package import RoostCore

/// The referenced rows whose immutable columns the scopes of a row are made from.
package struct ResolvedRows: Sendable {
  /// A row by its collection and id.
  package struct Key: Hashable, Sendable {
    package let collection: Int
    package let id: UUID

    package init(_ collection: Int, _ id: UUID) {
      self.collection = collection
      self.id = id
    }
  }

  private enum Known: Sendable {
    case row(RowImage)
    case missing
  }

  private var rows: [Key: Known] = [:]

  package init() {}

  /// Adds a row, deleted or not.
  package mutating func insert(_ row: RowImage) {
    rows[Key(row.collection, row.id)] = .row(row)
  }

  /// Notes that there is no such row.
  package mutating func insertMissing(_ key: Key) { rows[key] = .missing }

  func isKnown(_ key: Key) -> Bool { rows[key] != nil }

  func row(_ key: Key) -> RowImage? {
    if case .row(let row) = rows[key] { row } else { nil }
  }
}
