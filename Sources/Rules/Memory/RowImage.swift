package import RoostCore
package import Schema

/// A row as rules see it in memory.
package struct RowImage: Sendable {
  /// The index of its collection.
  package let collection: Int
  package let id: UUID
  package let version: Int64
  package let createdAt: Timestamp
  package let updatedAt: Timestamp
  package let isDeleted: Bool
  /// The value of each stored field, by index.
  package let values: [FieldValue]

  package init(
    collection: Int, id: UUID, version: Int64 = 1, createdAt: Timestamp, updatedAt: Timestamp,
    isDeleted: Bool = false, values: [FieldValue]
  ) {
    self.collection = collection
    self.id = id
    self.version = version
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.isDeleted = isDeleted
    self.values = values
  }

  package func value(_ column: RowColumn) -> FieldValue {
    switch column {
    case .id: .uuid(id)
    case .version: .int(version)
    case .createdAt: .int(createdAt.milliseconds)
    case .updatedAt: .int(updatedAt.milliseconds)
    case .field(let index): values[index]
    }
  }
}

/// The rows around a row in memory.
package protocol RelatedRows {
  /// The row of that id, deleted or not; nil where there never was one.
  func row(_ collection: Int, _ id: UUID) -> RowImage?
  /// The live rows whose reference `field` is `id`.
  func rows(_ collection: Int, where field: Int, is id: UUID) -> [RowImage]
}

/// No rows around: for rules that read none.
package struct NoRelatedRows: RelatedRows {
  package init() {}
  package func row(_ collection: Int, _ id: UUID) -> RowImage? { nil }
  package func rows(_ collection: Int, where field: Int, is id: UUID) -> [RowImage] { [] }
}
