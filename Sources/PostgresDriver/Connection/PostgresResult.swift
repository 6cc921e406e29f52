import CPostgres
import Queries
import RoostCore

/// A result of libpq, freed with the object.
final class PostgresResult: @unchecked Sendable {
  // Sendable: libpq does not change a result, and one thread at a time reads it.
  let handle: OpaquePointer

  init(_ handle: OpaquePointer) { self.handle = handle }

  deinit { PQclear(handle) }

  var status: ExecStatusType { PQresultStatus(handle) }

  /// Rows that the statement inserted, updated or deleted.
  var changedRows: Int {
    guard let text = PQcmdTuples(handle), text.pointee != 0 else { return 0 }
    if let tag = PQcmdStatus(handle), String(cString: tag).hasPrefix("SELECT") { return 0 }
    return Int(String(cString: text)) ?? 0
  }

  /// Whether the statement only read.
  var isSelection: Bool {
    PQcmdStatus(handle).map { String(cString: $0).hasPrefix("SELECT") } ?? false
  }

  /// Whether the statement changed the schema.
  var isDefinition: Bool {
    guard let tag = PQcmdStatus(handle) else { return false }
    let text = String(cString: tag)
    return text.hasPrefix("CREATE") || text.hasPrefix("ALTER") || text.hasPrefix("DROP")
  }

  /// Whether this is the answer to a `COMMIT` that did commit.
  var isCommit: Bool { PQcmdStatus(handle).map { String(cString: $0) == "COMMIT" } ?? false }

  /// Calls `body` for each row until it says that it has enough.
  func forEach(_ body: (any Row) throws -> Bool) rethrows {
    let count = PQntuples(handle)
    guard count > 0 else { return }
    let row = PostgresRow(self)
    for number in 0..<count {
      row.move(to: number)
      if try !body(row) { return }
    }
  }
}
