package import Queries
import RoostCore

/// Columns and tables that a schema has no longer, kept for the way back.
package enum RetiredParts {
  package struct Part: Sendable {
    /// `Note.text`, or the type of a collection.
    package let name: String
    package let kept: String
    /// Rows that hold something.
    package let rows: Int64
    /// Characters or bytes of the values; for a collection of its rows' ids alone, as a lower bound.
    package let bytes: Int64
  }

  private struct Place {
    let table: String
    let column: String
  }

  /// What is kept, with its size.
  package static func all(in reader: any Reader) async throws -> [Part] {
    var parts: [Part] = []
    for retired in try await StoredSchema.read(in: reader).retired {
      guard let place = try await place(of: retired, in: reader) else { continue }
      let size = try await reader.first(
        """
        SELECT count(\(identifier: place.column)), \
        CAST(coalesce(sum(length(CAST(\(identifier: place.column) AS text))), 0) AS BIGINT) \
        FROM \(identifier: place.table)
        """
      ) { (rows: $0.int64(0), bytes: $0.int64(1)) }
      parts.append(
        Part(
          name: retired.name, kept: retired.kept, rows: size?.rows ?? 0, bytes: size?.bytes ?? 0))
    }
    return parts
  }

  /// Drops what is kept of `items`, or of everything; returns the names.
  package static func forget(
    _ items: Set<String>?, in transaction: any Transaction
  ) async throws -> [String] {
    if let lock = transaction.dialect.lockOfTables {
      try await transaction.query(lock) { _ in false }
    }
    var gone: [String] = []
    var dropped: Set<Int64> = []
    for retired in try await StoredSchema.read(in: transaction).retired {
      if dropped.contains(retired.collection) { continue }
      if let items, !items.contains(retired.name) { continue }
      if let place = try await place(of: retired, in: transaction) {
        try await TableLocks.take([place.table], in: transaction)
        if retired.field == nil {
          try await transaction.execute("DROP TABLE \(identifier: place.table)")
          try await forgetFields(of: retired.collection, in: transaction)
          dropped.insert(retired.collection)
        } else {
          try await transaction.execute(
            "ALTER TABLE \(identifier: place.table) DROP COLUMN \(identifier: place.column)")
        }
      }
      try await transaction.execute("DELETE FROM roost_retired WHERE number = \(retired.number)")
      gone.append(retired.name)
    }
    return gone
  }

  /// Removes what is on record of the fields of a collection whose table is gone.
  ///
  /// The collection's number stays taken: the log and the streams of clients still speak of it.
  private static func forgetFields(
    of collection: Int64, in transaction: any Transaction
  ) async throws {
    for table in ["roost_retired", "roost_field", "roost_stream_rules"] as [SQL] {
      try await transaction.execute("DELETE FROM \(table) WHERE collection = \(collection)")
    }
  }

  /// Where it is kept; nil where its collection is gone.
  private static func place(
    of retired: StoredSchema.Retired, in reader: any Reader
  ) async throws -> Place? {
    guard retired.field != nil else { return Place(table: retired.kept, column: "id") }
    let table = try await reader.first(
      "SELECT name FROM roost_collection WHERE number = \(retired.collection)"
    ) { $0.text(0) }
    guard let table else { return nil }
    if RetiredName.isOne(table) {
      let isKept = try await reader.first(
        "SELECT 1 FROM roost_retired WHERE collection = \(retired.collection) AND field IS NULL"
      ) { _ in true }
      guard isKept ?? false else { return nil }
    }
    return Place(table: table, column: retired.kept)
  }
}

extension MigrationTask {
  /// The tasks of the migrations under way.
  package static func underWay(in reader: any Reader) async throws -> [MigrationTask] {
    try await all(onlyOpen: false, in: reader)
  }
}
