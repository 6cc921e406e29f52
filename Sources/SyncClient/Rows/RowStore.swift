package import RoostCore
package import SyncProtocol

/// Where a device keeps its rows: those of the server, and the values that never leave it.
///
/// A store on a disk belongs to the transaction in which the rest of the core's state is stored.
/// One that fails keeps the error and throws it as that transaction ends: then the core is read
/// again as it was stored before.
package protocol RowStore: Sendable {
  /// The row; nil where no stream holds it.
  func row(_ key: RowKey) -> SyncedRow?
  /// Keeps a row, or removes it with nil.
  mutating func set(_ key: RowKey, _ row: SyncedRow?)
  func rows(of collection: String) -> [UUID: SyncedRow]
  /// The rows that a stream holds, in any order.
  func keys(in stream: Int64) -> [RowKey]
  /// How many rows each stream holds.
  func counts() -> [Int64: Int]

  /// The values of a row that never leave the device.
  func local(_ key: RowKey) -> JSONObject?
  /// Keeps them, or removes them with nil.
  mutating func setLocal(_ key: RowKey, _ values: JSONObject?)
  func locals(of collection: String) -> [UUID: JSONObject]
}

/// Rows in memory; a value, so that a copy is a backup.
package struct MemoryRowStore: RowStore {
  private var tables: [String: [UUID: SyncedRow]] = [:]
  private var locals: [String: [UUID: JSONObject]] = [:]

  package init() {}

  package func row(_ key: RowKey) -> SyncedRow? { tables[key.collection]?[key.id] }

  package mutating func set(_ key: RowKey, _ row: SyncedRow?) {
    tables[key.collection, default: [:]][key.id] = row
  }

  package func rows(of collection: String) -> [UUID: SyncedRow] { tables[collection] ?? [:] }

  package func keys(in stream: Int64) -> [RowKey] {
    var keys: [RowKey] = []
    for (collection, rows) in tables {
      for (id, row) in rows where row.reference(of: stream) != nil {
        keys.append(RowKey(collection: collection, id: id))
      }
    }
    return keys
  }

  package func counts() -> [Int64: Int] {
    var counts: [Int64: Int] = [:]
    for rows in tables.values {
      for row in rows.values {
        for reference in row.references { counts[reference.stream, default: 0] += 1 }
      }
    }
    return counts
  }

  package func local(_ key: RowKey) -> JSONObject? { locals[key.collection]?[key.id] }

  package mutating func setLocal(_ key: RowKey, _ values: JSONObject?) {
    locals[key.collection, default: [:]][key.id] = values
  }

  package func locals(of collection: String) -> [UUID: JSONObject] { locals[collection] ?? [:] }
}
