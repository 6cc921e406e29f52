package import RoostCore

/// A value that is bound to a statement; every engine stores exactly these kinds.
package enum Value: Sendable, Hashable {
  case null
  case int(Int64)
  case double(Double)
  case text(String)
  case blob([UInt8])
  /// Stored as sixteen bytes on SQLite, as `uuid` on PostgreSQL.
  case uuid(UUID)

  /// Milliseconds since 1970 as an integer.
  package static func timestamp(_ value: Timestamp) -> Value { .int(value.milliseconds) }
  package static func bool(_ value: Bool) -> Value { .int(value ? 1 : 0) }
  /// The value, or null.
  package static func optional(_ value: UUID?) -> Value { value.map { .uuid($0) } ?? .null }
  package static func optional(_ value: String?) -> Value { value.map { .text($0) } ?? .null }
  package static func optional(_ value: Int64?) -> Value { value.map { .int($0) } ?? .null }
}
