import CPostgres
package import Queries
import RoostCore

extension PostgresDatabase {
  /// Runs statements in no transaction, each for as long as it takes, on a connection of its own: for
  /// what PostgreSQL does only so, such as `CREATE INDEX CONCURRENTLY`.
  package static func runOutside(
    _ statements: [SQL], _ configuration: PostgresConfiguration
  ) throws(DatabaseOpenError) {
    do {
      let handle = try ConnectionFactory(configuration, Ambient()).open()
      defer { PQfinish(handle) }
      try ConnectionFactory.command(
        handle, "SET search_path TO \(SQL.identifier(configuration.schema).text)")
      try ConnectionFactory.command(handle, "SET client_min_messages TO error")
      try ConnectionFactory.command(handle, "SET statement_timeout TO 0")
      try ConnectionFactory.command(handle, "SET lock_timeout TO 0")
      for statement in statements { try ConnectionFactory.command(handle, statement.text) }
    } catch {
      throw OpeningProblem.connecting(error)
    }
  }
}
