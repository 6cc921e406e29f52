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
    guard let work = ColumnConversion(task.argument) else {
      try await task.advance(to: nil, by: 0, in: transaction)
      return 0
    }
    var sql: SQL = """
      SELECT id, \(identifier: work.source), \(identifier: "deletedAt") FROM \(identifier: table)
      """
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

/// The conversion of a field's values into a column beside it, as a task has it on record.
struct ColumnConversion: Sendable {
  let item: String
  let source: String
  let shadow: String
  let old: Field
  let new: Field
  /// A value that has no form in the new type leaves the column beside it empty.
  let isLenient: Bool

  init(
    item: String, source: String, shadow: String, old: Field, new: Field, isLenient: Bool
  ) {
    self.item = item
    self.source = source
    self.shadow = shadow
    self.old = old
    self.new = new
    self.isLenient = isLenient
  }

  init?(_ json: JSON) {
    guard let item = json["item"]?.string, let source = json["source"]?.string,
      let shadow = json["shadow"]?.string, let from = json["from"]?.string,
      let to = json["to"]?.string, let name = json["name"]?.string,
      let old = TypeSignature.field(source, from), let new = TypeSignature.field(name, to)
    else { return nil }
    self.init(
      item: item, source: source, shadow: shadow, old: old, new: new,
      isLenient: json["isLenient"]?.bool ?? false)
  }

  var json: JSON {
    [
      "item": .string(item), "source": .string(source), "shadow": .string(shadow),
      "name": .string(new.name), "from": .string(TypeSignature.of(old)),
      "to": .string(TypeSignature.of(new)), "isLenient": .bool(isLenient),
    ]
  }

  /// The same, which leaves values behind that cannot be converted.
  var lenient: ColumnConversion {
    ColumnConversion(
      item: item, source: source, shadow: shadow, old: old, new: new, isLenient: true)
  }

  /// Converts the rows under a condition, a page at a time.
  ///
  /// Throws as `write` does.
  func writeAll(
    where condition: SQL, table: String, in transaction: any Transaction
  ) async throws {
    var last: UUID?
    repeat {
      var sql: SQL = """
        SELECT id, \(identifier: source), \(identifier: "deletedAt") FROM \(identifier: table) \
        WHERE (\(condition))
        """
      if let last { sql += " AND id > \(last)" }
      sql += " ORDER BY id LIMIT \(MigrationBatch.rowsAtOnce)"
      let ids = try await write(sql, table: table, in: transaction)
      last = ids.count < MigrationBatch.rowsAtOnce ? nil : ids.last
    } while last != nil
  }

  /// The rows of which a value that is kept as `kept` since `at` may be out of date, in favour of
  /// `source`: those changed since, and those that came with a time of their own.
  ///
  /// Clocks of several machines: ten minutes of rows more are converted than needed, but for those
  /// that hold nothing newer.
  static func changed(since at: Timestamp, source: String, kept: String) -> SQL {
    let early = at.milliseconds - 600_000
    return """
      \(identifier: "updatedAt") >= \(at) OR (\(identifier: source) IS NOT NULL \
      AND (\(identifier: "updatedAt") >= \(early) OR \(identifier: kept) IS NULL))
      """
  }

  /// Converts the rows of a query of ids, values and times of deletion; returns the ids.
  ///
  /// A deleted row keeps nobody waiting for its value. Throws `RoostError` where a value has no form
  /// in the new type.
  func write(
    _ query: SQL, table: String, in transaction: any Transaction
  ) async throws -> [UUID] {
    let kind = StoredKind(old)
    let rows = try await transaction.all(query) {
      (id: $0.uuid(0) ?? .zero, value: kind.value(1, in: $0), isDeleted: !$0.isNull(2))
    }
    let update = Statement(
      """
      UPDATE \(identifier: table) SET \(identifier: shadow) = \(SQL.placeholder) \
      WHERE id = \(SQL.placeholder)
      """)
    let conversion = ValueConversion(from: old, to: new)
    for row in rows {
      switch conversion.convert(row.value) {
      case .success(let value): try await transaction.post(update, [value.stored, .uuid(row.id)])
      case .failure where isLenient || row.isDeleted:
        // An earlier value of the row may stand there, converted before it was changed.
        try await transaction.post(update, [.null, .uuid(row.id)])
      case .failure(let issue):
        throw RoostError(
          .conflict,
          "The value of \(item) in row \(row.id) cannot be converted: \(issue.message) "
            + "Mend the row, and apply again.", issues: [issue])
      }
    }
    return rows.map(\.id)
  }
}
