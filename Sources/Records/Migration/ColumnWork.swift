import Queries
import RoostCore
import Schema

/// What makes the values of a column from those of others, row by row, as a task has it on record.
protocol ColumnWork: Sendable {
  var item: String { get }
  /// The column that takes the values.
  var shadow: String { get }
  /// The columns that are read.
  var columns: [String] { get }
  /// A value that cannot be made leaves the column empty.
  var isLenient: Bool { get }
  /// The same, which leaves values behind that cannot be made.
  var lenient: Self { get }
  var json: JSON { get }
  /// The value of a row of `rows(of:)`; nil where what the column holds is right.
  func value(of row: any Row) -> Result<FieldValue?, FieldIssue>
}

enum ColumnWorks {
  /// The work that a task has on record; nil for what is none.
  static func read(_ json: JSON) -> (any ColumnWork)? {
    json["sources"] == nil ? ColumnConversion(json) : ComputedColumn(json)
  }

  /// The first column of a query of rows that holds a value.
  static let firstValue = 2
}

extension ColumnWork {
  /// The rows with their times of deletion and the columns that are read.
  func rows(of table: String) -> SQL {
    let list = columns.map { name -> SQL in ", \(identifier: name)" }.joined(by: "")
    return """
      SELECT id, \(identifier: "deletedAt")\(list) FROM \(identifier: table)
      """
  }

  /// Makes the values of the rows under a condition, a page at a time.
  ///
  /// Throws as `write` does.
  func writeAll(
    where condition: SQL, table: String, in transaction: any Transaction
  ) async throws {
    var last: UUID?
    repeat {
      var sql: SQL = "\(rows(of: table)) WHERE (\(condition))"
      if let last { sql += " AND id > \(last)" }
      sql += " ORDER BY id LIMIT \(MigrationBatch.rowsAtOnce)"
      let ids = try await write(sql, table: table, in: transaction)
      last = ids.count < MigrationBatch.rowsAtOnce ? nil : ids.last
    } while last != nil
  }

  /// Makes the values of the rows of a query as `rows(of:)` begins it; returns the ids.
  ///
  /// A deleted row keeps nobody waiting for its value. Throws `RoostError` where a value cannot be
  /// made.
  func write(
    _ query: SQL, table: String, in transaction: any Transaction
  ) async throws -> [UUID] {
    let rows = try await transaction.all(query) {
      (id: $0.uuid(0) ?? .zero, value: value(of: $0), isDeleted: !$0.isNull(1))
    }
    let update = Statement(
      """
      UPDATE \(identifier: table) SET \(identifier: shadow) = \(SQL.placeholder) \
      WHERE id = \(SQL.placeholder)
      """)
    for row in rows {
      switch row.value {
      case .success(nil): continue
      case .success(let value?):
        try await transaction.post(update, [value.stored, .uuid(row.id)])
      case .failure where isLenient || row.isDeleted:
        // An earlier value of the row may stand there, made before it was changed.
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

/// The conversion of a field's values into a column beside it.
struct ColumnConversion: ColumnWork {
  let item: String
  let source: String
  let shadow: String
  let old: Field
  let new: Field
  let isLenient: Bool
  /// The column holds the values of an earlier time, which stay where nothing else was said since;
  /// not on record, for it is done within the switch.
  let isReturn: Bool

  init(
    item: String, source: String, shadow: String, old: Field, new: Field, isLenient: Bool,
    isReturn: Bool = false
  ) {
    self.item = item
    self.source = source
    self.shadow = shadow
    self.old = old
    self.new = new
    self.isLenient = isLenient
    self.isReturn = isReturn
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

  var columns: [String] { isReturn ? [source, shadow] : [source] }

  var lenient: ColumnConversion {
    ColumnConversion(
      item: item, source: source, shadow: shadow, old: old, new: new, isLenient: true,
      isReturn: isReturn)
  }

  func value(of row: any Row) -> Result<FieldValue?, FieldIssue> {
    let value = StoredKind(old).value(ColumnWorks.firstValue, in: row)
    if isReturn, holds(kept(in: row), value) { return .success(nil) }
    return ValueConversion(from: old, to: new).convert(value).map { $0 }
  }

  /// The value of an earlier time in a row.
  func kept(in row: any Row) -> FieldValue {
    StoredKind(new).value(ColumnWorks.firstValue + 1, in: row)
  }

  /// Whether `value` is what the migration made of `kept`, and nothing that was written since: its
  /// conversion, or null where it had none and was left behind.
  private func holds(_ kept: FieldValue, _ value: FieldValue) -> Bool {
    switch ValueConversion(from: new, to: old).convert(kept) {
    case .success(let made): made == value
    case .failure: value == .null
    }
  }

  /// The rows whose value in `kept`, kept since `at`, may be out of date in favour of `source`: those
  /// changed since, and those that came with a time of their own.
  ///
  /// Clocks of several machines: ten minutes of rows more are looked at than needed.
  static func changed(since at: Timestamp, source: String, kept: String) -> SQL {
    let early = at.milliseconds - 600_000
    return """
      \(identifier: "updatedAt") >= \(at) OR (\(identifier: source) IS NOT NULL \
      AND (\(identifier: "updatedAt") >= \(early) OR \(identifier: kept) IS NULL))
      """
  }
}
