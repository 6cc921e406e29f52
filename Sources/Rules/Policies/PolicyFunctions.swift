import Queries
import Schema
import Synchronization

/// The functions that the policies of one schema call.
///
/// A policy that read another table itself would be subject to the policies of that table, and one
/// that reads its own table would ask itself without an end. So every look into a table is a function
/// that runs with the rights of the owner and an empty search path, and names its tables in full.
/// Calls without arguments stand in a sub-select of their own, which PostgreSQL runs once for a
/// statement and not once for a row.
final class PolicyFunctions: Sendable {
  private struct State {
    var statements: [SQL] = []
    var names: [SQL: SQL] = [:]
  }

  /// The schema of the app's tables.
  let tables: SQL
  /// The schema of the functions.
  let functions: SQL
  private let state = Mutex(State())

  init(tables: String, functions: String) {
    self.tables = .identifier(tables)
    self.functions = .identifier(functions)
  }

  /// What makes the functions, in order.
  var statements: [SQL] { state.withLock { $0.statements } }

  /// What tells the caller: settings of the session or of the transaction.
  ///
  /// After a transaction that set one, PostgreSQL gives an empty text in the place of NULL.
  func addCaller() {
    let caller = [
      function(
        "uid()", "uuid",
        "SELECT nullif(pg_catalog.current_setting('roost.uid', true), '')::pg_catalog.uuid"),
      function(
        "is_anonymous()", "bigint",
        """
        SELECT CASE WHEN \(functions).uid() IS NOT NULL \
        AND pg_catalog.current_setting('roost.anonymous', true) = 'true' THEN 1 ELSE 0 END
        """),
      function("roles()", "text", PolicyFunctions.words("SELECT 'roost.roles'")),
      function("claims()", "text", PolicyFunctions.words("SELECT 'roost.claims'")),
      function(
        "has_role(role text)", "bigint",
        """
        SELECT CASE WHEN pg_catalog.jsonb_exists(\(functions).roles()::pg_catalog.jsonb, role) \
        THEN 1 ELSE 0 END
        """),
    ]
    state.withLock { $0.statements += caller }
  }

  private static func words(_ name: SQL) -> SQL {
    "SELECT coalesce(nullif(pg_catalog.current_setting((\(name)), true), ''), '[]')"
  }

  /// A call that gives the identifiers that `select` finds, as an array, once a statement.
  func array(_ select: SQL) -> SQL {
    let body: SQL = "SELECT ARRAY(\(select))"
    let name = named(body, "()", "uuid[]", prefix: "rows")
    return "(SELECT \(name)())::uuid[]"
  }

  /// A call that gives the one value that `select`, which takes `$1`, finds for `reference`.
  func value(_ select: SQL, type: SQL, of reference: SQL) -> SQL {
    let name = named(select, "(uuid)", type, prefix: "value")
    return "\(name)(\(reference))"
  }

  /// How PostgreSQL keeps the column at the end of a path.
  static func type(of path: ReferencePath, in model: SchemaModel) -> SQL {
    guard let last = path.steps.last else { return "text" }
    let field = path.column.field(in: model.collections[last.target])
    if path.column == .id { return "uuid" }
    if field.isList { return "text" }
    switch field.type {
    case .boolean, .int, .money, .dateTime, .duration, .int64: return "bigint"
    case .float: return "double precision"
    case .reference, .user: return "uuid"
    case .string, .id, .email, .url, .date, .enumeration, .json, .geoPoint, .file: return "text"
    }
  }

  private func named(_ body: SQL, _ arguments: SQL, _ type: SQL, prefix: SQL) -> SQL {
    state.withLock { state in
      if let name = state.names[body] { return name }
      let name: SQL = "\(functions).\(prefix)_\(SQL.constant(Int64(state.names.count + 1)))"
      state.names[body] = name
      state.statements.append(create("\(name)\(arguments)", type, body))
      return name
    }
  }

  private func function(_ signature: SQL, _ type: SQL, _ body: SQL) -> SQL {
    create("\(functions).\(signature)", type, body)
  }

  private func create(_ signature: SQL, _ type: SQL, _ body: SQL) -> SQL {
    """
    CREATE FUNCTION \(signature) RETURNS \(type) LANGUAGE sql STABLE PARALLEL SAFE \
    SECURITY DEFINER SET search_path = '' AS \(SQL.literal(.text(body.text)))
    """
  }
}
