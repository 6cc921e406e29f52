import Queries

/// What the database holds of the collections, each table read once: a start would otherwise ask for
/// each collection, which is far where the database is another machine.
struct StoredParts {
  /// What the database holds of one field.
  struct Field {
    let name: String
    let number: UInt32
    let type: String
    let isRequired: Bool
  }

  /// The fields of each collection, with those that are retired.
  private(set) var fields: [Int64: [Field]] = [:]
  /// The definition of each index of a collection, by its name.
  private(set) var indexes: [Int64: [String: String]] = [:]
  /// By what the rows of a collection stand in streams.
  private(set) var streamSignatures: [Int64: String] = [:]
  /// What the search tables of a collection are made of.
  private(set) var searchSignatures: [Int64: String] = [:]

  static func read(in reader: any Reader) async throws -> StoredParts {
    var parts = StoredParts()
    try await reader.query(selectFields, []) { row in
      parts.fields[row.int64(0), default: []].append(
        Field(
          name: row.text(1), number: UInt32(clamping: row.int64(2)), type: row.text(3),
          isRequired: row.bool(4)))
      return true
    }
    try await reader.query(selectIndexes, []) { row in
      parts.indexes[row.int64(0), default: [:]][row.text(1)] = row.text(2)
      return true
    }
    try await reader.query(selectStreams, []) { row in
      parts.streamSignatures[row.int64(0)] = row.text(1)
      return true
    }
    try await reader.query(selectSearch, []) { row in
      parts.searchSignatures[row.int64(0)] = row.text(1)
      return true
    }
    return parts
  }

  private static let selectFields = Statement(
    "SELECT collection, name, number, type, required FROM roost_field")
  private static let selectIndexes = Statement(
    "SELECT collection, name, definition FROM roost_index")
  private static let selectStreams = Statement(
    "SELECT collection, signature FROM roost_stream_rules")
  private static let selectSearch = Statement("SELECT collection, signature FROM roost_search")
}
