import Queries
import RoostCore
import Rules
import Schema

/// Brings what the rows of one collection give to the scopes in step with the rules and the rows:
/// entries in the stream index with their masks, grants and edges.
///
/// Writes move only what they touch, and know only the rules of today. When those, or the tier,
/// differ from what the entries were made by, each row leaves the streams that it no longer belongs
/// to and is put into those that it belongs to now, or with another mask, under the next sequences of
/// each stream: removals first, then by id. (What the tables mean: `ChangeRecorder`.) Grants and edges
/// have no sequences: those of the collection are removed and made anew.
///
/// All of it is one transaction, that of the start, and the rows are read in chunks; the wanted
/// entries of the whole collection are held in a temporary table meanwhile. Collections with many rows
/// go by `StreamRescope`, which does the same in pieces.
struct StreamRebuild {
  let collection: CompiledCollection
  let catalogue: Catalogue
  /// Fields whose values changed in every row: entries that show one of them move even where they are
  /// where they belong.
  let changed: FieldSet

  private static let rowsAtOnce = 1000

  /// The numbers of streams and masks that are known already.
  struct Numbers {
    fileprivate struct Stream: Hashable {
      let scope: ScopeConjunction
      let tier: SyncPolicy.Tier
    }
    fileprivate var streams: [Stream: Int64] = [:]
    fileprivate var masks: [FieldSet: Int64] = [:]

    init() {}
  }

  func run(in transaction: any Transaction) async throws {
    // Whoever else writes waits for the commit: a row that changed behind the look at it would stay
    // in the streams where it was.
    if transaction.dialect.hasOtherWriters {
      try await transaction.query(
        "SELECT position FROM roost_log_head ORDER BY partition\(transaction.dialect.forUpdate)"
      ) { _ in true }
    }
    try await begin(in: transaction)
    try await GrantTables.clear(collection, in: transaction)
    try await readRows(in: transaction)
    try await transaction.execute(
      """
      INSERT INTO roost_scope_move (stream, id, kind, mask, moves) \
      SELECT r.stream, r.id, \(ChangeRecorder.EntryKind.leave.rawValue), 0, 1 \
      FROM roost_scope_row r \
      WHERE r.coll = \(collection.number) AND r.kind = \(ChangeRecorder.EntryKind.put.rawValue) \
      AND NOT EXISTS \
      (SELECT 1 FROM roost_scope_move m WHERE m.stream = r.stream AND m.id = r.id)
      """)
    try await settle(in: transaction)
  }

  // MARK: Parts

  /// Makes the table of what is to be moved, empty.
  func begin(in transaction: any Transaction) async throws {
    try await transaction.execute(StreamRebuild.makeTable(transaction.dialect))
    try await transaction.execute(StreamRebuild.emptyTable)
  }

  /// Notes that a row leaves a stream.
  func take(_ id: UUID, outOf stream: Int64, in transaction: any Transaction) async throws {
    try await transaction.execute(
      StreamRebuild.want,
      [
        .int(stream), .uuid(id), .int(ChangeRecorder.EntryKind.leave.rawValue), .int(0),
        .bool(true),
      ])
  }

  /// Moves what was noted and is not where it belongs.
  func settle(in transaction: any Transaction) async throws {
    try await forgetWhatStays(in: transaction)
    let lock: SQL = """
      SELECT seq FROM roost_scope_head WHERE stream IN (SELECT stream FROM roost_scope_move) \
      ORDER BY stream\(transaction.dialect.forUpdate)
      """
    try await transaction.query(lock) { _ in true }
    try await move(in: transaction)
    try await transaction.execute(StreamRebuild.emptyTable)
  }

  /// Takes every row of a collection that is no more out of its streams, and what the rows granted.
  static func withdraw(_ number: Int64, in transaction: any Transaction) async throws {
    let put = ChangeRecorder.EntryKind.put.rawValue
    let lock: SQL = """
      SELECT seq FROM roost_scope_head WHERE stream IN \
      (SELECT stream FROM roost_scope_row WHERE coll = \(number) AND kind = \(put)) \
      ORDER BY stream\(transaction.dialect.forUpdate)
      """
    try await transaction.query(lock) { _ in true }
    try await transaction.execute(
      """
      UPDATE roost_scope_row SET seq = n.seq, mask = NULL, \
      kind = \(ChangeRecorder.EntryKind.leave.rawValue) FROM \
      (SELECT r.stream, r.seq AS former, \
      h.seq + row_number() OVER (PARTITION BY r.stream ORDER BY r.id) AS seq \
      FROM roost_scope_row r JOIN roost_scope_head h ON h.stream = r.stream \
      WHERE r.coll = \(number) AND r.kind = \(put)) AS n \
      WHERE \(StreamIndex.stands(
        "roost_scope_row", in: "n.stream", at: "n.former", transaction.dialect))
      """)
    try await transaction.execute(
      """
      UPDATE roost_scope_head SET seq = n.seq, removal_seq = n.seq FROM \
      (SELECT stream, max(seq) AS seq FROM roost_scope_row WHERE coll = \(number) \
      GROUP BY stream) AS n WHERE n.stream = roost_scope_head.stream \
      AND n.seq > roost_scope_head.seq
      """)
    try await transaction.execute("DELETE FROM roost_grant WHERE by_coll = \(number)")
    try await transaction.execute("DELETE FROM roost_scope_edge WHERE by_coll = \(number)")
  }

  /// Notes a put for every live row in each stream that it belongs to, and writes what it grants.
  private func readRows(in transaction: any Transaction) async throws {
    guard collection.isSynced || catalogue.scopes.contributes(collection.index) else { return }
    var numbers = Numbers()
    var last: UUID?
    while true {
      let rows = try await rows(
        behind: last, atOnce: StreamRebuild.rowsAtOnce, in: transaction)
      try await want(rows, &numbers, in: transaction)
      guard rows.count == StreamRebuild.rowsAtOnce else { return }
      last = rows.last?.id
    }
  }

  /// Notes a put for each of the rows in each stream that it belongs to, and writes what they grant.
  func want(
    _ rows: [RowImage], _ numbers: inout Numbers, in transaction: any Transaction
  ) async throws {
    guard collection.isSynced || catalogue.scopes.contributes(collection.index) else { return }
    var resolved = ResolvedRows()
    for row in rows {
      try await GrantTables.give(
        catalogue.scopes.contributions(of: row), by: row, of: collection, in: transaction)
      guard collection.isSynced else { continue }
      try await catalogue.resolve(row, into: &resolved, in: transaction)
      let entries = catalogue.scopes.entries(of: row, resolved)
      let tiers = collection.streamed.tiers
      for entry in entries {
        try await want(entry, tiers.home, of: row, &numbers, in: transaction)
      }
      for (tier, fields) in tiers.slower {
        for entry in entries.within(fields) {
          try await want(entry, tier, of: row, &numbers, in: transaction)
        }
      }
    }
  }

  /// The next live rows; `isLocked` holds them until the commit.
  func rows(
    behind last: UUID?, atOnce: Int, isLocked: Bool = false, in transaction: any Transaction
  ) async throws -> [RowImage] {
    var sql: SQL = """
      SELECT \(collection.selectList) FROM \(collection.table) \
      WHERE \(identifier: "deletedAt") IS NULL
      """
    if let last { sql += " AND id > \(last)" }
    sql += " ORDER BY id LIMIT \(atOnce)"
    if isLocked { sql += transaction.dialect.forUpdate }
    return try await transaction.all(sql) { collection.image($0) }
  }

  private func want(
    _ entry: ScopeEntry, _ tier: SyncPolicy.Tier, of row: RowImage, _ numbers: inout Numbers,
    in transaction: any Transaction
  ) async throws {
    let stream = try await stream(entry.scope, tier, &numbers, in: transaction)
    let mask = try await mask(entry.mask, &numbers, in: transaction)
    let moves = !entry.mask.intersection(changed).isEmpty
    try await transaction.execute(
      StreamRebuild.want,
      [
        .int(stream), .uuid(row.id), .int(ChangeRecorder.EntryKind.put.rawValue), .int(mask),
        .bool(moves),
      ])
  }

  private func stream(
    _ scope: ScopeConjunction, _ tier: SyncPolicy.Tier, _ numbers: inout Numbers,
    in transaction: any Transaction
  ) async throws -> Int64 {
    let key = Numbers.Stream(scope: scope, tier: tier)
    if let known = numbers.streams[key] { return known }
    let (number, isMade) = try await LogStatements.stream(
      scope.text, tier.rawValue, in: transaction)
    if isMade { try await StreamAtoms.note(number, scope, in: transaction) }
    numbers.streams[key] = number
    return number
  }

  private func mask(
    _ mask: FieldSet, _ numbers: inout Numbers, in transaction: any Transaction
  ) async throws -> Int64 {
    guard let members = collection.numbers(of: mask) else { return MaskTable.whole }
    if let known = numbers.masks[members] { return known }
    let number = try await MaskTable.number(members, of: collection, in: transaction).number
    numbers.masks[members] = number
    return number
  }

  private func forgetWhatStays(in transaction: any Transaction) async throws {
    let own = StreamIndex.isEntry(
      "r", of: "roost_scope_move.id", in: .constant(collection.number),
      at: "roost_scope_move.stream", transaction.dialect)
    try await transaction.execute(
      """
      DELETE FROM roost_scope_move WHERE moves = 0 \
      AND EXISTS (SELECT 1 FROM roost_scope_row r WHERE \(own) \
      AND r.kind = roost_scope_move.kind AND coalesce(r.mask, 0) = roost_scope_move.mask)
      """)
    // In a slower tier another mask may show less, which must not wait until the tier is asked for.
    try await transaction.execute(
      """
      UPDATE roost_scope_move SET moves = 2 \
      WHERE kind = \(ChangeRecorder.EntryKind.put.rawValue) \
      AND EXISTS (SELECT 1 FROM roost_scope_row r JOIN roost_scope_head h ON h.stream = r.stream \
      WHERE \(own) AND r.kind = roost_scope_move.kind \
      AND coalesce(r.mask, 0) <> roost_scope_move.mask AND h.tier <> \(SyncPolicy.Tier.live.rawValue))
      """)
  }

  /// Writes the moves under the next sequences of their streams and advances the heads.
  private func move(in transaction: any Transaction) async throws {
    // Removals come first (their kind is the greater one), so that their number is where the last
    // of them stands.
    let dialect = transaction.dialect
    let own = StreamIndex.isEntry(
      "r", of: "m.id", in: .constant(collection.number), at: "m.stream", dialect)
    try await transaction.execute(
      StreamIndex.delete(
        from: "roost_scope_move m CROSS JOIN roost_scope_row r", where: own, dialect))
    let number = SQL.constant(collection.number)
    let moved: SQL = """
      SELECT m.stream, \(number) AS coll, m.id, \
      h.seq + row_number() OVER (PARTITION BY m.stream ORDER BY m.kind DESC, m.id) AS seq, \
      coalesce(r.version, 0) AS rv, nullif(m.mask, 0) AS mask, m.kind, \
      \(StreamIndex.crowded(in: number, dialect)) AS crowded \
      FROM roost_scope_move m JOIN roost_scope_head h ON h.stream = m.stream \
      LEFT JOIN \(collection.table) r ON r.id = m.id
      """
    try await StreamIndex.put(all: moved, of: "roost_scope_move", in: transaction)
    try await transaction.execute(
      """
      UPDATE roost_scope_head SET \
      seq = seq + (SELECT count(*) FROM roost_scope_move m \
      WHERE m.stream = roost_scope_head.stream), \
      removal_seq = coalesce((SELECT roost_scope_head.seq + \
      CASE WHEN max(m.moves) = 2 THEN count(*) ELSE count(l.id) END \
      FROM roost_scope_move m LEFT JOIN roost_scope_move l ON l.stream = m.stream AND l.id = m.id \
      AND l.kind = \(ChangeRecorder.EntryKind.leave.rawValue) \
      WHERE m.stream = roost_scope_head.stream \
      HAVING max(m.moves) = 2 OR count(l.id) > 0), removal_seq) \
      WHERE stream IN (SELECT stream FROM roost_scope_move)
      """)
  }

  private static func makeTable(_ d: Dialect) -> SQL {
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS roost_scope_move (
      stream \(d.integer) NOT NULL, id \(d.id) NOT NULL, kind \(d.integer) NOT NULL,
      mask \(d.integer) NOT NULL, moves \(d.integer) NOT NULL, PRIMARY KEY (stream, id)
    )\(d.passing)
    """
  }
  private static let emptyTable: SQL = "DELETE FROM roost_scope_move"
  private static let want = Statement(
    """
    INSERT INTO roost_scope_move (stream, id, kind, mask, moves) VALUES (\(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder))
    """)
}
