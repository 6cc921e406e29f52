import Queries
import RoostCore
import Rules
import Schema

/// One piece of a task, in one transaction with the note of how far it is: killed at any statement,
/// it was there wholly or not at all.
struct MigrationBatch {
  static let rowsAtOnce = 200

  let task: MigrationTask
  let now: Timestamp

  // MARK: Converting

  /// Writes the values of the next rows in the new type into the column beside them.
  ///
  /// Throws `RoostError` where a value has none.
  func convert(table: String, in transaction: any Transaction) async throws -> Int {
    guard let work = ColumnWorks.read(task.argument) else {
      try await task.advance(to: nil, by: 0, in: transaction)
      return 0
    }
    var sql = work.rows(of: table)
    if let after = task.after { sql += " WHERE id > \(after)" }
    sql += " ORDER BY id LIMIT \(MigrationBatch.rowsAtOnce)\(transaction.dialect.forUpdate)"
    let ids = try await work.write(sql, table: table, in: transaction)
    let isLast = ids.count < MigrationBatch.rowsAtOnce
    try await task.advance(to: isLast ? nil : ids.last, by: ids.count, in: transaction)
    return ids.count
  }

  // MARK: Filling

  /// Makes the defaults that the next rows have of new fields a change of each: a version, an entry
  /// of the log, and new places in the streams that show them.
  func fill(
    _ collection: CompiledCollection, _ catalogue: Catalogue, in transaction: any Transaction
  ) async throws -> Int {
    let fields = (task.argument.array ?? []).compactMap { $0.string.flatMap(collection.index(of:)) }
    var sql: SQL = """
      SELECT \(collection.selectList) FROM \(collection.table) \
      WHERE \(identifier: "deletedAt") IS NULL AND \(identifier: "createdAt") <= \(task.begunAt)
      """
    if let after = task.after { sql += " AND id > \(after)" }
    sql += " ORDER BY id LIMIT \(MigrationBatch.rowsAtOnce)\(transaction.dialect.forUpdate)"
    let rows = try await transaction.all(sql) { collection.image($0) }
    var resolved = ResolvedRows()
    let update = Statement(
      """
      UPDATE \(collection.table) SET version = \(SQL.placeholder), \
      \(identifier: "updatedAt") = \(SQL.placeholder) WHERE id = \(SQL.placeholder)
      """)
    for row in rows {
      let at = max(row.updatedAt, now)
      let after = RowImage(
        collection: row.collection, id: row.id, version: row.version + 1,
        createdAt: row.createdAt, updatedAt: at, isDeleted: false, values: row.values)
      try await catalogue.resolve(row, into: &resolved, in: transaction)
      try await transaction.post(update, [.int(after.version), .timestamp(at), .uuid(row.id)])
      transaction.attach(
        RowChange(
          kind: .update, collection: collection, id: row.id, version: after.version, at: at,
          actor: nil, mutation: .text(mutation(of: row, fields, collection)),
          moves: ScopeMoves(
            collection, catalogue.scopes, before: row, after: after, changed: fields, resolved)))
    }
    let isLast = rows.count < MigrationBatch.rowsAtOnce
    try await task.advance(to: isLast ? nil : rows.last?.id, by: rows.count, in: transaction)
    return rows.count
  }

  private func mutation(
    of row: RowImage, _ fields: [Int], _ collection: CompiledCollection
  ) -> String {
    var json = JSONWriter(capacity: 64)
    json.beginObject()
    for field in fields {
      json.key(collection.fields[field].name)
      collection.fields[field].encode(row.values[field], into: &json)
    }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
