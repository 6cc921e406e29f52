import CSQLite

/// A connection to a memory disk that outlives its database, with the statements it has prepared.
///
/// Reading the tables of an app and preparing its statements takes a third of the time of a short
/// world; the next one on the same disk finds both as they were.
struct KeptConnection {
  let handle: OpaquePointer
  let statements: StatementCache

  /// Whether the connection can look at what the disk has now; where the tables are others, it then
  /// reads them anew.
  var isSound: Bool {
    sqlite3_exec(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", nil, nil, nil) == SQLITE_OK
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
    guard disk.keepsConnections, !disk.isDead, disk.life == life,
      sqlite3_get_autocommit(handle) != 0
    else { return false }
    disk.keep(KeptConnection(handle: handle, statements: statements), writes: writes)
    return true
  }

  /// The connection that was kept, if it can still be used.
  func take() -> KeptConnection? {
    guard let kept = disk.takeConnection(writes: writes) else { return nil }
    if kept.isSound { return kept }
    kept.close()
    return nil
  }
}
