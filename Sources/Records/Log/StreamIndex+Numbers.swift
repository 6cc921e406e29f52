package import Queries
import RoostCore

/// The indexes of PostgreSQL, whose entries cost twelve bytes before their first column.
///
/// By the row it has one number of eight bytes, a hash of the id, the stream and the collection
/// (https://burtleburtle.net/bob/c/lookup3.c, as `uuid_hash_extended` has it), which is unique: so
/// one INSERT replaces the entry of a row, and no planner chooses how that is found. Two rows of one
/// number are nothing that happens, but that hash can be turned round, and ids come from devices. The
/// row that is second has a number with `crowded` in it, and `roost_scope_crowd`, which is empty
/// elsewhere, says under which each of those stands.
///
/// Along a stream 256 sequences are one key, whose pointers the engine keeps in one list. That index
/// is not unique, and not in the order of sequences: whoever reads says which stretches.
extension StreamIndex {
  /// How many bits of a sequence one key of the index along the streams leaves out.
  static let stretchBits: Int64 = 8

  // MARK: By the row

  /// The number under which an entry stands: the text is that of the index.
  static let key: SQL = text(.empty)

  static func number(of entry: SQL) -> SQL { text("\(entry).") }

  private static func text(_ entry: SQL) -> SQL {
    """
    uuid_hash_extended(\(entry)id, (((\(entry)stream)::bigint << 15) + \(entry)coll) \
    # (coalesce(\(entry)crowded, 0)::bigint << 48))
    """
  }

  /// The number of a row in a stream.
  static func number(of id: SQL, in collection: SQL, at stream: SQL) -> SQL {
    """
    uuid_hash_extended(\(id), (((\(stream))::bigint << 15) + \(collection)) \
    # (coalesce(\(crowded(id, in: collection, at: stream)), 0)::bigint << 48))
    """
  }

  /// What the entry of a row in a stream has in `crowded`.
  static func crowded(_ id: SQL, in collection: SQL, at stream: SQL) -> SQL {
    """
    (SELECT c.crowded FROM roost_scope_crowd c \
    WHERE c.stream = \(stream) AND c.coll = \(collection) AND c.id = \(id))
    """
  }

  // MARK: Writing

  /// Rows that come in one statement.
  private static let sizes = Dialect.postgres.rowsOfInsert

  private static let head: SQL = """
    INSERT INTO roost_scope_row (\(columns.joined(by: ", ")), crowded) \
    SELECT v.stream, v.coll, v.id, v.seq, v.rv, v.mask, v.kind, \
    \(crowded("v.id", in: "v.coll", at: "v.stream"))
    """

  private static let isSameRow: SQL = """
    roost_scope_row.id = excluded.id AND roost_scope_row.coll = excluded.coll \
    AND roost_scope_row.stream = excluded.stream
    """

  private static func values(_ count: Int) -> SQL {
    let d = Dialect.postgres
    let (int, id) = (d.typed(.integer), d.typed(.id))
    let row: SQL = "(\(int), \(int), \(id), \(int), \(int), \(int), \(int))"
    let rows = (0..<count).map { _ in row }.joined(by: ", ")
    return " FROM (VALUES \(rows)) v (\(columns.joined(by: ", ")))"
  }

  /// Refused where an entry of another row has the number: its sequence would be NULL.
  private static let replace = Dictionary(
    uniqueKeysWithValues: sizes.map { size in
      (
        size,
        Statement(
          """
          \(head)\(values(size)) ON CONFLICT ((\(key))) DO UPDATE SET \
          seq = CASE WHEN \(isSameRow) THEN excluded.seq END, \
          rv = excluded.rv, mask = excluded.mask, kind = excluded.kind
          """)
      )
    })

  /// Leaves alone what is of another row.
  private static let replaceOwn = Statement(
    """
    \(head)\(values(1)) ON CONFLICT ((\(key))) DO UPDATE SET seq = excluded.seq, \
    rv = excluded.rv, mask = excluded.mask, kind = excluded.kind WHERE \(isSameRow)
    """)

  /// Gives a row a number that no entry has, behind that which it had.
  private static let crowd: Statement = {
    let d = Dialect.postgres
    let number: SQL = """
      uuid_hash_extended(w.id, ((w.stream << 15) + w.coll) # (n.crowded::bigint << 48))
      """
    return Statement(
      """
      INSERT INTO roost_scope_crowd (stream, coll, id, crowded) \
      SELECT w.stream, w.coll, w.id, (SELECT n.crowded FROM generate_series(1, 32767) n (crowded) \
      WHERE n.crowded > coalesce(\(crowded("w.id", in: "w.coll", at: "w.stream")), 0) AND NOT EXISTS \
      (SELECT 1 FROM roost_scope_row r WHERE \(StreamIndex.number(of: "r")) = \(number)) LIMIT 1) \
      FROM (SELECT \(d.typed(.integer)) AS stream, \(d.typed(.integer)) AS coll, \
      \(d.typed(.id)) AS id) w \
      ON CONFLICT (stream, coll, id) DO UPDATE SET crowded = excluded.crowded
      """)
  }()

  /// Writes entries, each in the place of the one that its stream has of the row.
  ///
  /// They are posted, and what is refused is refused later: then the batch begins again, and each
  /// statement is waited for.
  static func putNumbered(_ entries: [Entry], in transaction: any Transaction) async throws {
    guard !entries.isEmpty else { return }
    do {
      try await transaction.attempt {
        var rest = entries[...]
        while !rest.isEmpty {
          guard let size = sizes.first(where: { $0 <= rest.count }), let statement = replace[size]
          else { return }
          var values: [Value] = []
          values.reserveCapacity(size * columns.count)
          for entry in rest.prefix(size) { append(entry, to: &values) }
          try await transaction.post(statement, values)
          rest = rest.dropFirst(size)
        }
      }
    } catch let error as RoostError where error.code != .internalError {
      // No room, no lock, no time: of that no number is the cause.
      throw error
    } catch {
      // Where it was anything else, it is met once more.
      try await putCrowded(entries, in: transaction)
    }
  }

  /// The same for entries of which some may have the number of another row.
  static func putCrowded(_ entries: [Entry], in transaction: any Transaction) async throws {
    for entry in entries {
      var values: [Value] = []
      append(entry, to: &values)
      while try await transaction.execute(replaceOwn, values) == 0 {
        try await transaction.execute(
          crowd, [.int(entry.stream), .int(entry.collection), .uuid(entry.id)])
      }
    }
  }

  /// Writes all entries that `select` gives, with the columns of the table: there is none of the
  /// rows, and there are as many as rows in `table`.
  static func put(
    all select: SQL, of table: SQL, in transaction: any Transaction
  ) async throws {
    let list = columns.joined(by: ", ")
    let insert: SQL = "INSERT INTO roost_scope_row (\(list), crowded) \(select)"
    if liesByStream(transaction.dialect) {
      try await transaction.execute(insert)
      return
    }
    let written = try await transaction.execute("\(insert) ON CONFLICT ((\(key))) DO NOTHING")
    let wanted = try await transaction.first("SELECT count(*) FROM \(table)") { $0.int64(0) }
    if written == Int(wanted ?? 0) { return }
    let own = isEntry("e", of: "n.id", in: "n.coll", at: "n.stream", transaction.dialect)
    let refused = try await transaction.all(
      """
      SELECT \(columns.map { "n.\($0)" as SQL }.joined(by: ", ")) FROM (\(select)) n \
      WHERE NOT EXISTS (SELECT 1 FROM roost_scope_row e WHERE \(own)) ORDER BY n.stream, n.seq
      """
    ) { row in
      Entry(
        stream: row.int64(0), sequence: row.int64(3), collection: row.int64(1),
        id: row.uuid(2) ?? .zero, version: row.int64(4),
        mask: row.optionalInt64(5) ?? MaskTable.whole, kind: row.int64(6))
    }
    try await putCrowded(refused, in: transaction)
  }

  /// Removes the entries `r` of some tables.
  static func delete(from tables: SQL, where condition: SQL, _ dialect: Dialect) -> SQL {
    if liesByStream(dialect) {
      return """
        DELETE FROM roost_scope_row WHERE (stream, seq) IN \
        (SELECT r.stream, r.seq FROM \(tables) WHERE \(condition))
        """
    }
    // By their places, of which no planner thinks that they may be half of the table.
    return """
      DELETE FROM roost_scope_row WHERE ctid = ANY (ARRAY(\
      SELECT r.ctid FROM \(tables) WHERE \(condition)))
      """
  }

  // MARK: Along a stream

  static func stretch(of sequence: SQL) -> SQL {
    "(\(sequence)) >> \(SQL.constant(stretchBits))"
  }

  /// The condition under which `entry`, an alias of the table, stands in a stream behind the sequence
  /// `after` and no further than `end`.
  static func lies(
    _ entry: SQL, in stream: SQL, after: SQL, to end: SQL, _ dialect: Dialect
  ) -> SQL {
    let condition: SQL = """
      \(entry).stream = \(stream) AND \(entry).seq > \(after) AND \(entry).seq <= \(end)
      """
    if liesByStream(dialect) { return condition }
    let own = stretch(of: "\(entry).seq")
    return """
      \(condition) AND \(own) >= \(stretch(of: "\(after) + 1")) AND \(own) <= \(stretch(of: end))
      """
  }

  /// The condition under which `entry` stands at a sequence of a stream.
  static func stands(
    _ entry: SQL, in stream: SQL, at sequence: SQL, _ dialect: Dialect
  ) -> SQL {
    let condition: SQL = "\(entry).stream = \(stream) AND \(entry).seq = \(sequence)"
    if liesByStream(dialect) { return condition }
    return """
      \(condition) AND \(stretch(of: "\(entry).seq")) = \(stretch(of: sequence))
      """
  }

  /// `select` of `tables`, the first of which is `entry`, where it stands between two sequences of a
  /// stream; the stream and the sequences are its first values, and `tail` follows.
  static func along(
    _ select: SQL, _ entry: SQL, from tables: SQL, tail: SQL, _ dialect: Dialect
  ) -> SQL {
    let value = SQL.placeholder
    // SQLite would not know that `w` is one row, and sort.
    if liesByStream(dialect) {
      return """
        SELECT \(select) FROM \(tables) \
        WHERE \(lies(entry, in: value, after: value, to: value, dialect))\(tail)
        """
    }
    let integer = dialect.typed(.integer)
    return """
      SELECT \(select) \
      FROM (SELECT \(integer) AS stream, \(integer) AS after, \(integer) AS last) w \
      CROSS JOIN \(tables) \
      WHERE \(lies(entry, in: "w.stream", after: "w.after", to: "w.last", dialect))\(tail)
      """
  }

  private static let firstBehind = DialectStatement { d in
    let place: SQL = liesByStream(d) ? "seq" : stretch(of: "seq")
    return """
      SELECT min(\(place)) FROM roost_scope_row \
      WHERE stream = \(SQL.placeholder) AND \(place) >= \(SQL.placeholder)
      """
  }

  /// A sequence behind `after` before which a stream has no entry behind `after`; nil where it has
  /// none at all.
  static func firstBehind(
    _ after: Int64, of stream: Int64, in reader: any Reader
  ) async throws -> Int64? {
    let bits = liesByStream(reader.dialect) ? 0 : stretchBits
    var first: Int64?
    try await reader.query(
      firstBehind[reader.dialect], [.int(stream), .int((after + 1) >> bits)]
    ) { row in
      first = row.optionalInt64(0)
      return false
    }
    return first.map { max(after + 1, $0 << bits) }
  }

  /// The next entries of all streams behind a place, some `count`, as a condition on the table, and
  /// the place of the last of them; nil where no more come behind these.
  static func page(
    behind place: (stream: Int64, sequence: Int64), atOnce count: Int,
    in reader: any Reader
  ) async throws -> (SQL, last: (stream: Int64, sequence: Int64)?) {
    let bits = liesByStream(reader.dialect) ? 0 : stretchBits
    let column: SQL = liesByStream(reader.dialect) ? "seq" : stretch(of: "seq")
    let first = (place.sequence + 1) >> bits
    let behind: SQL = "(stream, \(column)) >= (\(place.stream), \(first))"
    let last = try await reader.first(
      """
      SELECT stream, \(column) FROM roost_scope_row WHERE \(behind) \
      ORDER BY stream, \(column) LIMIT 1 OFFSET \(count - 1)
      """
    ) { (stream: $0.int64(0), place: $0.int64(1)) }
    guard let last else { return (behind, nil) }
    return (
      "\(behind) AND (stream, \(column)) <= (\(last.stream), \(last.place))",
      (last.stream, ((last.place + 1) << bits) - 1)
    )
  }

  /// The entries that move, in the order of streams and sequences, behind a stream and a sequence.
  package static func moved(behind place: [Value]?, _ limit: Int, _ dialect: Dialect) -> SQL {
    let list = movedColumns.map { SQL.identifier($0) }.joined(by: ", ")
    var sql: SQL = "SELECT \(list) FROM roost_scope_row"
    // The index gives the stretches in their order, so that one of them is sorted at a time.
    let isSorted = liesByStream(dialect)
    if let place {
      sql += " WHERE (stream, seq) > (\(place[0]), \(place[1]))"
      if !isSorted, case .int(let sequence) = place[1] {
        let first = sequence >> stretchBits
        sql += " AND (stream, \(stretch(of: "seq"))) >= (\(place[0]), \(first))"
      }
    }
    let order: SQL = isSorted ? "stream, seq" : "stream, \(stretch(of: "seq")), seq"
    return "\(sql) ORDER BY \(order) LIMIT \(limit)"
  }

  /// How far a reader looks along a stream at a time, where the engine would otherwise read the rest
  /// of the stream before it gives the first entry.
  struct Reach {
    /// Multiples of what is wanted that are looked through, as sequences left holes.
    private var width: Int64 = 1
    private static let widest: Int64 = 64

    /// The last sequence to look at for `limit` entries behind `after`, at most `end`.
    func end(behind after: Int64, _ limit: Int, to end: Int64, _ dialect: Dialect) -> Int64 {
      if StreamIndex.liesByStream(dialect) { return end }
      let mask: Int64 = (1 << StreamIndex.stretchBits) - 1
      return min(end, (after + width * Int64(limit)) | mask)
    }

    /// Takes note of how many were found.
    mutating func found(_ count: Int, of limit: Int) {
      if count >= limit {
        width = max(1, width / 2)
      } else if count < limit / 2 {
        width = min(Reach.widest, 2 * width)
      }
    }
  }
}
