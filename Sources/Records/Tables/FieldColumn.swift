import Queries
import Schema

extension Field {
  /// The type of the column that holds the field.
  func columnType(_ dialect: Dialect) -> SQL {
    switch StoredKind(self) {
    case .bool, .int, .timestamp, .duration, .int64: dialect.integer
    case .double: dialect.real
    case .text, .json, .formattedList, .sealed: dialect.text
    case .uuid: dialect.id
    }
  }

  /// What follows the column's type where rows that say nothing get a value: those that are there,
  /// at once and without being written, and those of servers that do not know the field yet.
  var columnDefault: SQL {
    guard let value = defaultValue?.stored, value != .null else { return "" }
    return " DEFAULT \(SQL.literal(value))"
  }
}
