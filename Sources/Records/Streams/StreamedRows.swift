import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// How the rows of one collection are read and written for streams.
struct StreamedRows: Sendable {
  let tag: CollectionTag
  /// Writes whole rows under their ids.
  let writer: RowWriter
  /// The live rows among the puts between two sequences of a stream; behind them the sequence, the
  /// version and the mask of the entry, and the clocks.
  let stretch: DialectStatement
  /// Live rows by their ids; behind them the clocks.
  let some: PaddedStatement
  /// The fields whose strategy compares an edit with what it was made on: entries show their clocks.
  let compared: [Int]
  /// In which tier each field travels.
  let tiers: FieldTiers

  init(
    _ collection: Collection, _ storage: [StoredKind], _ numbers: [UInt32], _ liveList: SQL
  ) {
    tag = CollectionTag(collection.name)
    writer = RowWriter(
      names: collection.fields.map(\.name), storage: storage, isNamed: false)
    compared = collection.fields.indices.filter { index in
      let field = collection.fields[index]
      switch field.merge ?? collection.merge {
      case .serverWins, .reject, .userChoice: return true
      case .clientWins:
        let options = field.merge == nil ? collection.mergeOptions : field.mergeOptions
        return options.staleAfter != nil
      default: return false
      }
    }
    tiers = FieldTiers(collection)
    let clocks: SQL =
      compared.isEmpty ? "NULL" : "t0.\(identifier: RecordColumns.clocks)"
    let table = SQL.identifier(collection.name)
    let live: SQL = "t0.\(identifier: "deletedAt") IS NULL"
    // CROSS JOIN keeps SQLite from beginning with the table.
    stretch = DialectStatement { d in
      StreamIndex.along(
        "\(liveList), s.seq, s.rv, s.mask, \(clocks)", "s",
        from: "roost_scope_row s CROSS JOIN \(table) t0",
        tail: """
           AND s.coll = \(SQL.placeholder) \
          AND s.kind = \(SQL.constant(ChangeRecorder.EntryKind.put.rawValue)) \
          AND t0.id = s.id AND \(live)
          """, d)
    }
    some = PaddedStatement { _, count in
      """
      SELECT \(liveList), \(clocks) FROM \(table) t0 \
      WHERE t0.id IN (\(PaddedList.placeholders(count))) AND \(live)
      """
    }
  }
}

/// An entry of the stream index.
struct StreamIndexEntry {
  let sequence: Int64
  let collection: Int64
  let id: UUID
  let version: Int64
  let mask: Int64
  let kind: Int64

  init(_ row: any Row) {
    sequence = row.int64(0)
    collection = row.int64(1)
    id = row.uuid(2) ?? .zero
    version = row.int64(3)
    mask = row.optionalInt64(4) ?? MaskTable.whole
    kind = row.int64(5)
  }

  /// What an entry shows of its row.
  struct Place {
    let id: UUID
    let sequence: Int64
    let version: Int64
    let mask: Int64
  }

  var place: Place { Place(id: id, sequence: sequence, version: version, mask: mask) }
}
