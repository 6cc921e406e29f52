import Cryptography
package import Queries
package import RoostCore

/// How far a rotation of keys is.
package struct KeyRotation: Sendable, Equatable {
  private enum Stage: String {
    case begin, keys, values, done
  }

  /// Whether values are sealed anew under new data keys, and not only the data keys wrapped anew.
  package let sealsValues: Bool
  private var stage: Stage = .begin
  /// The last data key that was looked at.
  private var key = ""
  /// The number of the collection that is worked on, and its last row that was looked at.
  private var collection: Int64 = 0
  private var row: UUID?
  /// Data keys that were wrapped anew, and rows that were sealed anew.
  package private(set) var keys: Int64 = 0
  package private(set) var rows: Int64 = 0

  package init(sealsValues: Bool) { self.sealsValues = sealsValues }

  /// Reads what `json` wrote.
  package init?(_ json: JSON) {
    guard let stage = json["stage"]?.string.flatMap(Stage.init(rawValue:)) else { return nil }
    sealsValues = json["values"]?.bool == true
    self.stage = stage
    key = json["key"]?.string ?? ""
    collection = json["collection"]?.int ?? 0
    row = json["row"]?.string.flatMap { UUID($0) }
    keys = json["keys"]?.int ?? 0
    rows = json["rows"]?.int ?? 0
  }

  package var json: JSON {
    [
      "values": .bool(sealsValues), "stage": .string(stage.rawValue), "key": .string(key),
      "collection": .int(collection), "row": row.map { .string($0.description) } ?? .null,
      "keys": .int(keys), "rows": .int(rows),
    ]
  }

  package var isDone: Bool { stage == .done }

  /// What it is at, in words.
  package var text: String {
    switch stage {
    case .begin: "begins"
    case .keys: "data keys are wrapped anew"
    case .values: "values are sealed anew"
    case .done: "done"
    }
  }

  fileprivate static let keysAtOnce = 500
  fileprivate static let rowsAtOnce = 100
}

extension RecordStore {
  /// Whether data keys are wrapped by a former master key.
  package func isRewrapDue(in reader: any Reader) async throws -> Bool {
    guard let keys = catalogue.keys else { return false }
    return try await DataKeyTable.masters(in: reader).contains { $0 != keys.masters.current.id }
  }

  /// Destroys the data keys of a person: what they sealed reads as null from then on.
  ///
  /// Returns how many there were.
  package func destroyKeys(of person: UUID, in transaction: any Transaction) async throws -> Int {
    guard let keys = catalogue.keys else { return 0 }
    return try await keys.destroy(of: person, in: transaction)
  }

  /// The next step of a rotation.
  package func step(
    _ rotation: KeyRotation, in transaction: any Transaction
  ) async throws -> KeyRotation {
    guard let keys = catalogue.keys else {
      throw RoostError(.conflict, "There is no master key, so there is nothing to rotate.")
    }
    return try await rotation.step(keys, catalogue, in: transaction)
  }
}

extension KeyRotation {
  fileprivate func step(
    _ dataKeys: DataKeys, _ catalogue: Catalogue, in transaction: any Transaction
  ) async throws -> KeyRotation {
    var next = self
    switch stage {
    case .begin:
      if sealsValues {
        // Whoever seals meanwhile holds the key until their commit, and is waited for here.
        try await transaction.execute("UPDATE roost_data_key SET state = 0 WHERE state = 1")
      }
      next.stage = .keys
    case .keys: try await next.rewrap(dataKeys, in: transaction)
    case .values: try await next.reseal(catalogue, in: transaction)
    case .done: break
    }
    return next
  }

  private mutating func rewrap(
    _ dataKeys: DataKeys, in transaction: any Transaction
  ) async throws {
    let after = key
    let found = try await transaction.all(
      """
      SELECT id, wrapped FROM roost_data_key WHERE id > \(after) AND state < 2 \
      ORDER BY id LIMIT \(KeyRotation.keysAtOnce)\(transaction.dialect.forUpdate)
      """
    ) { (id: $0.text(0), wrapped: $0.text(1)) }
    for (id, wrapped) in found where !wrapped.hasPrefix(dataKeys.masters.current.id) {
      guard let opened = dataKeys.masters.unwrap(wrapped[...], id: id) else {
        dataKeys.ambient.logger.error(
          "a data key does not open, and is left as it is", [("key", .string(id))])
        continue
      }
      try await transaction.execute(
        "UPDATE roost_data_key SET wrapped = \(dataKeys.wrap(opened)) WHERE id = \(id)")
      keys += 1
    }
    if found.count == KeyRotation.keysAtOnce, let last = found.last {
      key = last.id
    } else {
      stage = sealsValues ? .values : .done
    }
  }

  private mutating func reseal(
    _ catalogue: Catalogue, in transaction: any Transaction
  ) async throws {
    let sealed = catalogue.collections.filter { $0.sealing != nil }.sorted { $0.number < $1.number }
    guard let current = sealed.first(where: { $0.number >= collection }),
      let sealing = current.sealing
    else {
      stage = .done
      return
    }
    if current.number != collection {
      collection = current.number
      row = nil
    }
    let beyond: SQL = row.map { "WHERE id > \($0) " } ?? .empty
    let ids = try await transaction.all(
      """
      SELECT id FROM \(current.table) \(beyond)ORDER BY id LIMIT \(KeyRotation.rowsAtOnce)
      """
    ) { $0.uuid(0) }.compactMap { $0 }
    for id in ids {
      let record = try await transaction.first(current.selectForWrite, [.uuid(id)]) {
        current.record($0)
      }
      guard let record = record ?? nil else { continue }
      if try await sealing.reseal(record, current, in: transaction) { rows += 1 }
    }
    if ids.count == KeyRotation.rowsAtOnce {
      row = ids.last
    } else {
      collection = current.number + 1
      row = nil
    }
  }
}
