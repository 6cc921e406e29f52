import Queries
import RoostCore
import Rules
import Schema

/// Looks at the rows that a plan is about: how many each step goes through, and which stand in its
/// way.
///
/// Rows are read in pieces, each a read of its own, so that a look at a large table holds up nobody;
/// the look that is repeated at the switch is at what was written since, in the switch's transaction.
struct MigrationSurvey {
  private static let rowsAtOnce = 2000

  /// Where rows are read.
  enum Source {
    case database(any Database)
    /// Under a lock: of the tables of `stored` those rows alone that were written behind `mark`,
    /// where there is one.
    case transaction(any Transaction, StoredSchema, behind: LogMark?)
  }

  let source: Source
  let now: Timestamp
  /// Is told each row that stands in the way.
  let onBreaking: (@Sendable (BreakingRow) throws -> Void)?

  private var dialect: Dialect {
    switch source {
    case .database(let database): database.dialect
    case .transaction(let transaction, _, _): transaction.dialect
    }
  }

  private func read<Result: Sendable>(
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    switch source {
    case .database(let database): try await database.read(.statement, body)
    case .transaction(let transaction, _, _): try await body(transaction)
    }
  }

  /// Follows a condition on the rows of a table.
  private func isInSight(_ table: String) -> SQL {
    guard case .transaction(_, let stored, let mark?) = source,
      let collection = stored.collection(ofTable: table)
    else { return "" }
    return " AND \(mark.isBehind(collection: collection.number))"
  }

  /// The steps with the rows that stand in their way now.
  func runAgain(_ steps: [MigrationStep]) async throws -> [MigrationStep] {
    var result: [MigrationStep] = []
    for step in steps {
      var step = step
      if let table = step.table { step.breaking = try await breaking(step, table) }
      result.append(step)
    }
    return result
  }

  func run(_ steps: [MigrationStep]) async throws -> [MigrationStep] {
    var counts: [String: Int] = [:]
    var result: [MigrationStep] = []
    for step in steps {
      var step = step
      if let table = step.table {
        if case .retain = step.action {
          // They were counted when the step was found.
        } else {
          if counts[table] == nil { counts[table] = try await count(table) }
          step.rows = step.goesThroughRows ? counts[table] ?? 0 : 0
        }
        step.breaking = try await breaking(step, table)
      }
      step.lock = step.lockWords(dialect)
      step.seconds = Double(step.rows) / step.rowsPerSecond
      result.append(step)
    }
    return result
  }

  private func count(_ table: String) async throws -> Int {
    try await read { reader in
      try await reader.first("SELECT count(*) FROM \(identifier: table)") { Int($0.int64(0)) } ?? 0
    }
  }

  // MARK: What stands in the way

  private func breaking(_ step: MigrationStep, _ table: String) async throws -> Int {
    switch step.action {
    case .addField(let field) where field.isRequired && field.derivation == nil:
      return try await rows(
        of: step, table, column: nil,
        FieldIssue(
          pointer: "/" + field.name, code: "required",
          message: "\(step.item) is new and required: give it @default(value:), or leave the ! out")
      )
    case .requireField(let field, let column):
      return try await rows(
        of: step, table, column: column,
        FieldIssue(
          pointer: "/" + field.name, code: "required",
          message: "\(step.item) has no value: give it one, or leave the ! out"))
    case .restoreField(let retired, let field) where field.isRequired && field.defaultValue == nil:
      return try await rows(
        of: step, table, column: retired.kept,
        FieldIssue(
          pointer: "/" + field.name, code: "required",
          message: "\(step.item) is required, and the row was written without it"))
    case .narrowField(let field, let column):
      return try await values(of: step, table, column, field) { value in
        field.validate(value, pointer: "/" + field.name, now: now).first
      }
    case .retypeField(let column, let field, _, let old, true),
      .convertField(let column, let field, _, let old):
      let conversion = ValueConversion(from: old, to: field)
      return try await values(of: step, table, column, old) { value in
        switch conversion.convert(value) {
        case .failure(let issue): issue
        case .success(let value):
          value == .null ? nil : field.validate(value, pointer: "/" + field.name, now: now).first
        }
      }
    case .computeField(let part): return try await computed(part, of: step, table)
    case .revertField: return try await reverted(step, table)
    case .makeUnique(_, let columns): return try await duplicates(of: step, table, columns)
    default: return 0
    }
  }

  /// The live rows without a value in `column`; all of them without a column.
  private func rows(
    of step: MigrationStep, _ table: String, column: String?, _ issue: FieldIssue
  ) async throws -> Int {
    var filter: SQL = "\(identifier: "deletedAt") IS NULL"
    if let column { filter += " AND \(identifier: column) IS NULL" }
    filter += isInSight(table)
    let condition = filter
    guard let onBreaking else {
      return try await read { reader in
        try await reader.first("SELECT count(*) FROM \(identifier: table) WHERE \(condition)") {
          Int($0.int64(0))
        } ?? 0
      }
    }
    return try await pieces(table, [], condition) { id, _, _ in
      try onBreaking(
        BreakingRow(
          item: step.item, id: id, value: .null, code: issue.code, message: issue.message))
      return true
    }
  }

  /// The rows whose value in `column`, which holds a `field`, has an issue.
  private func values(
    of step: MigrationStep, _ table: String, _ column: String, _ field: Field,
    under condition: SQL? = nil, _ issue: @escaping (FieldValue) -> FieldIssue?
  ) async throws -> Int {
    var filter: SQL = "\(identifier: column) IS NOT NULL"
    if let condition { filter += " AND (\(condition))" }
    filter += isInSight(table)
    let kind = StoredKind(field)
    return try await pieces(table, [column], filter) { id, row, deleted in
      let value = kind.value(ColumnWorks.firstValue, in: row)
      guard let found = issue(value), !deleted else { return false }
      try onBreaking?(
        BreakingRow(
          item: step.item, id: id, value: field.json(value), code: found.code,
          message: found.message))
      return true
    }
  }

  /// The rows of which no value can be made, or one that the field does not take.
  private func computed(
    _ part: ComputedField, of step: MigrationStep, _ table: String
  ) async throws -> Int {
    let (work, field) = (part.work, part.field)
    var filter: SQL = "(\(work.changed ?? "1 = 1"))"
    filter += isInSight(table)
    return try await pieces(table, work.columns, filter) { id, row, deleted in
      var found: FieldIssue?
      switch work.value(of: row) {
      case .failure(let issue): found = issue
      case .success(nil), .success(.null?): break
      case .success(let value?):
        found = field.validate(value, pointer: "/" + field.name, now: now).first
      }
      guard let found, !deleted else { return false }
      let first = work.sources.first.map { source in
        source.field.json(StoredKind(source.field).value(ColumnWorks.firstValue, in: row))
      }
      try onBreaking?(
        BreakingRow(
          item: step.item, id: id, value: first ?? .null, code: found.code,
          message: found.message))
      return true
    }
  }

  /// The rows of which neither the value that is kept nor that of now can be had back.
  private func reverted(_ step: MigrationStep, _ table: String) async throws -> Int {
    guard case .revertField(let kept, let column, let field, _, let old) = step.action,
      let work = step.columnWork([])?.work as? ColumnConversion
    else { return 0 }
    var filter: SQL =
      "(\(ColumnConversion.changed(since: kept.at, source: column, kept: kept.kept))"
    if field.isRequired { filter += " OR \(identifier: kept.kept) IS NULL" }
    filter += ")"
    filter += isInSight(table)
    return try await pieces(table, work.columns, filter) { id, row, deleted in
      var found: FieldIssue?
      switch work.value(of: row) {
      case .failure(let issue): found = issue
      case .success(let value):
        if field.isRequired, (value ?? work.kept(in: row)) == .null {
          found = FieldIssue(
            pointer: "/" + field.name, code: "required",
            message: "\(step.item) has no value: give it one, or leave the ! out")
        }
      }
      guard let found, !deleted else { return false }
      let value = StoredKind(old).value(ColumnWorks.firstValue, in: row)
      try onBreaking?(
        BreakingRow(
          item: step.item, id: id, value: old.json(value), code: found.code,
          message: found.message))
      return true
    }
  }

  /// Calls `visit` for each row under a condition, with `columns` behind its id and its time of
  /// deletion; returns how often it said true.
  private func pieces(
    _ table: String, _ columns: [String], _ condition: SQL,
    _ visit: (UUID, any Row, Bool) throws -> Bool
  ) async throws -> Int {
    var found = 0
    var last: UUID?
    while true {
      var sql: SQL = "SELECT id, \(identifier: "deletedAt")"
      for column in columns { sql += ", \(identifier: column)" }
      sql += " FROM \(identifier: table) WHERE \(condition)"
      if let last { sql += " AND id > \(last)" }
      sql += " ORDER BY id LIMIT \(MigrationSurvey.rowsAtOnce)"
      let piece = sql
      // A body may run again, so it does nothing but copy what it reads.
      let rows = try await read { reader in
        try await reader.all(piece) { CopiedRow($0, count: ColumnWorks.firstValue + columns.count) }
      }
      for row in rows {
        if try visit(row.uuid(0) ?? .zero, row, !row.isNull(1)) { found += 1 }
      }
      guard rows.count == MigrationSurvey.rowsAtOnce else { return found }
      last = rows.last?.uuid(0)
    }
  }

  private func duplicates(
    of step: MigrationStep, _ table: String, _ columns: [String]
  ) async throws -> Int {
    let list = columns.map { SQL.identifier($0) }.joined(by: ", ")
    let filled = columns.map { name -> SQL in "\(identifier: name) IS NOT NULL" }
      .joined(by: " AND ")
    let sql: SQL = """
      SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY \(list)) AS n \
      FROM \(identifier: table) WHERE \(identifier: "deletedAt") IS NULL AND \(filled)) AS q \
      WHERE n > 1 ORDER BY id
      """
    let ids = try await read { reader in
      try await reader.all(sql) { $0.uuid(0) ?? .zero }
    }
    for id in ids {
      try onBreaking?(
        BreakingRow(
          item: step.item, id: id, value: .null, code: "duplicate",
          message: "another row has the same values of (\(columns.joined(separator: ", ")))"))
    }
    return ids.count
  }
}

extension Field {
  /// A stored value as records show it.
  func json(_ value: FieldValue) -> JSON {
    var writer = JSONWriter(capacity: 64)
    encode(value, into: &writer)
    return (try? JSON.parse(writer.bytes)) ?? .null
  }
}

extension MigrationStep {
  /// Whether the rows are read or written one by one.
  fileprivate var goesThroughRows: Bool {
    switch action {
    case .fillField, .convertField, .computeField, .narrowField, .requireField, .makeUnique,
      .createIndex,
      .rescope, .retypeField(_, _, _, _, true):
      true
    default: false
    }
  }

  /// Rough, for a plan to say whether it is seconds or minutes: about what two busy cores do.
  fileprivate var rowsPerSecond: Double {
    switch action {
    case .fillField, .rescope: 4000
    case .convertField, .computeField: 20_000
    default: 200_000
    }
  }

  /// Which lock it takes for how long, in words.
  fileprivate func lockWords(_ dialect: Dialect) -> String {
    if case .rescope = action, rows > TableKeeper.rowsAtStart {
      return "in pieces while the server answers; sync waits for them"
    }
    if case .retain = action { return "by a job, a hundred at a time" }
    guard dialect.hasOtherWriters else {
      switch action {
      case .fillField: return "in pieces while the server answers"
      case .convertField, .computeField: return "in pieces while the server is stopped"
      default: return "while the server is stopped or starts"
      }
    }
    switch action {
    case .fillField:
      return "ACCESS EXCLUSIVE for a moment (ALTER TABLE … ADD COLUMN … DEFAULT), then in pieces"
    case .convertField, .computeField:
      return "in pieces, then SHARE ROW EXCLUSIVE and ACCESS EXCLUSIVE for the switch"
    case .createIndex, .makeUnique:
      return "none against writes: CREATE INDEX CONCURRENTLY (SHARE in a start)"
    case .rescope: return "locks of rows and of the heads of streams, in one transaction"
    case .narrowField, .requireField, .retypeField: return "SHARE ROW EXCLUSIVE while it is checked"
    case .createCollection: return "none"
    default: return "ACCESS EXCLUSIVE for a moment (ALTER TABLE)"
    }
  }
}
