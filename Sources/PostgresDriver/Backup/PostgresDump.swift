import RoostCore

/// Copies of a PostgreSQL schema, by PostgreSQL's own programs.
///
/// They wait for a program and block their thread meanwhile.
package enum PostgresDump {
  /// Writes the tables as they are at one moment to a file, in `pg_dump`'s custom format, unpacked.
  ///
  /// `proceed` is called from time to time, and what it throws ends the dump. Throws `RoostError`.
  package static func make(
    _ configuration: PostgresConfiguration, to path: String, proceed: () throws -> Void
  ) throws {
    try PostgresTool(
      name: "pg_dump",
      arguments: [
        "--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--no-password",
        "--schema=\(ConnectionFactory.quoted(configuration.schema))", "--file=\(path)",
      ], configuration: configuration
    ).run(proceed)
  }

  /// Reads all that a dump holds, rows too, and throws where it cannot be read.
  package static func check(_ path: String, _ configuration: PostgresConfiguration) throws {
    try PostgresTool(
      name: "pg_restore", arguments: ["--file=/dev/null", path],
      configuration: configuration
    ).run {}
  }

  /// Writes the rows of some tables of a dump to a file, as `COPY` has them; tables that it lacks have
  /// none.
  package static func rows(
    of tables: [String], in path: String, _ configuration: PostgresConfiguration, to file: String
  ) throws {
    try PostgresTool(
      name: "pg_restore",
      arguments: ["--data-only"] + tables.map { "--table=\($0)" } + ["--file=\(file)", path],
      configuration: configuration
    ).run {}
  }

  /// Puts what a dump holds into a database where the schema is not taken, whole or not at all.
  ///
  /// Throws `RoostError`.
  package static func restore(
    _ path: String, into configuration: PostgresConfiguration, proceed: () throws -> Void
  ) throws {
    try PostgresTool(
      name: "pg_restore",
      arguments: [
        "--no-owner", "--no-privileges", "--no-password", "--exit-on-error",
        "--single-transaction", "--dbname=\(try database(configuration))", path,
      ], configuration: configuration
    ).run(proceed)
  }

  /// The name of the database alone; everything else goes by the environment.
  private static func database(_ configuration: PostgresConfiguration) throws -> String {
    guard let name = try PostgresTool.databaseName(of: configuration) else {
      throw RoostError(.invalid, "The address of the database names no database.")
    }
    // As a connection string, in which nothing of a name can be another option.
    let escaped = name.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    return "dbname='\(escaped)'"
  }
}
