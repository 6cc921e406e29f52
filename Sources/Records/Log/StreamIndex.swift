package import Queries
import RoostCore

/// The stream index, `roost_scope_row`: which rows stand in which streams, at which sequences.
///
/// An entry is found in two ways: along its stream, and by the row that it tells of. On SQLite the
/// entries lie in the order of the streams, and an index names nine bytes of ids alone, those of the
/// time in version 7 and some random ones, in whose order new ids come: of entries that agree there
/// the whole id decides. On PostgreSQL, which `StreamIndex+Numbers.swift` is about, an index has
/// one number of a row and its stream, and another stretches of 256 sequences.
///
/// Whoever makes ids up could have many agree, and have each of them looked through. So at most one
/// id stands in that index under its first bytes, and one row under its number; the entries of
/// others, for which that place is taken, are `crowded`. On SQLite those stand under their whole id.
package enum StreamIndex {
  /// An entry to be written.
  struct Entry {
    let stream: Int64
    let sequence: Int64
    let collection: Int64
    let id: UUID
    let version: Int64
    let mask: Int64
    let kind: Int64
  }

  /// As it is stored: every field is NULL, which takes no room.
  static func stored(mask: Int64) -> Value { mask == MaskTable.whole ? .null : .int(mask) }

  /// Whether entries lie in the order of the streams, as where a table is kept in that of its key;
  /// an engine for many processes has none such.
  static func liesByStream(_ dialect: Dialect) -> Bool { !dialect.hasOtherWriters }

  // MARK: By the row

  /// The condition under which `entry`, an alias of the table, is that of a row in a stream.
  static func isEntry(
    _ entry: SQL, of id: SQL, in collection: SQL, at stream: SQL, _ dialect: Dialect
  ) -> SQL {
    if liesByStream(dialect) {
      // The sign keeps SQLite from looking through the stream.
      """
      \(key(of: entry)) IN (\(first(of: id)), \(id)) AND \(entry).id = \(id) \
      AND \(entry).coll = \(collection) AND +\(entry).stream = \(stream)
      """
    } else {
      """
      \(number(of: entry)) = \(number(of: id, in: collection, at: stream)) \
      AND \(entry).id = \(id) AND \(entry).coll = \(collection) AND \(entry).stream = \(stream)
      """
    }
  }

  /// The entry that a stream has of a row, as `StreamIndexEntry` reads it; by stream, collection,
  /// id.
  static let find = DialectStatement { d in
    let (integer, id) = (d.typed(.integer), d.typed(.id))
    return """
      SELECT r.seq, r.coll, r.id, r.rv, r.mask, r.kind \
      FROM (SELECT \(integer) AS stream, \(integer) AS coll, \(id) AS id) w \
      CROSS JOIN roost_scope_row r \
      WHERE \(isEntry("r", of: "w.id", in: "w.coll", at: "w.stream", d))
      """
  }

  /// What the index of SQLite says of an entry; the text is that of the index.
  private static func key(of entry: SQL) -> SQL {
    "CASE WHEN \(entry).crowded IS NULL THEN \(first(of: "\(entry).id")) ELSE \(entry).id END"
  }

  private static func first(of id: SQL) -> SQL { "substr(\(id), 2, 9)" }

  // MARK: Writing

  /// Writes entries, each in the place of the one that its stream has of the row; no two are of one
  /// row and stream.
  static func put(_ entries: [Entry], in transaction: any Transaction) async throws {
    guard liesByStream(transaction.dialect) else {
      return try await putNumbered(entries, in: transaction)
    }
    var rest = entries[...]
    while !rest.isEmpty {
      let group = rest.prefix(PaddedList.largest)
      rest = rest.dropFirst(PaddedList.largest)
      let crowded = try await makeRoom(for: group, in: transaction)
      try await insert.run(group.count, in: transaction) { index, values in
        append(group[group.startIndex + index], to: &values)
        values.append(crowded.contains(index) ? .int(1) : .null)
      }
    }
  }

  /// Writes entries of another database, whose values stand in the order of `movedColumns`.
  package static func put(moved rows: [[Value]], in transaction: any Transaction) async throws {
    func int(_ value: Value) -> Int64? { if case .int(let value) = value { value } else { nil } }
    let entries = rows.map { row in
      let id = if case .uuid(let id) = row[3] { id } else { UUID.zero }
      return Entry(
        stream: int(row[0]) ?? 0, sequence: int(row[1]) ?? 0, collection: int(row[2]) ?? 0, id: id,
        version: int(row[4]) ?? 0, mask: int(row[5]) ?? MaskTable.whole, kind: int(row[6]) ?? 0)
    }
    try await put(entries, in: transaction)
  }

  /// What moves of an entry; whether it is crowded is of one database.
  package static let movedColumns = ["stream", "seq", "coll", "id", "rv", "mask", "kind"]

  static func append(_ entry: Entry, to values: inout [Value]) {
    values.append(.int(entry.stream))
    values.append(.int(entry.collection))
    values.append(.uuid(entry.id))
    values.append(.int(entry.sequence))
    values.append(.int(entry.version))
    values.append(stored(mask: entry.mask))
    values.append(.int(entry.kind))
  }

  private struct Place: Hashable {
    let stream: Int64
    let collection: Int64
    let id: UUID
  }

  /// Removes the entries that others take the place of; gives the places in `entries` of those that
  /// are crowded.
  private static func makeRoom(
    for entries: ArraySlice<Entry>, in transaction: any Transaction
  ) async throws -> Set<Int> {
    var old: [Place: Int64] = [:]
    var holders: [FirstBytes: UUID] = [:]
    let size = PaddedList.size(entries.count)
    var keys: [Value] = []
    keys.reserveCapacity(2 * size)
    for place in 0..<size {
      let id = Value.uuid(entries[min(entries.startIndex + place, entries.endIndex - 1)].id)
      keys.append(id)
      keys.append(id)
    }
    try await transaction.query(candidates[transaction.dialect, size], keys) { row in
      let id = row.uuid(3) ?? .zero
      old[Place(stream: row.int64(0), collection: row.int64(2), id: id)] = row.int64(1)
      if row.isNull(4) { holders[FirstBytes(id)] = id }
      return true
    }
    var crowded: Set<Int> = []
    if entries.count == 1, old.isEmpty { return crowded }
    for (place, entry) in entries.enumerated() {
      if !old.isEmpty,
        let sequence = old[
          Place(stream: entry.stream, collection: entry.collection, id: entry.id)]
      {
        try await transaction.post(remove, [.int(entry.stream), .int(sequence)])
      }
      let first = FirstBytes(entry.id)
      if let holder = holders[first], holder != entry.id {
        crowded.insert(place)
      } else {
        holders[first] = entry.id
      }
    }
    return crowded
  }

  /// What `first(of:)` takes of an id.
  private struct FirstBytes: Hashable {
    let high: UInt64
    let low: UInt64

    init(_ id: UUID) {
      high = id.high & 0x00FF_FFFF_FFFF_FFFF
      low = id.low >> 48
    }
  }

  // MARK: Statements

  static let columns: [SQL] = ["stream", "coll", "id", "seq", "rv", "mask", "kind"]

  private static let insert = WideInsert(
    into: "roost_scope_row", columns: columns + ["crowded"])

  /// Entries of some rows, and of others whose ids begin alike.
  private static let candidates = PaddedStatement { dialect, count in
    // A list is a table to SQLite, which costs more than two looks do.
    if count == 1 {
      let select: SQL = "SELECT r.stream, r.seq, r.coll, r.id, r.crowded FROM roost_scope_row r"
      return """
        \(select) WHERE \(key(of: "r")) = \(first(of: SQL.placeholder)) \
        UNION ALL \(select) WHERE \(key(of: "r")) = \(SQL.placeholder)
        """
    }
    let keys = (0..<count).map { _ in "\(first(of: SQL.placeholder)), \(SQL.placeholder)" as SQL }
    return """
      SELECT r.stream, r.seq, r.coll, r.id, r.crowded FROM roost_scope_row r \
      WHERE \(key(of: "r")) IN (\(keys.joined(by: ", ")))
      """
  }
  private static let remove = Statement(
    """
    DELETE FROM roost_scope_row WHERE stream = \(SQL.placeholder) AND seq = \(SQL.placeholder)
    """)

  /// What is written to `crowded` for all entries of `roost_scope_move`, the alias `m`, at once.
  static func crowded(in collection: SQL, _ dialect: Dialect) -> SQL {
    guard liesByStream(dialect) else { return crowded("m.id", in: collection, at: "m.stream") }
    return """
      CASE WHEN m.id <> min(m.id) OVER (PARTITION BY \(first(of: "m.id"))) OR EXISTS \
      (SELECT 1 FROM roost_scope_row c WHERE \(key(of: "c")) = \(first(of: "m.id")) \
      AND c.id <> m.id) THEN 1 END
      """
  }
}
