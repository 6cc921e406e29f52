import CSQLite
import DriverConformance
import Foundation
import Queries
import RoostCore
import SQLiteDriver
import Testing

/// What happens before the first statement.
@Suite struct OpeningTests {
  private func failure(_ configuration: SQLiteConfiguration) async -> DatabaseOpenError? {
    do {
      let database = try SQLiteDatabase.open(configuration, ambient: quiet)
      await database.close()
      return nil
    } catch {
      return error
    }
  }

  @Test func `a missing folder is created for this account alone, and so are the files`()
    async throws
  {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.folder += "/a/b"
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER)")
    #expect(folder.permissions("a") == 0o700)
    #expect(folder.permissions("a/b") == 0o700)
    for file in ["roost.sqlite", "roost.sqlite-wal", "roost.lock"] {
      #expect(folder.permissions("a/b/" + file) == 0o600, "\(file)")
    }
    await database.close()
  }

  @Test(arguments: [false, true])
  func `the index of the log is a file only when other processes may read it`(isShared: Bool)
    async throws
  {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.isShared = isShared
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER)")
    #expect(try await database.integers("SELECT id FROM thing") == [])
    #expect(folder.permissions("roost.sqlite-shm") == (isShared ? 0o600 : 0))
    #expect(isLockedOut(configuration.path) == !isShared)
    await database.close()
  }

  @Test func `what was written is there after closing and opening again`() async throws {
    let folder = TemporaryFolder()
    for round in 1...3 {
      let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
      try await database.run("CREATE TABLE IF NOT EXISTS thing (id INTEGER)")
      try await database.run("INSERT INTO thing (id) VALUES (\(round))")
      #expect(
        try await database.integers("SELECT count(*) FROM thing") == [Int64(round)])
      await database.close()
      #expect(folder.size("roost.sqlite-wal") == 0)
    }
  }

  @Test(arguments: ["/dev/null", "/dev/null/data", "/proc/roost-data"])
  func `a path that cannot be a data folder is refused with advice`(path: String) async {
    let error = await failure(SQLiteConfiguration(folder: path))
    #expect(error?.reason == .folder)
    #expect(error?.description.contains(path) == true)
    #expect(error?.description.contains("choose another data folder") == true)
  }

  @Test func `a folder without a name is refused`() async {
    #expect(await failure(SQLiteConfiguration(folder: ""))?.reason == .folder)
  }

  @Test func `a folder in use is refused, with the process that uses it`() async throws {
    let folder = TemporaryFolder()
    let first = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    let error = await failure(folder.configuration())
    #expect(error?.reason == .inUse)
    #expect(error?.description.contains("process \(getpid())") == true)
    await first.close()
    #expect(await failure(folder.configuration()) == nil)
  }

  @Test func `a file that is not a database is refused`() async throws {
    let folder = TemporaryFolder()
    let text = String(repeating: "This is a letter, not a database. ", count: 200)
    try text.write(toFile: folder.configuration().path, atomically: true, encoding: .utf8)
    let error = await failure(folder.configuration())
    #expect(error?.reason == .notADatabase)
    #expect(error?.description.contains(folder.configuration().path) == true)
  }

  /// Whether the lock that SQLite takes first in any other process would be refused.
  private func isLockedOut(_ path: String) -> Bool {
    let descriptor = open(path, O_RDWR)
    defer { close(descriptor) }
    var range = flock()
    range.l_type = Int16(F_RDLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = 0x4000_0000
    range.l_len = 1
    // F_OFD_GETLK: it sees the locks of this process too.
    #expect(fcntl(descriptor, 36, &range) == 0)
    return range.l_type != Int16(F_UNLCK)
  }

  /// Runs statements on a file without the driver.
  private func alone(_ path: String, _ sql: String) {
    // Whoever opens first sets the library up; afterwards it takes no settings.
    #expect(SQLiteLibrary.configured == SQLITE_OK)
    var handle: OpaquePointer?
    #expect(sqlite3_open(path, &handle) == SQLITE_OK)
    #expect(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
    sqlite3_close(handle)
  }

  @Test func `a database of another program is refused`() async throws {
    let folder = TemporaryFolder()
    alone(folder.configuration().path, "CREATE TABLE recipe (id INTEGER)")
    #expect(await failure(folder.configuration())?.reason == .foreign)
  }

  @Test func `a database with the mark of another program is refused, an empty one is taken`()
    async throws
  {
    let marked = TemporaryFolder()
    alone(marked.configuration().path, "PRAGMA application_id=7")
    #expect(await failure(marked.configuration())?.reason == .foreign)
    let empty = TemporaryFolder()
    alone(empty.configuration().path, "CREATE TABLE t (x); DROP TABLE t")
    #expect(await failure(empty.configuration()) == nil)
  }

  @Test func `a database of a newer layout is refused`() async throws {
    let folder = TemporaryFolder()
    #expect(await failure(folder.configuration()) == nil)
    alone(folder.configuration().path, "PRAGMA user_version=2")
    let error = await failure(folder.configuration())
    #expect(error?.reason == .newer)
    alone(folder.configuration().path, "PRAGMA user_version=1")
    #expect(await failure(folder.configuration()) == nil)
  }

  @Test(arguments: [
    ("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"),
    ("trusted_schema", "0"), ("cell_size_check", "1"), ("mmap_size", "0"),
    ("wal_autocheckpoint", "0"), ("journal_size_limit", "67108864"), ("busy_timeout", "5000"),
    ("query_only", "0"), ("temp_store", "2"),
  ])
  func `the writer has the settings that its safety rests on`(name: String, value: String)
    async throws
  {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    let found = try await database.write { transaction in
      try await transaction.first(OpeningTests.pragma(name)) { $0.text(0) }
    }
    // A mmap_size that is off has no row at all where the system has none.
    #expect(found == value)
    await database.close()
  }

  @Test(arguments: [
    ("query_only", "1"), ("trusted_schema", "0"), ("cell_size_check", "1"), ("mmap_size", "0"),
    ("wal_autocheckpoint", "0"), ("journal_mode", "wal"), ("temp_store", "2"),
  ])
  func `readers can only read`(name: String, value: String) async throws {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    let found = try await database.read(.statement) { reader in
      try await reader.first(OpeningTests.pragma(name)) { $0.text(0) }
    }
    #expect(found == value)
    await database.close()
  }

  private static func pragma(_ name: String) -> SQL { "PRAGMA \(identifier: name)" }

  @Test func `names in double quotes that are no columns are errors`() async throws {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    #expect(await code { _ = try await database.integers("SELECT \"nothing\"") } == .internalError)
    #expect(try await database.integers("SELECT 'text'") == [0])
    await database.close()
  }
}
