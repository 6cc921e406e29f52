import CSQLite

/// A connection to a memory disk that outlives its database, with the statements it has prepared.
///
/// Reading the tables of an app and preparing its statements takes a third of the time of a short
/// world; the next database on the same disk finds both as they were. In between it rests: it holds
/// no lock and reaches no file.
struct KeptConnection {
  let handle: OpaquePointer
  let statements: StatementCache

  init(_ handle: OpaquePointer, _ statements: StatementCache) {
    self.handle = handle
    self.statements = statements
    for file in MemoryHandle.all(of: handle) { file.pointee.lieDown() }
  }

  /// Goes on with what the disk has now; false where it cannot.
  ///
  /// Since the index of the log is empty, SQLite makes it anew from the log and takes all pages that
  /// it knew for void, as it does when it opens a file; where the tables are others, it reads them.
  func rise() -> Bool {
    MemoryHandle.all(of: handle).allSatisfy { $0.pointee.rise() }
      && sqlite3_exec(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", nil, nil, nil) == SQLITE_OK
  }

  func close() {
    var statements = statements
    statements.dropAll()
    sqlite3_close_v2(handle)
  }
}

/// The place of a connection on a memory disk, to which it may come back.
struct MemoryBerth {
  let disk: MemoryDisk
  let writes: Bool
  /// The life of the disk in which the connection was opened: it is of no use in another.
  let life: Int

  init(_ disk: MemoryDisk, writes: Bool) {
    self.disk = disk
    self.writes = writes
    life = disk.life
  }

  /// Takes a connection that would be closed; false where it is not wanted.
  func keep(_ handle: OpaquePointer, _ statements: StatementCache) -> Bool {
    guard disk.life == life, sqlite3_get_autocommit(handle) != 0 else { return false }
    return disk.keep(handle, statements, writes: writes)
  }

  /// The connection that was kept, if it can still be used.
  func take() -> KeptConnection? {
    guard let kept = disk.takeConnection(writes: writes) else { return nil }
    if kept.rise() { return kept }
    kept.close()
    return nil
  }
}
