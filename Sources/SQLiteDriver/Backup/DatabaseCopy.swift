import CSQLite
import Glibc
import Queries
import RoostCore

/// A copy of a database that is being written to, as it is at one moment.
///
/// Source: SQLite, Online Backup API. The connection that reads holds a snapshot all along, so
/// writers go on and the copy does not begin anew; meanwhile the log cannot shrink.
enum DatabaseCopy {
  /// Pages between two looks at whether to go on.
  private static let pages: Int32 = 1024

  /// Copies what `connection` sees into a new file at `path`, readable by its owner alone.
  ///
  /// The copy is not made durable. `proceed` gets how much is done, from 0 to 1, and throws where it
  /// is to stop. Throws `RoostError`; then no file is left.
  static func make(
    from connection: Connection, to path: String, proceed: (Double) throws -> Void
  ) throws {
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
    let code = sqlite3_open_v2(path, &opened, flags, "unix")
    defer { sqlite3_close_v2(opened) }
    guard code == SQLITE_OK, let target = opened else { throw fault(code, opened, path) }
    do {
      try run(from: connection.handle, to: target, path, proceed)
    } catch {
      sqlite3_close_v2(opened)
      opened = nil
      unlink(path)
      throw error
    }
  }

  private static func run(
    from source: OpaquePointer, to target: OpaquePointer, _ path: String,
    _ proceed: (Double) throws -> Void
  ) throws {
    chmod(path, 0o600)
    for pragma in ["PRAGMA synchronous=OFF", "PRAGMA journal_mode=OFF"] {
      let code = sqlite3_exec(target, pragma, nil, nil, nil)
      guard code == SQLITE_OK else { throw fault(code, target, path) }
    }
    // The snapshot begins with the first look.
    let look = sqlite3_exec(source, "SELECT count(*) FROM sqlite_schema", nil, nil, nil)
    guard look == SQLITE_OK else { throw fault(look, source, path) }
    guard let backup = sqlite3_backup_init(target, "main", source, "main") else {
      throw fault(sqlite3_errcode(target), target, path)
    }
    var isOpen = true
    defer { if isOpen { sqlite3_backup_finish(backup) } }
    while true {
      let code = sqlite3_backup_step(backup, pages)
      let total = max(1, sqlite3_backup_pagecount(backup))
      let left = sqlite3_backup_remaining(backup)
      try proceed(1 - Double(left) / Double(total))
      if code == SQLITE_DONE { break }
      guard code == SQLITE_OK else { throw fault(code, target, path) }
    }
    isOpen = false
    let end = sqlite3_backup_finish(backup)
    guard end == SQLITE_OK else { throw fault(end, target, path) }
  }

  private static func fault(_ code: Int32, _ handle: OpaquePointer?, _ path: String) -> RoostError {
    let message = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "\(code)"
    if code & 0xFF == SQLITE_FULL {
      return RoostError(
        .storageFull, "There is no room for a copy of the database at \(path): make some.")
    }
    return RoostError(.internalError, "The database cannot be copied to \(path): \(message).")
  }
}

extension SQLiteDatabase {
  /// Copies the database as it is now into a new file, while writes go on.
  ///
  /// See `readUnbounded` for what that costs. `proceed` gets how much is done, from 0 to 1; what it
  /// throws ends the copy.
  package func copy(
    to path: String, proceed: @escaping @Sendable (Double) throws -> Void
  ) async throws {
    try await readUnbounded { reader in
      guard let reader = reader as? SQLiteReader else {
        throw RoostError.misuse("A copy is made by a reader of this driver.")
      }
      try DatabaseCopy.make(from: reader.connection, to: path, proceed: proceed)
    }
  }
}
