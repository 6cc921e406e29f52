import CPostgres
import Queries
import RoostCore

/// The first connection of a database: looks whether the server, the role and the schema will do,
/// and makes the schema and the driver's own table.
struct SchemaOpening {
  /// Holds the number of the last transaction of each writer (see `WriteSession`).
  static let writerTable = "roost_writer"
  /// The history of migrations, by which a schema is known as Roost's.
  private static let historyTable = "roost_migration"

  let factory: ConnectionFactory
  private var configuration: PostgresConfiguration { factory.configuration }

  /// Throws `DatabaseOpenError`, whose description says what to do.
  func run() throws(DatabaseOpenError) {
    try connected { try prepareSchema($0) }
  }

  /// Whether the schema holds an app; makes nothing.
  ///
  /// Throws `DatabaseOpenError` where opening it would for what was there before.
  func isTaken() throws(DatabaseOpenError) -> Bool {
    try connected { handle in
      if try schemaExists(handle) {
        if try checkTables(handle).contains(SchemaOpening.historyTable) { return true }
        try check(
          handle, "SELECT has_schema_privilege($1, 'CREATE')", [configuration.schema], tableAdvice)
      } else {
        try check(
          handle, "SELECT has_database_privilege(current_database(), 'CREATE')", [], schemaAdvice)
      }
      return false
    }
  }

  /// Throws with `advice` unless the question is answered with yes.
  private func check(
    _ handle: OpaquePointer, _ question: String, _ values: [String], _ advice: String
  ) throws {
    let row = try ConnectionFactory.query(handle, question, values)
    guard row.first == ["t"] else { throw DatabaseOpenError(.engine, advice) }
  }

  private var schemaAdvice: String {
    """
    The schema "\(configuration.schema)" is missing and the role may not make it: GRANT CREATE ON \
    DATABASE … TO the role, or make it with CREATE SCHEMA … AUTHORIZATION the role.
    """
  }

  private var tableAdvice: String {
    """
    The role may not make tables in the schema "\(configuration.schema)": ALTER SCHEMA … OWNER TO \
    the role, or choose another schema.
    """
  }

  /// Runs `body` on a connection whose server and role will do.
  private func connected<Result>(
    _ body: (OpaquePointer) throws -> Result
  ) throws(DatabaseOpenError) -> Result {
    try checkAddress()
    let handle: OpaquePointer
    do {
      handle = try factory.open()
    } catch {
      throw OpeningProblem.connecting(error)
    }
    defer { PQfinish(handle) }
    do {
      try checkServer(handle)
      try checkRole(handle)
      return try body(handle)
    } catch let error as DatabaseOpenError {
      throw error
    } catch {
      throw OpeningProblem.opening(error)
    }
  }

  /// libpq quotes an address that it cannot read, which may hold a password; this does not.
  ///
  /// A password with a slash ends up in the place of the port, which libpq quotes as well.
  private func checkAddress() throws(DatabaseOpenError) {
    let port = ConnectionFactory.value(of: "port", in: configuration.address.reveal())
    guard let port, port.utf8.allSatisfy({ (48...57).contains($0) || $0 == 44 }) else {
      throw DatabaseOpenError(
        .engine,
        """
        The database's address cannot be read: write postgresql://user@host:5432/name, with / : @ \
        and ? in a name or password as %2F %3A %40 and %3F, or keywords as in "host=db user=roost \
        dbname=roost".
        """)
    }
    guard !configuration.schema.isEmpty, configuration.schema.utf8.count <= 63,
      !configuration.schema.hasPrefix("pg_"), !configuration.schema.utf8.contains(0)
    else {
      throw DatabaseOpenError(
        .engine,
        "The schema's name must have 1 to 63 bytes and not begin with pg_; choose another.")
    }
  }

  private func checkServer(_ handle: OpaquePointer) throws {
    let version = PQserverVersion(handle)
    guard version >= 140_000 else {
      throw DatabaseOpenError(
        .engine,
        """
        The server is PostgreSQL \(version / 10_000), and Roost needs 14 or newer: upgrade it, or \
        name another server.
        """)
    }
    let row =
      try ConnectionFactory.query(
        handle,
        "SELECT pg_is_in_recovery(), current_setting('server_encoding'), current_setting('fsync')"
      ).first ?? []
    guard row.first == "f" else {
      throw DatabaseOpenError(
        .engine,
        """
        The server is a standby, which takes no writes: name the primary, or several hosts with \
        target_session_attrs=read-write.
        """)
    }
    guard row.count > 2, row[1] == "UTF8" else {
      throw DatabaseOpenError(
        .engine,
        """
        The database's encoding is not UTF8: make one with CREATE DATABASE … ENCODING 'UTF8' \
        TEMPLATE template0 and name that.
        """)
    }
    if row[2] == "off" {
      factory.ambient.logger.warning(
        "The database's server runs with fsync off: a crash of its machine loses data", [])
    }
  }

  private func checkRole(_ handle: OpaquePointer) throws {
    guard !configuration.allowsPowerfulRole else { return }
    let row =
      try ConnectionFactory.query(
        handle,
        """
        SELECT rolsuper, rolbypassrls, rolcreaterole, rolname FROM pg_catalog.pg_roles
        WHERE rolname = current_user
        """
      ).first ?? []
    let rights = zip(["SUPERUSER", "BYPASSRLS", "CREATEROLE"], row).filter { $0.1 == "t" }
    guard let right = rights.first?.0 else { return }
    throw DatabaseOpenError(
      .engine,
      """
      The role "\(row.last ?? "")" has \(right), more than Roost needs: make one that only owns its \
      database (CREATE ROLE roost LOGIN; ALTER DATABASE … OWNER TO roost) and connect as that, or \
      allow powerful roles in the settings.
      """)
  }

  private func prepareSchema(_ handle: OpaquePointer) throws {
    let schema = configuration.schema
    let quoted = ConnectionFactory.quoted(schema)
    // Two processes that start at once make the schema and the table one after the other.
    try ConnectionFactory.command(
      handle, "BEGIN; SET LOCAL lock_timeout TO '10s'; SET LOCAL client_min_messages TO error")
    _ = try ConnectionFactory.query(
      handle, "SELECT pg_advisory_xact_lock(hashtextextended('roost ' || $1, 0))", [schema])
    if try !schemaExists(handle) {
      try allowed(schemaAdvice) { () throws(PostgresFailure) in
        try ConnectionFactory.command(handle, "CREATE SCHEMA \(quoted)")
      }
    } else {
      _ = try checkTables(handle)
    }
    try allowed(tableAdvice) { () throws(PostgresFailure) in
      try ConnectionFactory.command(
        handle,
        """
        CREATE TABLE IF NOT EXISTS \(quoted).\(SchemaOpening.writerTable) (
          id UUID PRIMARY KEY, number BIGINT NOT NULL, started BIGINT NOT NULL
        ) WITH (fillfactor = 50)
        """)
    }
    // Rows of writers that did not close; none has been at work for a month without a restart.
    let old = factory.ambient.time.now().milliseconds - 366 * 86_400_000
    try ConnectionFactory.command(
      handle,
      "DELETE FROM \(quoted).\(SchemaOpening.writerTable) WHERE started < \(old); COMMIT")
  }

  /// Runs `body`; throws with `advice` when the role lacks the right.
  private func allowed(_ advice: String, _ body: () throws(PostgresFailure) -> Void) throws {
    do {
      try body()
    } catch {
      if error.state == "42501" { throw DatabaseOpenError(.engine, advice) }
      throw error
    }
  }

  private func schemaExists(_ handle: OpaquePointer) throws -> Bool {
    try !ConnectionFactory.query(
      handle, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [configuration.schema]
    ).isEmpty
  }

  /// The tables of the schema, which belong to Roost if its history of migrations is among them;
  /// throws when they do not.
  private func checkTables(_ handle: OpaquePointer) throws -> [String] {
    let tables = try ConnectionFactory.query(
      handle,
      """
      SELECT c.relname FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      """, [configuration.schema]
    ).compactMap(\.first)
    let isOwn =
      tables.contains(SchemaOpening.historyTable)
      || tables.allSatisfy { $0 == SchemaOpening.writerTable }
    guard !isOwn else { return tables }
    throw DatabaseOpenError(
      .foreign,
      """
      The schema "\(configuration.schema)" holds tables of another program: choose another schema, \
      which Roost makes itself.
      """)
  }
}
