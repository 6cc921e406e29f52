import CSQLite
import Queries
import RoostCore

/// Opens the connections of one database file with the settings that its safety rests on.
struct ConnectionFactory: Sendable {
  let configuration: SQLiteConfiguration
  let time: any TimeSource

  /// "Roos": the mark in the file's head by which Roost knows its databases.
  static let applicationID: Int32 = 0x526F_6F73
  /// The layout of the file; a number above this one was written by a newer version.
  static let layout: Int64 = 1

  /// The connection that does all writes and all checkpoints.
  ///
  /// Debian 12's SQLite 3.40 can damage a database when one connection resets the log while another
  /// runs a checkpoint, so no other connection does either.
  func writer() throws(DatabaseOpenError) -> Connection {
    if let kept = try keptWriter() { return kept }
    let connection = Connection(
      try open(
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, writes: true),
      readGuard: readGuard)
    try set(
      connection,
      [
        "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON",
        "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY",
        "PRAGMA cache_size=\(-configuration.writerCacheKiB)",
      ])
    // Before the log is opened: that each commit syncs the log is what lets its writes be gathered.
    try set(connection, ["PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0"])
    try checkOwner(connection)
    try expect(connection, "PRAGMA journal_mode=WAL", "wal")
    try set(connection, ["PRAGMA journal_size_limit=67108864"])
    // From this first look at the log on, the connection holds the file's shared lock for good, and
    // readers share it within the process instead of asking the system.
    _ = try value(connection, "SELECT count(*) FROM sqlite_schema")
    // A sync that fails while the log is switched on leaves the old mode without an error.
    try expectSafety(connection)
    connection.berth = berth(writes: true)
    return connection
  }

  private func expectSafety(_ connection: Connection) throws(DatabaseOpenError) {
    try expect(connection, "PRAGMA journal_mode", "wal")
    try expect(connection, "PRAGMA synchronous", "2")
    try expect(connection, "PRAGMA foreign_keys", "1")
  }

  /// The writer that a memory disk has kept; the file is another one, and looked at as any is.
  ///
  /// What its safety rests on was tested when it was made: it is the connection's own, but for the
  /// log, which each file that a disk is put back to has as well.
  private func keptWriter() throws(DatabaseOpenError) -> Connection? {
    guard let connection = kept(writes: true) else { return nil }
    try checkOwner(connection)
    connection.berth = berth(writes: true)
    return connection
  }

  /// A connection that can only read, under a bound; for long reads it keeps fewer pages.
  func reader(forLongReads isLong: Bool = false) throws(DatabaseOpenError) -> Connection {
    if let kept = kept(writes: false) {
      kept.berth = berth(writes: false)
      return kept
    }
    let cacheKiB = isLong ? configuration.longReaderCacheKiB : configuration.readerCacheKiB
    let connection = Connection(
      try open(
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, writes: false),
      readGuard: readGuard)
    roost_sqlite_option(connection.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try set(
      connection,
      [
        "PRAGMA query_only=ON", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON",
        "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY", "PRAGMA wal_autocheckpoint=0",
        "PRAGMA cache_size=\(-cacheKiB)",
      ])
    connection.berth = berth(writes: false)
    return connection
  }

  private func berth(writes: Bool) -> MemoryBerth? {
    configuration.disk.map { MemoryBerth($0, writes: writes) }
  }

  /// The connection that a memory disk has kept, set up as it was.
  private func kept(writes: Bool) -> Connection? {
    guard let kept = berth(writes: writes)?.take() else { return nil }
    return Connection(kept.handle, readGuard: readGuard, statements: kept.statements)
  }

  private var readGuard: ReadGuard {
    ReadGuard(
      interval: max(1, min(1000, configuration.inlineSteps)), time: time,
      threadNanoseconds: configuration.machine.threadNanoseconds)
  }

  /// The system layer of a connection: SQLite's own, or one that looks after its log.
  private func system(writes: Bool) -> String {
    if configuration.disk != nil { return MemorySystem.name ?? "no-memory" }
    if configuration.isShared { return "unix" }
    let own = "unix-excl"
    guard configuration.writesLogDirectly else { return writes ? GatheringSystem.name ?? own : own }
    return (writes ? GatheringSystem.directName : GatheringSystem.readerName) ?? own
  }

  private func open(_ flags: Int32, writes: Bool) throws(DatabaseOpenError) -> OpaquePointer {
    guard SQLiteLibrary.configured == SQLITE_OK else {
      throw DatabaseOpenError(.engine, "SQLite cannot be set up (\(SQLiteLibrary.configured)).")
    }
    var handle: OpaquePointer?
    let code = sqlite3_open_v2(configuration.path, &handle, flags, system(writes: writes))
    guard code == SQLITE_OK, let handle else {
      let message = sqlite3_errmsg(handle).map { String(cString: $0) } ?? "error \(code)"
      sqlite3_close_v2(handle)
      throw DatabaseOpenError(
        .folder, "The database \(configuration.path) cannot be opened: \(message).")
    }
    sqlite3_busy_timeout(handle, 5000)
    // A name in double quotes that is no column is an error, not a text.
    roost_sqlite_option(handle, SQLITE_DBCONFIG_DQS_DML, 0)
    roost_sqlite_option(handle, SQLITE_DBCONFIG_DQS_DDL, 0)
    roost_sqlite_option(handle, SQLITE_DBCONFIG_DEFENSIVE, 1)
    return handle
  }

  /// Marks an empty database as Roost's, and refuses one that is not.
  private func checkOwner(_ connection: Connection) throws(DatabaseOpenError) {
    let isEmpty = try value(connection, "SELECT count(*) FROM sqlite_schema") == "0"
    let mark = try value(connection, "PRAGMA application_id")
    if isEmpty, mark == "0" {
      try set(
        connection,
        [
          "PRAGMA application_id=\(ConnectionFactory.applicationID)",
          "PRAGMA user_version=\(ConnectionFactory.layout)",
        ])
      return
    }
    guard mark == "\(ConnectionFactory.applicationID)" else {
      throw DatabaseOpenError(
        .foreign,
        """
        \(configuration.path) is a database of another program, not of Roost: choose another data \
        folder, or move the file away.
        """)
    }
    let layout = Int64(try value(connection, "PRAGMA user_version")) ?? 0
    guard layout <= ConnectionFactory.layout else {
      throw DatabaseOpenError(
        .newer,
        """
        The database belongs to a newer version of Roost (its layout is \(layout), this binary \
        knows \(ConnectionFactory.layout)): start it with the newer binary or choose another data \
        folder.
        """)
    }
  }

  private func expect(
    _ connection: Connection, _ pragma: String, _ expected: String
  ) throws(DatabaseOpenError) {
    let found = try value(connection, pragma)
    guard found == expected else {
      throw DatabaseOpenError(
        .engine,
        """
        SQLite answers "\(found)" to \(pragma) where Roost needs "\(expected)": the file system of \
        \(configuration.folder) does not support what a safe database needs (network file systems \
        do not); choose a data folder on a local disk.
        """)
    }
  }

  private func set(_ connection: Connection, _ pragmas: [String]) throws(DatabaseOpenError) {
    for pragma in pragmas { _ = try value(connection, pragma) }
  }

  /// The first column of the first row as text; "" when there is none.
  private func value(_ connection: Connection, _ text: String) throws(DatabaseOpenError) -> String {
    var prepared: OpaquePointer?
    defer { sqlite3_finalize(prepared) }
    var code = sqlite3_prepare_v2(connection.handle, text, -1, &prepared, nil)
    if code == SQLITE_OK { code = sqlite3_step(prepared) }
    guard code == SQLITE_ROW || code == SQLITE_DONE else {
      throw openError(connection.lastFailure(code, text))
    }
    guard code == SQLITE_ROW, let bytes = sqlite3_column_text(prepared, 0) else { return "" }
    return String(cString: bytes)
  }

  private func openError(_ failure: SQLiteFailure) -> DatabaseOpenError {
    let path = configuration.path
    switch failure.primaryCode {
    case SQLITE_NOTADB:
      return DatabaseOpenError(
        .notADatabase,
        "\(path) is not a database: choose another data folder, or move the file away.")
    case SQLITE_CORRUPT:
      return DatabaseOpenError(
        .notADatabase, "\(path) is damaged (\(failure.message)): restore it from a backup.")
    case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM:
      return DatabaseOpenError(
        .folder,
        """
        \(path) cannot be written (\(failure.message)): this account needs write access to the \
        file and its folder, on a file system that is not read-only.
        """)
    case SQLITE_FULL:
      return DatabaseOpenError(.folder, "The disk of \(path) is full: make room first.")
    case SQLITE_BUSY, SQLITE_LOCKED:
      return DatabaseOpenError(
        .inUse, "\(path) is locked by another program, such as a SQLite shell: close that first.")
    default:
      return DatabaseOpenError(.engine, "\(path) cannot be opened: \(failure).")
    }
  }
}
