import CSQLite
import Queries
import RoostCore

/// A connection of SQLite with its prepared statements; used by one thread at a time.
///
/// Exclusivity is unchecked here, in its row and in its arena, since the checks take a fiftieth of a
/// write: no access to a property spans a call that could reach it again.
final class Connection: @unchecked Sendable {
  // Sendable: its owner (writer, reader thread or pool) gives it to one thread at a time, under a
  // lock.
  let handle: OpaquePointer
  let readGuard: ReadGuard?
  private let row = SQLiteRow()
  private let arena = BindingArena()
  @exclusivity(unchecked) private var cache: StatementCache
  /// The first error of SQLite since `forgetFailure` that can end a transaction.
  @exclusivity(unchecked) private(set) var failure: SQLiteFailure?
  /// Counts the statements that may have changed something: all that write, but for those that a
  /// constraint refused, of which nothing remains (the conflict resolution is ABORT everywhere).
  @exclusivity(unchecked) private(set) var modifications = 0

  /// Where the connection may be kept instead of being closed; nil on a real disk, and until it is
  /// set up.
  var berth: MemoryBerth?

  /// Takes over an open handle.
  init(
    _ handle: OpaquePointer, readGuard: ReadGuard? = nil,
    statements: StatementCache = StatementCache()
  ) {
    self.handle = handle
    self.readGuard = readGuard
    cache = statements
    sqlite3_extended_result_codes(handle, 1)
    guard let readGuard else { return }
    // The guard lives as long as the connection, which removes the handler before it closes.
    sqlite3_progress_handler(
      handle, Int32(clamping: readGuard.interval),
      { context in
        guard let context else { return 0 }
        return Unmanaged<ReadGuard>.fromOpaque(context).takeUnretainedValue().tick() ? 1 : 0
      }, Unmanaged.passUnretained(readGuard).toOpaque())
  }

  deinit { close() }

  private var isClosed = false

  /// Finalises everything and closes; nothing else is called afterwards.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    sqlite3_progress_handler(handle, 0, nil, nil)
    sqlite3_wal_hook(handle, nil, nil)
    logWatch = nil
    if let berth, berth.keep(handle, cache) { return }
    cache.dropAll()
    sqlite3_close_v2(handle)
  }

  private var logWatch: ((Int32) -> Void)?

  /// Calls `body` after each commit with the pages that the log then holds, until the connection is
  /// closed.
  ///
  /// The hook belongs to the connection: who watches may outlive the handle and never touches it.
  func watchLog(_ body: @escaping (Int32) -> Void) {
    guard !isClosed else { return }
    logWatch = body
    sqlite3_wal_hook(
      handle,
      { context, _, _, frames in
        if let context {
          Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logWatch?(frames)
        }
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Whether a transaction is open.
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// The error for a transaction that is open no longer though nobody ended it: what ended it.
  var lostTransaction: any Error {
    failure?.error
      ?? RoostError.misuse("The body of a write ended the transaction that it ran in.")
  }

  func forgetFailure() { failure = nil }

  /// The number of prepared statements kept, for tests.
  var preparedCount: Int { cache.count }

  // MARK: Running

  func query(_ statement: Statement, _ values: [Value], _ body: (any Row) throws -> Bool) throws {
    try checkBound()
    let prepared = try cache.take(number: statement.number) ?? prepare(statement.text)
    defer { cache.put(prepared, number: statement.number) }
    try run(prepared, values, body)
  }

  func query(_ sql: SQL, _ body: (any Row) throws -> Bool) throws {
    try checkBound()
    let text = sql.text
    let prepared = try cache.take(text: text) ?? prepare(text)
    defer { cache.put(prepared, text: text) }
    try run(prepared, sql.bindings, body)
  }

  func execute(_ statement: Statement, _ values: [Value] = []) throws -> Int {
    let before = sqlite3_total_changes64(handle)
    try query(statement, values) { _ in true }
    return changes(since: before)
  }

  func execute(_ sql: SQL) throws -> Int {
    let before = sqlite3_total_changes64(handle)
    try query(sql) { _ in true }
    return changes(since: before)
  }

  /// Rows of the last statement; its own count stays from an earlier one when it changed nothing.
  private func changes(since before: sqlite3_int64) -> Int {
    sqlite3_total_changes64(handle) == before ? 0 : Int(sqlite3_changes64(handle))
  }

  private func checkBound() throws {
    guard let readGuard else { return }
    if readGuard.isSpent { throw ReadStopped() }
    if readGuard.isWorkSpent { throw WorkSpent() }
  }

  private func run(
    _ prepared: OpaquePointer, _ values: [Value], _ body: (any Row) throws -> Bool
  ) throws {
    guard Int(sqlite3_bind_parameter_count(prepared)) == values.count else {
      throw RoostError.misuse(
        """
        A statement takes \(sqlite3_bind_parameter_count(prepared)) values and was given \
        \(values.count): \(Connection.text(prepared))
        """)
    }
    let (code, holdsMemory) = arena.bind(values, to: prepared)
    let outer = row.handle
    row.handle = prepared
    defer {
      row.handle = outer
      sqlite3_reset(prepared)
      if !values.isEmpty { sqlite3_clear_bindings(prepared) }
      arena.release(holdsMemory)
    }
    guard code == SQLITE_OK else { throw error(code, Connection.text(prepared)) }
    let writes = sqlite3_stmt_readonly(prepared) == 0
    while true {
      let code = sqlite3_step(prepared)
      if writes, code & 0xFF != SQLITE_CONSTRAINT { modifications += 1 }
      if code == SQLITE_ROW {
        if try !body(row) { return }
      } else if code == SQLITE_DONE {
        return
      } else {
        throw error(code, Connection.text(prepared))
      }
    }
  }

  // MARK: Preparing

  private func prepare(_ text: String) throws -> OpaquePointer {
    var text = text
    var prepared: OpaquePointer?
    var rest = 0
    let code = text.withUTF8 { utf8 in
      utf8.withMemoryRebound(to: CChar.self) { buffer -> Int32 in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(
          handle, buffer.baseAddress, Int32(clamping: buffer.count),
          UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, &tail)
        if let tail, let base = buffer.baseAddress { rest = buffer.count - (tail - base) }
        return code
      }
    }
    guard code == SQLITE_OK else { throw error(code, text) }
    let isOne = text.utf8.suffix(rest).allSatisfy { $0 == 32 || (9...13).contains($0) || $0 == 59 }
    guard let prepared, isOne else {
      sqlite3_finalize(prepared)
      throw RoostError.misuse("A statement holds none or more than one: \(text)")
    }
    return prepared
  }

  private static func text(_ prepared: OpaquePointer) -> String {
    sqlite3_sql(prepared).map { String(cString: $0) } ?? ""
  }

  // MARK: Errors

  /// The error to throw for `code`, which is noted when it can have ended the transaction.
  private func error(_ code: Int32, _ sql: String) -> any Error {
    if code == SQLITE_INTERRUPT, let readGuard {
      if readGuard.isSpent { return ReadStopped() }
      if readGuard.isWorkSpent { return WorkSpent() }
    }
    let failure = lastFailure(code, sql)
    if failure.primaryCode != SQLITE_CONSTRAINT, failure.primaryCode != SQLITE_ERROR,
      self.failure == nil || failure.isSyncFailure
    {
      self.failure = failure
    }
    return failure.error
  }

  /// What SQLite says about `code`.
  func lastFailure(_ code: Int32, _ sql: String) -> SQLiteFailure {
    let message = sqlite3_errmsg(handle).map { String(cString: $0) } ?? ""
    return SQLiteFailure(code: code, message: message, sql: sql)
  }
}
