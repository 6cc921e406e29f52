package import Schema

/// A column of a collection that a rule or a filter may name.
package enum RowColumn: Hashable, Sendable {
  case id
  case version
  case createdAt
  case updatedAt
  /// A stored field, by its index.
  case field(Int)

  /// The column of that name, or nil.
  package init?(_ name: String, in collection: Collection) {
    switch name {
    case "id": self = .id
    case "version": self = .version
    case "createdAt": self = .createdAt
    case "updatedAt": self = .updatedAt
    default:
      guard let index = collection.fields.firstIndex(where: { $0.name == name }) else { return nil }
      self = .field(index)
    }
  }

  /// The column's name, which is the field's.
  package func name(in collection: Collection) -> String {
    switch self {
    case .id: "id"
    case .version: "version"
    case .createdAt: "createdAt"
    case .updatedAt: "updatedAt"
    case .field(let index): collection.fields[index].name
    }
  }

  /// The names of the system columns, in the order in which they are answered.
  package static let systemNames = ["id", "version", "createdAt", "updatedAt"]

  /// What the column holds, as a field: the declared one, or one that stands for a system column.
  package func field(in collection: Collection) -> Field {
    switch self {
    case .id: RowColumn.idField(of: collection)
    case .version: RowColumn.versionField
    case .createdAt: RowColumn.createdAtField
    case .updatedAt: RowColumn.updatedAtField
    case .field(let index): collection.fields[index]
    }
  }

  private static let versionField = Field(name: "version", type: .int64, isRequired: true)
  private static let createdAtField = Field(name: "createdAt", type: .dateTime, isRequired: true)
  private static let updatedAtField = Field(name: "updatedAt", type: .dateTime, isRequired: true)
  private static func idField(of collection: Collection) -> Field {
    Field(name: "id", type: .reference(typeName: collection.typeName), isRequired: true)
  }
}

/// A path over references to a column of the last row: `band.name`, `setList.band.name`.
package struct ReferencePath: Hashable, Sendable {
  package struct Step: Hashable, Sendable {
    /// The index of the reference in the collection that the path stands at.
    package let field: Int
    /// The index of the collection that it leads to.
    package let target: Int

    package init(field: Int, target: Int) {
      self.field = field
      self.target = target
    }
  }

  /// At least one.
  package let steps: [Step]
  package let column: RowColumn

  package init(steps: [Step], column: RowColumn) {
    self.steps = steps
    self.column = column
  }
}

/// What an expression compares.
package enum Operand: Sendable, Equatable {
  case value(FieldValue)
  case column(RowColumn)
  /// NULL where a row of the path is missing or deleted.
  case path(ReferencePath)
  /// The caller's account; NULL without one.
  case uid
  /// Whether the caller's account is an anonymous one; false without one.
  case anonymous
}
