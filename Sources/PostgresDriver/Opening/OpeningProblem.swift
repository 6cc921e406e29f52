import Queries
import RoostCore

/// What to say to the person who starts Roost when the server does not let it in.
enum OpeningProblem {
  /// The error for a connection that could not be made.
  static func connecting(_ failure: PostgresFailure) -> DatabaseOpenError {
    let message = failure.message
    return DatabaseOpenError(.engine, "\(advice(message)) (\(message))")
  }

  private static func advice(_ message: String) -> String {
    func says(_ parts: String...) -> Bool { parts.contains { message.contains($0) } }
    if says("password authentication failed", "no password supplied", "authentication failed") {
      return """
        The database did not accept the role or its password: check both; the password can stand in \
        PGPASSWORD or in ~/.pgpass.
        """
    }
    if says("certificate", "SSL", "root.crt") {
      return """
        The encrypted connection to the database failed: check sslmode and sslrootcert in its \
        address (sslmode=verify-full needs the certificate of the server's authority and the host's \
        true name).
        """
    }
    if says("database \"") && says("does not exist") {
      return "The database does not exist: make it with CREATE DATABASE, or correct its name."
    }
    if says("role \"") && says("does not exist") {
      return "The role does not exist: make it with CREATE ROLE … LOGIN, or correct its name."
    }
    if says("pg_hba.conf") {
      return "The server does not let this role in from here: allow it in its pg_hba.conf."
    }
    if says("too many clients", "too many connections", "remaining connection slots") {
      return """
        The server has no connection left: raise its max_connections, or lower the numbers of \
        readers and writers.
        """
    }
    if says("could not translate host name") {
      return "The database's host is not known: check its name in the address."
    }
    if says("starting up", "shutting down", "recovery mode") {
      return "The server is starting or stopping: try again when it is ready."
    }
    return "The database cannot be reached: check that its server runs, and its host and port."
  }

  /// The error for a statement of the opening that failed.
  static func opening(_ error: any Error) -> DatabaseOpenError {
    guard let failure = error as? PostgresFailure else {
      return DatabaseOpenError(.engine, "The database cannot be opened: \(error)")
    }
    switch failure.state {
    case "55P03", "57014":
      return DatabaseOpenError(
        .inUse, "Another process is opening the same schema and does not finish: end it first.")
    case "53100":
      return DatabaseOpenError(.engine, "The database's disk is full: make room first.")
    case "25006":
      return DatabaseOpenError(
        .engine, "The database is read-only: check default_transaction_read_only, or the server.")
    case "42501":
      return DatabaseOpenError(
        .engine, "The role lacks a right: make it the owner of its database. (\(failure.message))")
    default:
      return DatabaseOpenError(
        .engine, "The database cannot be opened: \(failure.message) (\(failure.state)).")
    }
  }
}
