import CSQLite
import Queries
import RoostCore

/// An error as SQLite reports it, for the log: neither the text nor the message holds values.
package struct SQLiteFailure: Error, Sendable, CustomStringConvertible {
  /// The extended result code.
  package let code: Int32
  package let message: String
  /// The text of the statement that failed.
  package let sql: String

  package var description: String {
    let text = "SQLite error \(code), \(message), in: \(sql)"
    guard primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB else { return text }
    return text + " (the file is damaged: restore a backup; roost doctor says what it finds)"
  }

  var primaryCode: Int32 { code & 0xFF }

  /// Whether a sync or a cut of a file failed: from then on nobody knows what the disk holds.
  var isSyncFailure: Bool {
    code == SQLITE_IOERR | 4 << 8  // SQLITE_IOERR_FSYNC
      || code == SQLITE_IOERR | 5 << 8  // SQLITE_IOERR_DIR_FSYNC
  }

  /// Whether a statement passed a limit of SQLite's, which has no code of its own.
  private var isTooLarge: Bool {
    message == "parser stack overflow" || message.hasPrefix("Expression tree is too large")
      || message.hasPrefix("too many ") || message.hasPrefix("at most ")
  }

  /// Whether the disk has no room; the index in shared memory reports it in a code of its own.
  var isFull: Bool {
    primaryCode == SQLITE_FULL || code == SQLITE_IOERR | 19 << 8  // SQLITE_IOERR_SHMSIZE
  }

  /// The error that crosses the driver: a constraint's, or one with a code and a safe message.
  package var error: any Error {
    switch primaryCode {
    case SQLITE_CONSTRAINT:
      return ConstraintViolation(code: code, message: message)
    case _ where isFull:
      return RoostError.storageFull(cause: self)
    case SQLITE_BUSY, SQLITE_LOCKED:
      return RoostError(
        .overloaded, "The database is busy; try again.", retryAfterSeconds: 1, cause: self)
    case SQLITE_TOOBIG:
      return RoostError(
        .payloadTooLarge, "A value is larger than the database can hold.", cause: self)
    case SQLITE_ERROR where isTooLarge:
      return StatementTooLarge(cause: self)
    default:
      return RoostError(.internalError, "The database reported an error.", cause: self)
    }
  }
}

extension RoostError {
  static func storageFull(cause: (any Error)? = nil) -> RoostError {
    RoostError(
      .storageFull,
      "The server's disk is full; nothing was written. Reads go on; try again when there is room.",
      retryAfterSeconds: 60, cause: cause)
  }

  /// Without a cause: the log has the figures once, and not for each write.
  static let spaceKept = RoostError(
    .storageFull,
    "The server keeps the rest of its disk free (database.minimumFreeMegabytes); nothing was written. "
      + "Reads go on; try again when there is room.",
    retryAfterSeconds: 60)

  /// A mistake in the program that uses the driver.
  static func misuse(_ detail: String) -> RoostError {
    RoostError(.internalError, detail)
  }

  static let draining = RoostError(
    .draining, "The server is shutting down; try again.", retryAfterSeconds: 1)
}

extension ConstraintViolation {
  /// Reads SQLite's message: `UNIQUE constraint failed: table.a, table.b`, `… failed: index 'name'`
  /// for an index on expressions, `CHECK constraint failed: name`, and
  /// `cannot store TEXT value in INTEGER column table.a` for a strict table.
  init(code: Int32, message: String) {
    let kind: Kind =
      switch code >> 8 {
      case 6, 8, 10: .unique  // PRIMARYKEY, UNIQUE, ROWID
      case 5: .notNull
      case 1: .check
      default: .other
      }
    self.init(kind: kind, columns: ConstraintViolation.columns(message))
  }

  private static func columns(_ message: String) -> [String] {
    if let range = message.firstRange(of: " constraint failed: ") {
      let names = message[range.upperBound...]
      if names.hasPrefix("index '"), names.hasSuffix("'") {
        return [String(names.dropFirst(7).dropLast())]
      }
      return message.hasPrefix("CHECK") ? [String(names)] : split(names)
    }
    if let range = message.firstRange(of: " column ") {
      return [String(message[range.upperBound...])]
    }
    return []
  }

  private static func split(_ names: Substring) -> [String] {
    names.split(separator: ",").map { name in
      String(name.drop { $0 == " " })
    }
  }
}
