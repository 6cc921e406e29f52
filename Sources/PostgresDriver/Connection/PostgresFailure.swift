import CPostgres
import Queries
import RoostCore

/// An error as PostgreSQL or libpq reports it, for the log.
///
/// Neither the text of the statement nor the message holds values: the details, which would, are
/// left out, and so is what a message quotes of its input.
package struct PostgresFailure: Error, Sendable, CustomStringConvertible {
  /// Five characters (`SQLSTATE`); empty when the connection itself failed.
  package let state: String
  package let message: String
  /// The text of the statement that failed.
  package let sql: String
  let constraint: String?
  let table: String?
  let column: String?

  package var description: String {
    "PostgreSQL error \(state.isEmpty ? "of the connection" : state), \(message), in: \(sql)"
  }

  /// The failure of a connection: `message` is libpq's or the driver's own.
  init(connection message: String, sql: String = "") {
    self.init(state: "", message: PostgresFailure.line(message), sql: sql)
  }

  /// The failure of a statement that the driver did not even send, since its time is over.
  static func stopped(sql: String) -> PostgresFailure {
    PostgresFailure(state: "57014", message: "the time of the read was over", sql: sql)
  }

  /// The failure of a query that was stopped before it came to much: others kept it from its work.
  static func hindered(sql: String) -> PostgresFailure {
    PostgresFailure(
      state: "55P03", message: "the query came to few rows in its time", sql: sql)
  }

  /// The failure of a statement that was not sent, for its batch to begin again.
  static func unsent(sql: String) -> PostgresFailure {
    PostgresFailure(state: "25000", message: "the transaction has to begin again", sql: sql)
  }

  private init(state: String, message: String, sql: String) {
    self.state = state
    self.message = message
    self.sql = sql
    constraint = nil
    table = nil
    column = nil
  }

  init(_ result: PostgresResult, sql: String) {
    func field(_ code: Unicode.Scalar) -> String? {
      PQresultErrorField(result.handle, Int32(code.value)).map { String(cString: $0) }
    }
    let state = field("C") ?? ""
    self.state = state
    let message =
      field("M") ?? PQresultErrorMessage(result.handle).map { String(cString: $0) } ?? ""
    // Class 22 (data exceptions) quotes the value.
    self.message =
      state.hasPrefix("22")
      ? String(message.prefix { $0 != ":" && $0 != "\"" }) : PostgresFailure.line(message)
    self.sql = sql
    constraint = field("n")
    table = field("t")
    column = field("c")
  }

  private static func line(_ message: String) -> String {
    message.split(separator: "\n").joined(separator: " ")
  }

  /// Whether the connection is gone, or the server ended it or does not take it.
  var isConnectionLoss: Bool {
    state.isEmpty || state.hasPrefix("08") || state.hasPrefix("57P")
  }

  /// Whether the same transaction may succeed when it is run again: a deadlock or a serialisation
  /// failure.
  var isConflict: Bool { state == "40001" || state == "40P01" }

  /// Whether a prepared statement does not fit the database any more: a table changed under it, or
  /// it was forgotten; or a `COPY` does not, since policies were put on the table.
  var isStaleStatement: Bool {
    if state == "26000" { return true }
    guard state == "0A000", sql.utf8.count > 0 else { return false }
    return message.contains("cached plan") || sql.hasPrefix("COPY ")
  }

  /// Whether the statement was stopped: it took too long, or was cancelled.
  var isStopped: Bool { state == "57014" }

  /// The error that crosses the driver, but for violated constraints.
  var error: RoostError {
    if isConnectionLoss || state.hasPrefix("53") && state != "53100" { return .unreachable(self) }
    if isConflict || isStaleStatement {
      return RoostError(
        .overloaded, "The change met others that were made at the same time; try again.",
        retryAfterSeconds: 1, cause: self)
    }
    switch state {
    case "53100": return .storageFull(cause: self)
    case "55P03":
      return RoostError(
        .overloaded, "The database is busy; try again.", retryAfterSeconds: 1, cause: self)
    case "57014": return .tooLong(cause: self)
    case "22021", "22P05":
      return RoostError(
        .invalid, "A text holds a character that cannot be stored; leave it out.", cause: self)
    case _ where state.hasPrefix("54"):
      return RoostError(
        .payloadTooLarge, "A value is larger than the database can hold.", cause: self)
    // A column or table that was there when the statement was made: tables are changed by migrations
    // alone.
    case "42703", "42P01":
      return RoostError(
        .draining,
        "The database does not fit this server: the app's schema is likely being migrated.",
        retryAfterSeconds: 1, cause: self)
    default: return RoostError(.internalError, "The database reported an error.", cause: self)
    }
  }
}

extension RoostError {
  static func storageFull(cause: (any Error)? = nil) -> RoostError {
    RoostError(
      .storageFull,
      "The database's disk is full; nothing was written. Reads go on; try again when there is room.",
      retryAfterSeconds: 60, cause: cause)
  }

  static func unreachable(_ cause: (any Error)?) -> RoostError {
    RoostError(
      .overloaded, "The database cannot be reached at the moment; try again.",
      retryAfterSeconds: 1, cause: cause)
  }

  static func tooLong(cause: (any Error)? = nil) -> RoostError {
    RoostError(
      .overloaded,
      "The query took too long and was stopped; narrow it with a filter on an indexed field or a "
        + "smaller limit.", retryAfterSeconds: 5, cause: cause)
  }

  /// A mistake in the program that uses the driver.
  static func misuse(_ detail: String) -> RoostError { RoostError(.internalError, detail) }

  static let draining = RoostError(
    .draining, "The server is shutting down; try again.", retryAfterSeconds: 1)
}
