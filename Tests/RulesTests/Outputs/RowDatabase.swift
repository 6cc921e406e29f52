import CSQLite
import Queries
import RoostCore
import Rules
import SQLiteDriver
import Schema

/// The rows of a world in tables of SQLite, in memory.
final class RowDatabase {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private var connection: OpaquePointer?
  private var statements: [String: OpaquePointer] = [:]

  init(_ world: World) throws {
    guard SQLiteLibrary.configured == SQLITE_OK,
      sqlite3_open(":memory:", &connection) == SQLITE_OK
    else {
      throw Failure(description: "SQLite does not open")
    }
    sqlite3_create_function(
      connection, "roost_contains", 2, SQLITE_UTF8, nil, RowDatabase.contains, nil, nil)
    for (index, collection) in world.plan.collections.enumerated() {
      let columns = collection.fields.map { "\"\($0.name)\" \(RowDatabase.type($0))" }
      try run(
        """
        CREATE TABLE "\(collection.name)" ("id" BLOB PRIMARY KEY, "version" INTEGER, \
        "createdAt" INTEGER, "updatedAt" INTEGER, "deletedAt" INTEGER, \
        \(columns.joined(separator: ", "))) WITHOUT ROWID
        """)
      let places = [String](repeating: "?", count: 5 + columns.count).joined(separator: ", ")
      for row in world.rows[index] {
        try run(
          "INSERT INTO \"\(collection.name)\" VALUES (\(places))",
          [
            .uuid(row.id), .int(row.version), .timestamp(row.createdAt), .timestamp(row.updatedAt),
            row.isDeleted ? .int(1) : .null,
          ] + row.values.map { Value($0) })
      }
    }
  }

  deinit {
    for statement in statements.values { sqlite3_finalize(statement) }
    sqlite3_close(connection)
  }

  private static func type(_ field: FieldPlan) -> String {
    switch field.kind {
    case .boolean, .int, .time: "INTEGER"
    case .float: "REAL"
    case .kind, .text, .texts, .kinds: "TEXT"
    case .user, .reference: "BLOB"
    }
  }

  @discardableResult
  func run(_ text: String, _ values: [Value] = []) throws -> [[Value]] {
    let statement = try prepared(text)
    defer { sqlite3_reset(statement) }
    guard sqlite3_bind_parameter_count(statement) == values.count else {
      throw Failure(description: "\(values.count) values for \(text)")
    }
    for (index, value) in values.enumerated() { bind(value, Int32(index + 1), statement) }
    var rows: [[Value]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append((0..<sqlite3_column_count(statement)).map { column($0, statement) })
      case SQLITE_DONE: return rows
      default: throw Failure(description: "\(String(cString: sqlite3_errmsg(connection))): \(text)")
      }
    }
  }

  private func prepared(_ text: String) throws -> OpaquePointer {
    if let known = statements[text] { return known }
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK, let statement
    else {
      throw Failure(description: "\(String(cString: sqlite3_errmsg(connection))): \(text)")
    }
    statements[text] = statement
    return statement
  }

  private func bind(_ value: Value, _ index: Int32, _ statement: OpaquePointer) {
    switch value {
    case .null: sqlite3_bind_null(statement, index)
    case .int(let value): sqlite3_bind_int64(statement, index, value)
    case .double(let value): sqlite3_bind_double(statement, index, value)
    case .text(let text):
      sqlite3_bind_text(statement, index, text, -1, roost_sqlite_transient())
    case .blob(let bytes):
      sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), roost_sqlite_transient())
    case .uuid(let id):
      sqlite3_bind_blob(statement, index, id.bytes, 16, roost_sqlite_transient())
    }
  }

  private func column(_ index: Int32, _ statement: OpaquePointer) -> Value {
    switch sqlite3_column_type(statement, index) {
    case SQLITE_INTEGER: return .int(sqlite3_column_int64(statement, index))
    case SQLITE_FLOAT: return .double(sqlite3_column_double(statement, index))
    case SQLITE_TEXT:
      return .text(sqlite3_column_text(statement, index).map { String(cString: $0) } ?? "")
    case SQLITE_BLOB:
      let bytes = UnsafeRawBufferPointer(
        start: sqlite3_column_blob(statement, index),
        count: Int(sqlite3_column_bytes(statement, index)))
      return UUID(bytes: bytes).map { .uuid($0) } ?? .blob(Array(bytes))
    default: return .null
    }
  }

  /// `list @> [element]` of PostgreSQL for lists of text.
  private static let contains:
    @convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void = {
      context, _, arguments in
      guard let list = arguments?[0].flatMap({ sqlite3_value_text($0) }),
        let element = arguments?[1].flatMap({ sqlite3_value_text($0) }),
        let items = try? JSON.parse(Array(String(cString: list).utf8), maxDepth: 4)
      else { return sqlite3_result_null(context) }
      let wanted = String(cString: element)
      let found = items.array?.contains { item in
        item.string.map { $0.utf8.elementsEqual(wanted.utf8) } ?? false
      }
      sqlite3_result_int(context, found == true ? 1 : 0)
    }
}
