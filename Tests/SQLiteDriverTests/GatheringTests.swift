import CSQLite
import DriverConformance
import Foundation
import Queries
import RoostCore
import Synchronization
import Testing

@testable import SQLiteDriver

/// The log is written in one piece a commit, and nobody can tell but by counting.
@Suite(.serialized) struct GatheringTests {
  @Test func `a commit is one write to the log, and readers see it`() throws {
    let database = try GatheredDatabase()
    try database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER)")
    try database.run("CREATE INDEX thing_a ON thing (a)")
    try database.run("CREATE INDEX thing_b ON thing (b)")
    try database.beneath(.counts)
    for id in 1...3 {
      Faults.writes.withLock { $0 = 0 }
      let size = database.folder.size("roost.sqlite-wal")
      try database.run("INSERT INTO thing VALUES (\(Int64(id)), 1, 1)")
      #expect(Faults.writes.withLock { $0 } == 1)
      #expect(database.folder.size("roost.sqlite-wal") == size + 3 * (4096 + 24))
      #expect(try database.count() == Int64(id))
    }
  }

  @Test(arguments: [SQLITE_IOERR | 3 << 8, SQLITE_FULL])
  func `a write that fails late fails its commit, and nothing of it remains`(code: Int32) throws {
    let database = try GatheredDatabase()
    try database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
    try database.run("INSERT INTO thing VALUES (1)")
    try database.beneath(.fails(code))
    #expect(throws: (any Error).self) { try database.run("INSERT INTO thing VALUES (2)") }
    #expect(database.connection.failure?.code == code)
    #expect(try database.count() == 1)
    try database.beneath(.counts)
    database.connection.forgetFailure()
    try database.run("INSERT INTO thing VALUES (3)")
    #expect(try database.count() == 2)
    let reopened = try GatheredDatabase(database.folder, closing: database)
    #expect(try reopened.count() == 2)
    #expect(try reopened.text("PRAGMA integrity_check") == "ok")
  }

  @Test func `a transaction larger than the cache reads what it wrote`() throws {
    let database = try GatheredDatabase(cacheKiB: 64)
    try database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY, b BLOB)")
    try database.run("BEGIN IMMEDIATE")
    for id in 1...500 {
      let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: id), count: 3000)
      try database.run("INSERT INTO thing VALUES (\(Int64(id)), \(bytes))")
      // Pages that were spilled are changed again, in their places in the log.
      try database.run("UPDATE thing SET b = \(bytes + [1]) WHERE id = \(Int64(id / 2))")
    }
    #expect(
      try database.text("SELECT count(*) || ' ' || sum(length(b)) FROM thing")
        == "500 1500250")
    #expect(try database.count() == 0)
    try database.run("COMMIT")
    #expect(try database.count() == 500)
    try database.run("BEGIN IMMEDIATE")
    try database.run("DELETE FROM thing WHERE id % 2 = 0")
    try database.run("ROLLBACK")
    #expect(try database.text("PRAGMA integrity_check") == "ok")
    let reopened = try GatheredDatabase(database.folder, closing: database)
    #expect(
      try reopened.text("SELECT count(*) || ' ' || sum(length(b)) FROM thing")
        == "500 1500250")
  }

  @Test func `without a sync the log is whole before readers are told`() throws {
    let database = try GatheredDatabase()
    try database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
    try database.run("PRAGMA synchronous=OFF")
    let size = database.folder.size("roost.sqlite-wal")
    try database.run("INSERT INTO thing VALUES (1)")
    #expect(database.folder.size("roost.sqlite-wal") == size + 4096 + 24)
    #expect(try database.count() == 1)
    try database.beneath(.fails(SQLITE_FULL))
    _ = try? database.run("INSERT INTO thing VALUES (2)")
    try database.beneath(.counts)
    // Behind the gap nothing is written any more.
    #expect(throws: (any Error).self) { try database.run("INSERT INTO thing VALUES (3)") }
  }
}

/// What the layer beneath does with a write to the log.
private enum Faults {
  enum Behaviour {
    case counts
    case fails(Int32)
  }

  static let writes = Mutex(0)
  static let failure = Mutex(SQLITE_OK)
  static let own = Mutex<sqlite3_io_methods?>(nil)
}

/// A writer and a reader of one file, without the rest of the driver.
private final class GatheredDatabase {
  let folder: TemporaryFolder
  let connection: Connection
  private let reader: Connection
  /// Leaks, as the file may outlive the test's frame.
  private let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)

  init(
    _ folder: TemporaryFolder = TemporaryFolder(), closing other: GatheredDatabase? = nil,
    cacheKiB: Int = 16_384
  ) throws {
    other?.close()
    self.folder = folder
    var configuration = folder.configuration()
    configuration.writerCacheKiB = cacheKiB
    configuration.writesLogDirectly = false
    if !FileManager.default.fileExists(atPath: configuration.path) {
      _ = FileManager.default.createFile(atPath: configuration.path, contents: nil)
    }
    let factory = ConnectionFactory(configuration: configuration, time: SystemTime())
    connection = try factory.writer()
    reader = try factory.reader()
  }

  deinit { close() }

  func close() {
    reader.close()
    connection.close()
  }

  func run(_ sql: SQL) throws { try connection.query(sql) { _ in true } }

  func text(_ sql: SQL) throws -> String {
    var text = ""
    try connection.query(sql) { row in
      text = row.text(0)
      return false
    }
    return text
  }

  /// The rows that the reader sees.
  func count() throws -> Int64 {
    var count: Int64 = 0
    try reader.query("SELECT count(*) FROM thing") { row in
      count = row.int64(0)
      return false
    }
    return count
  }

  /// Replaces what happens beneath when the log is written.
  func beneath(_ behaviour: Faults.Behaviour) throws {
    var file: UnsafeMutablePointer<sqlite3_file>?
    sqlite3_file_control(connection.handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
    let state = GatheredFile.of(try #require(file))
    Faults.own.withLock { own in if own == nil { own = state.pointee.own.pointee } }
    if case .fails(let code) = behaviour {
      Faults.failure.withLock { $0 = code }
    } else {
      Faults.failure.withLock { $0 = SQLITE_OK }
    }
    methods.initialize(to: try #require(Faults.own.withLock { $0 }))
    methods.pointee.xWrite = { file, bytes, count, offset in
      Faults.writes.withLock { $0 += 1 }
      let failure = Faults.failure.withLock { $0 }
      guard failure == SQLITE_OK else { return failure }
      return Faults.own.withLock { $0?.xWrite }?(file, bytes, count, offset) ?? SQLITE_IOERR
    }
    state.pointee.own = UnsafePointer(methods)
  }
}
