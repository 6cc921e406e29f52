import Queries
import RoostCore
import Schema

extension ConflictRows {
  /// Ends what is to be decided about rows that go, in their transaction: it leaves the devices with
  /// them.
  ///
  /// A collection of which no field is up to people has none; what is left from a schema in which one
  /// was, housekeeping ends. So it does with what is more than a few hundred: who deletes a row does
  /// not pay for all that others left open there.
  static func close(
    _ rows: [(collection: CompiledCollection, id: UUID)], at time: Timestamp,
    in transaction: any Transaction
  ) async throws {
    var left = Int(SyncTables.conflictsAtOnce)
    var groups: [Int64: [UUID]] = [:]
    for row in rows where row.collection.isDisputable {
      groups[row.collection.number, default: []].append(row.id)
    }
    // In one order, as everybody who holds several.
    for (collection, ids) in groups.sorted(by: { $0.key < $1.key }) {
      var rest = ids.sorted()[...]
      while !rest.isEmpty, left > 0 {
        let values = PaddedList.padded(rest.prefix(PaddedList.largest).map { Value.uuid($0) })
        rest = rest.dropFirst(PaddedList.largest)
        var open: [(id: UUID, account: UUID)] = []
        try await transaction.query(
          SyncTables.conflictsOfRows[transaction.dialect, values.count],
          [.int(collection)] + values
        ) { row in
          open.append((row.uuid(0) ?? .zero, row.uuid(1) ?? .zero))
          return true
        }
        for conflict in open.prefix(left) {
          try await close(conflict.id, of: conflict.account, at: time, in: transaction)
        }
        left -= open.count
      }
    }
  }

  /// Ends a conflict that nobody can decide any more.
  static func close(
    _ id: UUID, of account: UUID, at time: Timestamp, in transaction: any Transaction
  ) async throws {
    try await transaction.post(SyncTables.resolve, [.timestamp(time), .null, .uuid(id)])
    transaction.attach(ConflictChange(of: account, id, isOpen: false))
  }
}

extension CompiledCollection {
  /// Whether an edit of a field may be put to a person.
  fileprivate var isDisputable: Bool {
    model.fields.contains { field in
      switch field.merge ?? model.merge {
      case .userChoice: true
      case .clientWins:
        (field.merge == nil ? model.mergeOptions : field.mergeOptions).staleAfter != nil
      default: false
      }
    }
  }
}

extension RecordStore {
  private static let closedAtOnce = Int(SyncTables.conflictsAtOnce)

  /// An open conflict, as far as it tells whether it can be decided.
  private struct OpenConflict {
    let id: UUID
    let account: UUID
    let collection: Int64
    let row: UUID
    let field: UInt32

    init(_ row: any Row) {
      id = row.uuid(0) ?? .zero
      account = row.uuid(1) ?? .zero
      collection = row.int64(2)
      self.row = row.uuid(3) ?? .zero
      field = UInt32(truncatingIfNeeded: row.int64(4))
    }
  }

  /// Ends the conflicts whose row is gone, or whose collection or field the schema has no longer, in
  /// small transactions; gives how many.
  ///
  /// A delete ends those of its row: what is left is of servers before that, of a migration, or of a
  /// collection in which nothing is up to people any more.
  @discardableResult
  package func closeMootConflicts() async throws -> Int {
    var closed = 0
    var last: [Value] = [.int(-1), .uuid(.zero), .uuid(.zero)]
    while true {
      let from = last
      let (count, end, moot) = try await database.read(.snapshot) { reader in
        var page: [OpenConflict] = []
        try await reader.query(
          SyncTables.conflictsBehind, from + [.int(Int64(RecordStore.closedAtOnce))]
        ) { row in
          page.append(OpenConflict(row))
          return true
        }
        let moot = try await self.moot(page, in: reader).map(\.id)
        return (page.count, page.last, moot)
      }
      for group in stride(from: 0, to: moot.count, by: PaddedList.largest) {
        let some = Array(moot[group..<min(group + PaddedList.largest, moot.count)])
        closed += try await database.write { try await self.close(some, in: $0) }
      }
      guard count == RecordStore.closedAtOnce, let end else { return closed }
      last = [.int(end.collection), .uuid(end.row), .uuid(end.id)]
    }
  }

  private func close(_ ids: [UUID], in transaction: any Transaction) async throws -> Int {
    let values = PaddedList.padded(ids.map { Value.uuid($0) })
    var open: [OpenConflict] = []
    try await transaction.query(
      SyncTables.openAmong[transaction.dialect, values.count], values
    ) { row in
      open.append(OpenConflict(row))
      return true
    }
    let now = ambient.time.now()
    // Looked at once more: a row may have come back.
    let moot = try await moot(open, in: transaction)
    for conflict in moot {
      try await ConflictRows.close(conflict.id, of: conflict.account, at: now, in: transaction)
    }
    return moot.count
  }

  /// Those that nobody can decide.
  private func moot(
    _ conflicts: [OpenConflict], in reader: any Reader
  ) async throws -> [OpenConflict] {
    var moot: [OpenConflict] = []
    for (number, group) in Dictionary(grouping: conflicts, by: \.collection) {
      // By what the database has: another process may have a schema that this one does not know.
      let fields = Set(
        try await reader.all("SELECT number FROM roost_field WHERE collection = \(number)") {
          UInt32(truncatingIfNeeded: $0.int64(0))
        })
      guard let collection = catalogue.collection(number: number) else {
        moot += group.filter { !fields.contains($0.field) }
        continue
      }
      let rows = Set(group.map(\.row)).map { "\($0)" as SQL }.joined(by: ", ")
      let live = Set(
        try await reader.all(
          """
          SELECT id FROM \(collection.table) WHERE id IN (\(rows)) \
          AND \(identifier: "deletedAt") IS NULL
          """
        ) { $0.uuid(0) ?? .zero })
      moot += group.filter { conflict in
        !live.contains(conflict.row) || !fields.contains(conflict.field)
      }
    }
    return moot
  }
}
