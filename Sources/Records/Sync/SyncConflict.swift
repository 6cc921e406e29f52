import Queries
package import RoostCore
import Rules
import Schema
import SyncProtocol

/// Two values of a field between which a person has to choose.
package struct SyncConflict: Sendable {
  package let id: UUID
  /// The collection's name; empty for one that the schema has no longer.
  package let collection: String
  package let row: UUID
  /// The field's name; nil for one that the schema has no longer.
  package let field: String?
  /// The value that stood when the change came, and stands unless it was changed since; nil where
  /// the person may not see it.
  package var theirs: JSON?
  /// What the device wanted: a value, or an intent such as `{"$increment": 1}`.
  package let mine: JSON
  /// The mutation.
  package let oid: UUID
  package let at: Timestamp
  package let isResolved: Bool
  /// What was chosen, if it is resolved.
  package let resolution: JSON?
}

extension SyncConflict {
  /// Where the sealed texts of a conflict open.
  static func place(_ id: UUID) -> SealedPlace { SealedPlace("conflict", id.bytes) }

  /// How much the values take in a row of `SyncTables.conflictColumns`.
  static func bytes(_ row: any Row) -> Int {
    [5, 6].reduce(0) { $0 + (row.optionalText($1)?.utf8.count ?? 0) }
  }

  /// A conflict from a row of `SyncTables.conflictColumns`.
  init?(_ row: any Row, _ catalogue: Catalogue) {
    guard let id = row.uuid(0), let record = row.uuid(2), let oid = row.uuid(7) else { return nil }
    let collection = catalogue.collection(number: row.int64(1))
    let number = UInt32(truncatingIfNeeded: row.int64(3))
    let place = SyncConflict.place(id)
    func json(_ column: Int) -> JSON? {
      var text = row.optionalText(column)
      if let sealed = text, sealed.hasPrefix("$") { text = catalogue.keys?.text(sealed, place) }
      return text.flatMap { try? JSON.parse(text: $0) }
    }
    self.id = id
    self.collection = collection?.name ?? ""
    self.row = record
    field = collection.flatMap { collection in
      collection.fieldNumbers.firstIndex(of: number).map { collection.fields[$0].name }
    }
    theirs = json(5)
    mine = json(6) ?? .null
    self.oid = oid
    at = row.timestamp(9)
    isResolved = row.int64(8) != 0
    resolution = json(11)
  }
}

extension RecordStore {
  /// The conflicts that a person is to decide, the oldest first; at most `limit`, and no more once
  /// their values come to `room` bytes.
  ///
  /// Values that they may not see any more are left out.
  package func conflicts(
    of caller: Caller, limit: Int = 200, room: Int = .max
  ) async throws -> [SyncConflict] {
    guard let account = caller.uid else { return [] }
    return try await database.read(.snapshot) { reader in
      var found: [SyncConflict] = []
      var left = room
      try await reader.query(
        SyncTables.openConflicts, [.uuid(account), .int(Int64(max(0, min(limit, 1000))))]
      ) { row in
        if let conflict = SyncConflict(row, self.catalogue) { found.append(conflict) }
        left -= SyncConflict.bytes(row)
        return left > 0
      }
      for index in found.indices where found[index].theirs != nil {
        if try await !self.isSeen(found[index], by: caller, in: reader) {
          found[index].theirs = nil
        }
      }
      return found
    }
  }

  /// How many conflicts nobody has decided.
  package func openConflicts() async throws -> Int {
    try await database.read(.statement) { reader in
      var count = 0
      try await reader.query(SyncTables.countOpen, []) { row in
        count = Int(clamping: row.int64(0))
        return false
      }
      return count
    }
  }

  /// A value of a conflict as it is kept: sealed where its field is.
  func conflictText(
    _ value: JSON, of conflict: UUID, _ account: UUID, _ collection: String, _ field: String?,
    in transaction: any Transaction
  ) async throws -> Value {
    guard let keys = catalogue.keys, let collection = catalogue.collection(named: collection),
      let index = field.flatMap({ collection.index(of: $0) }), collection.fields[index].isSealed
    else { return .text(value.text) }
    return .text(
      try await keys.seal(
        value.text, SyncConflict.place(conflict), of: .person(account), in: transaction))
  }

  /// A conflict of an account, held until the commit.
  func conflict(
    _ id: UUID, of account: UUID, isHeld: Bool, in transaction: any Transaction
  ) async throws -> SyncConflict? {
    var found: SyncConflict?
    let select = isHeld ? SyncTables.heldConflict[transaction.dialect] : SyncTables.conflict
    try await transaction.query(select, [.uuid(id), .uuid(account)]) { row in
      found = SyncConflict(row, self.catalogue)
      return false
    }
    return found
  }

  private func isSeen(
    _ conflict: SyncConflict, by caller: Caller, in reader: any Reader
  ) async throws -> Bool {
    guard let collection = catalogue.collection(named: conflict.collection),
      let field = conflict.field.flatMap({ collection.index(of: $0) }),
      !self.reader(caller).access(collection).isNever
    else { return false }
    let read = try pointRead(collection, conflict.row, ShownMembers(), by: caller)
    guard let record = try await read(reader) else { return false }
    return record.members?.contains(field) ?? true
  }
}
