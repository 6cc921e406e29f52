import CSQLite
import RoostCore
import Rules
import SQLiteDriver
import Schema
import TestEngine

@testable import Queries

/// The rows of a world in tables of the engine that is tested.
protocol RowDatabase: AnyObject {
  var dialect: Dialect { get }
  /// The rows of a statement of so many columns; booleans are 0 and 1.
  func run(_ text: String, _ values: [Value], columns: Int) async throws -> [[Value]]
  func close() async
}

/// Why rows could not be asked.
struct RowFailure: Error, CustomStringConvertible {
  let description: String
}

enum RowDatabases {
  static func make(_ world: World) async throws -> any RowDatabase {
    switch TestEngine.current {
    case .sqlite: try SQLiteRows(world)
    case .postgres: try await PostgresRows(world)
    }
  }

  /// The columns of a collection's table.
  static func columns(_ collection: CollectionPlan, _ dialect: Dialect) -> [SQL] {
    [
      "id \(dialect.id) PRIMARY KEY", "version \(dialect.integer)",
      "\(identifier: "createdAt") \(dialect.integer)",
      "\(identifier: "updatedAt") \(dialect.integer)",
      "\(identifier: "deletedAt") \(dialect.integer)",
    ] + collection.fields.map { "\(identifier: $0.name) \(type($0, dialect))" }
  }

  private static func type(_ field: FieldPlan, _ dialect: Dialect) -> SQL {
    switch field.kind {
    case .boolean, .int, .time: dialect.integer
    case .float: dialect.real
    case .kind, .text, .texts, .kinds: dialect.text
    case .user, .reference: dialect.id
    }
  }

  static func values(_ row: RowImage) -> [Value] {
    [
      .uuid(row.id), .int(row.version), .timestamp(row.createdAt), .timestamp(row.updatedAt),
      row.isDeleted ? .int(1) : .null,
    ] + row.values.map { Value($0) }
  }
}

/// A world in a schema of PostgreSQL.
private final class PostgresRows: RowDatabase {
  let dialect = Dialect.postgres
  private let folder = TestEngine.folder("rules")
  private let database: any Database

  init(_ world: World) async throws {
    database = try TestEngine.open(folder)
    try await database.write { transaction in
      for (index, collection) in world.plan.collections.enumerated() {
        let columns = RowDatabases.columns(collection, .postgres)
        let table = SQL.identifier(collection.name)
        try await transaction.execute("CREATE TABLE \(table) (\(columns.joined(by: ", ")))")
        for row in world.rows[index] {
          let values = RowDatabases.values(row).map { "\($0)" as SQL }
          try await transaction.execute(
            "INSERT INTO \(table) VALUES (\(values.joined(by: ", ")))")
        }
      }
    }
  }

  func run(_ text: String, _ values: [Value], columns: Int) async throws -> [[Value]] {
    let sql = SQL(text: text, bindings: values)
    do {
      return try await database.read(.statement) { reader in
        try await reader.all(sql) { row in (0..<columns).map { row.value($0) } }
      }
    } catch {
      throw RowFailure(description: "\(error): \(text)")
    }
  }

  func close() async {
    await database.close()
    TestEngine.remove(folder)
  }
}

/// A world in tables of SQLite, in memory.
private final class SQLiteRows: RowDatabase {
  let dialect = Dialect.sqlite
  private var connection: OpaquePointer?
  private var statements: [String: OpaquePointer] = [:]

  init(_ world: World) throws {
    guard SQLiteLibrary.configured == SQLITE_OK,
      sqlite3_open(":memory:", &connection) == SQLITE_OK
    else {
      throw RowFailure(description: "SQLite does not open")
    }
    for (index, collection) in world.plan.collections.enumerated() {
      let columns = RowDatabases.columns(collection, .sqlite)
      try execute(
        "CREATE TABLE \"\(collection.name)\" (\(columns.joined(by: ", ").text)) WITHOUT ROWID")
      let places = [String](repeating: "?", count: columns.count).joined(separator: ", ")
      for row in world.rows[index] {
        try execute(
          "INSERT INTO \"\(collection.name)\" VALUES (\(places))", RowDatabases.values(row))
      }
    }
  }

  deinit {
    for statement in statements.values { sqlite3_finalize(statement) }
    sqlite3_close(connection)
  }

  func close() async {}

  func run(_ text: String, _ values: [Value], columns: Int) async throws -> [[Value]] {
    try execute(text, values)
  }

  @discardableResult
  private func execute(_ text: String, _ values: [Value] = []) throws -> [[Value]] {
    let statement = try prepared(text)
    defer { sqlite3_reset(statement) }
    guard sqlite3_bind_parameter_count(statement) == values.count else {
      throw RowFailure(description: "\(values.count) values for \(text)")
    }
    for (index, value) in values.enumerated() { bind(value, Int32(index + 1), statement) }
    var rows: [[Value]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append((0..<sqlite3_column_count(statement)).map { column($0, statement) })
      case SQLITE_DONE: return rows
      default:
        throw RowFailure(description: "\(String(cString: sqlite3_errmsg(connection))): \(text)")
      }
    }
  }

  private func prepared(_ text: String) throws -> OpaquePointer {
    if let known = statements[text] { return known }
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK, let statement
    else {
      throw RowFailure(description: "\(String(cString: sqlite3_errmsg(connection))): \(text)")
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
}
