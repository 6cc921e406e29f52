import Queries
import RoostCore
import Rules
import Schema

/// Brings the entries of one collection in the stream index in step with its rules and its rows.
///
/// Writes move only what they touch, and know only the rules of today. When those, or the tier,
/// differ from what the entries were made by, each row leaves the streams that it no longer belongs
/// to and is put into those that it belongs to now, under the next sequences of each stream: removals
/// first, then by id. (What the tables mean: `ChangeRecorder`.)
///
/// All of it is one transaction, that of the start, and the rows are read in chunks; the wanted
/// entries of the whole collection are held in a temporary table meanwhile. Should collections become
/// so large that this is too much for one transaction, it must be done in pieces behind a marker.
struct StreamRebuild {
  let collection: CompiledCollection
  /// Gives a new sequence even to entries that are where they belong: the rows themselves changed.
  let movesAll: Bool

  private static let rowsAtOnce = 1000

  func run(in transaction: any Transaction) async throws {
    try await transaction.execute(StreamRebuild.makeTable)
    try await transaction.execute(StreamRebuild.emptyTable)
    try await wantEntries(in: transaction)
    try await transaction.execute(
      """
      INSERT INTO roost_scope_move (stream, id, kind) \
      SELECT r.stream, r.id, \(ChangeRecorder.EntryKind.leave.rawValue) FROM roost_scope_row r \
      WHERE r.coll = \(collection.number) AND r.kind = \(ChangeRecorder.EntryKind.put.rawValue) \
      AND NOT EXISTS \
      (SELECT 1 FROM roost_scope_move m WHERE m.stream = r.stream AND m.id = r.id)
      """)
    if !movesAll { try await forgetWhatStays(in: transaction) }
    try await move(in: transaction)
    try await transaction.execute(StreamRebuild.emptyTable)
  }

  /// Notes a put for every live row in each stream that it belongs to.
  private func wantEntries(in transaction: any Transaction) async throws {
    guard collection.isSynced else { return }
    var streams: [Scope: Int64] = [:]
    var last: UUID?
    while true {
      let rows = try await rows(behind: last, in: transaction)
      for (id, scopes) in rows {
        for scope in scopes {
          let stream = try await number(scope, &streams, in: transaction)
          try await transaction.execute(
            StreamRebuild.want,
            [.int(stream), .uuid(id), .int(ChangeRecorder.EntryKind.put.rawValue)])
        }
      }
      guard rows.count == StreamRebuild.rowsAtOnce else { return }
      last = rows.last?.0
    }
  }

  private func rows(
    behind last: UUID?, in transaction: any Transaction
  ) async throws -> [(UUID, [Scope])] {
    var sql: SQL = """
      SELECT \(collection.selectList) FROM \(collection.table) \
      WHERE \(identifier: "deletedAt") IS NULL
      """
    if let last { sql += " AND id > \(last)" }
    sql += " ORDER BY id LIMIT \(StreamRebuild.rowsAtOnce)"
    let rules = collection.rules
    return try await transaction.all(sql) { row in
      (row.uuid(0) ?? .zero, rules.scopes { collection.value($0, in: row) })
    }
  }

  private func number(
    _ scope: Scope, _ streams: inout [Scope: Int64], in transaction: any Transaction
  ) async throws -> Int64 {
    if let known = streams[scope] { return known }
    let values: [Value] = [.text(scope.text), .text(collection.model.sync.tier.rawValue)]
    var number = try await transaction.first(LogStatements.findStream, values) { $0.int64(0) }
    if number == nil {
      number = try await transaction.first(LogStatements.makeStream, values) { $0.int64(0) }
    }
    guard let number else { throw RoostError(.internalError, "A stream could not be made.") }
    streams[scope] = number
    return number
  }

  private func forgetWhatStays(in transaction: any Transaction) async throws {
    try await transaction.execute(
      """
      DELETE FROM roost_scope_move WHERE kind = \(ChangeRecorder.EntryKind.put.rawValue) \
      AND EXISTS (SELECT 1 FROM roost_scope_row r WHERE r.stream = roost_scope_move.stream \
      AND r.coll = \(collection.number) AND r.id = roost_scope_move.id \
      AND r.kind = \(ChangeRecorder.EntryKind.put.rawValue))
      """)
  }

  /// Writes the moves under the next sequences of their streams and advances the heads.
  private func move(in transaction: any Transaction) async throws {
    // Removals come first (their kind is the greater one), so that their number is where the last
    // of them stands.
    try await transaction.execute(
      """
      INSERT INTO roost_scope_row (stream, coll, id, seq, rv, mask, kind) \
      SELECT m.stream, \(collection.number), m.id, \
      h.seq + row_number() OVER (PARTITION BY m.stream ORDER BY m.kind DESC, m.id), \
      coalesce(r.version, 0), 0, m.kind \
      FROM roost_scope_move m JOIN roost_scope_head h ON h.stream = m.stream \
      LEFT JOIN \(collection.table) r ON r.id = m.id WHERE true \
      ON CONFLICT (stream, coll, id) DO UPDATE SET \
      seq = excluded.seq, rv = excluded.rv, mask = excluded.mask, kind = excluded.kind
      """)
    try await transaction.execute(
      """
      UPDATE roost_scope_head SET \
      seq = seq + (SELECT count(*) FROM roost_scope_move m \
      WHERE m.stream = roost_scope_head.stream), \
      removal_seq = coalesce((SELECT roost_scope_head.seq + count(*) FROM roost_scope_move m \
      WHERE m.stream = roost_scope_head.stream \
      AND m.kind = \(ChangeRecorder.EntryKind.leave.rawValue) HAVING count(*) > 0), removal_seq) \
      WHERE stream IN (SELECT stream FROM roost_scope_move)
      """)
  }

  private static let makeTable: SQL = """
    CREATE TEMPORARY TABLE IF NOT EXISTS roost_scope_move (
      stream INTEGER NOT NULL, id BLOB NOT NULL, kind INTEGER NOT NULL,
      PRIMARY KEY (stream, id)
    ) STRICT, WITHOUT ROWID
    """
  private static let emptyTable: SQL = "DELETE FROM roost_scope_move"
  private static let want = Statement(
    """
    INSERT INTO roost_scope_move (stream, id, kind) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder))
    """)
}
