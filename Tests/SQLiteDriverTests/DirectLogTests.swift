import CSQLite
import DriverConformance
import Foundation
import Queries
import RoostCore
import Synchronization
import Testing

@testable import SQLiteDriver

/// The log goes around the page cache, and whatever happens there, its file holds all commits.
@Suite(.serialized, .enabled(if: DirectDatabase.isPossible)) struct DirectLogTests {
  @Test func `a commit is one call, and the file holds it`() throws {
    let database = try DirectDatabase()
    let calls = Mutex<[Range<Int>]>([])
    try database.system { file, bytes, count, offset in
      calls.withLock { $0.append(Int(offset)..<Int(offset) + count) }
      return pwrite(file, bytes, count, offset)
    }
    for id in 2...9 {
      calls.withLock { $0 = [] }
      try database.add(id)
      let made = calls.withLock { $0 }
      #expect(made.count == 1)
      #expect(made.allSatisfy { $0.lowerBound % 4096 == 0 && $0.upperBound % 4096 == 0 })
      try database.holds(id)
    }
  }

  @Test func `a call that writes less goes on with what is left`() throws {
    let database = try DirectDatabase()
    let calls = Mutex(0)
    try database.system { file, bytes, count, offset in
      calls.withLock { $0 += 1 }
      return pwrite(file, bytes, min(count, 8192), offset)
    }
    try database.run("INSERT INTO thing (b) VALUES (zeroblob(100000))")
    #expect(calls.withLock { $0 } > 10)
    try database.holds(2)
  }

  @Test func `a full disk fails the commit, and later ones go the other way`() throws {
    let database = try DirectDatabase()
    try database.system { _, _, _, _ in
      errno = ENOSPC
      return -1
    }
    #expect(throws: (any Error).self) { try database.add(2) }
    #expect(database.connection.failure?.code == SQLITE_FULL)
    database.connection.forgetFailure()
    try database.holds(1)
    try database.add(2)
    try database.holds(2)
    #expect(try database.direct().isActive == false)
    // The log begins anew, and there is room again.
    try database.system { pwrite($0, $1, $2, $3) }
    try database.checkpoint(SQLITE_CHECKPOINT_RESTART)
    try database.add(3)
    #expect(try database.direct().isActive)
    try database.holds(3)
  }

  @Test func `an error of the disk is that of a sync, and nothing remains`() throws {
    let database = try DirectDatabase()
    try database.system { _, _, _, _ in
      errno = EIO
      return -1
    }
    #expect(throws: (any Error).self) { try database.add(2) }
    #expect(database.connection.failure?.isSyncFailure == true)
    try database.holds(1)
  }

  @Test func `a file system that refuses is written the other way`() throws {
    let database = try DirectDatabase()
    try database.system { _, _, _, _ in
      errno = EINVAL
      return -1
    }
    for id in 2...4 {
      try database.add(id)
      try database.holds(id)
    }
    // What the image has of the log before is not what the log has now.
    try database.checkpoint(SQLITE_CHECKPOINT_RESTART)
    try database.add(5, bytes: 9000)
    #expect(try database.direct().isActive == false)
    try database.holds(5)
  }

  @Test func `a log that outgrows the image goes on in the file`() throws {
    let database = try DirectDatabase()
    let size = 1_000_000
    for id in 2...60 { try database.add(id, bytes: size) }
    #expect(database.folder.size("roost.sqlite-wal") > LogImage.capacity)
    #expect(try database.direct().isActive == false)
    try database.holds(60)
    // One transaction of more than fits goes both ways.
    try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
    try database.run("BEGIN IMMEDIATE")
    for id in 61...110 { try database.add(id, bytes: size) }
    try database.run("COMMIT")
    try database.holds(110)
    try database.checkpoint(SQLITE_CHECKPOINT_RESTART)
    try database.add(111)
    #expect(try database.direct().isActive)
    try database.holds(111)
  }

  @Test func `without syncs it is handed over before readers are told`() throws {
    let database = try DirectDatabase()
    try database.run("PRAGMA synchronous=OFF")
    try database.add(2)
    try database.holds(2)
  }

  @Test func `the image gives its memory back when little is written`() async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.checkpointMilliseconds = 200
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (b BLOB)")
    let log = folder.path + "/roost.sqlite-wal"
    let image = try #require(LogImage.of(log))
    for _ in 1...3 {
      try await database.run("INSERT INTO thing (b) VALUES (zeroblob(6000000))")
      #expect(await eventually { image.size == 0 })
      try await database.run("INSERT INTO thing (b) VALUES (zeroblob(1000))")
    }
    let sizes = try await database.read(.snapshot) { reader in
      try await reader.first("SELECT sum(length(b)) FROM thing") { $0.int64(0) }
    }
    #expect(sizes == 18_003_000)
    await database.close()
    #expect(LogImage.of(log) == nil)
  }

  @Test(arguments: UInt64(1)...10)
  func `whatever is done, the file holds what was committed`(seed: UInt64) throws {
    var random = Draws(seed)
    let database = try DirectDatabase(cacheKiB: 64)
    var count = 1
    for _ in 0..<40 {
      switch random.next(below: 12) {
      case 0: try database.checkpoint(SQLITE_CHECKPOINT_PASSIVE)
      case 1: try database.checkpoint(SQLITE_CHECKPOINT_RESTART)
      case 2: try database.checkpoint(SQLITE_CHECKPOINT_TRUNCATE)
      case 3: try database.hold()
      case 4: try database.letGo()
      case 5:
        // On a full disk it may end before it is rolled back.
        _ = try? database.run("BEGIN IMMEDIATE")
        _ = try? database.add(count + 1, bytes: random.next(below: 200_000))
        _ = try? database.run("ROLLBACK")
        database.connection.forgetFailure()
      case 6:
        let refuses = random.next(below: 2) == 0
        try database.system { file, bytes, length, offset in
          guard refuses else { return pwrite(file, bytes, length, offset) }
          errno = ENOSPC
          return -1
        }
      default:
        do {
          try database.run("BEGIN IMMEDIATE")
          let more = 1 + random.next(below: 5)
          for id in count + 1...count + more {
            try database.add(id, bytes: random.next(below: 30_000))
          }
          try database.run("UPDATE thing SET b = zeroblob(\(Int64(random.next(below: 9000))))")
          try database.run("COMMIT")
          count += more
        } catch {
          database.connection.forgetFailure()
          _ = try? database.run("ROLLBACK")
        }
      }
      try database.holds(count)
    }
    try database.letGo()
    try database.holds(count)
  }
}

/// Numbers that are the same for the same seed (Marsaglia's xorshift64).
private struct Draws {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next(below bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
}

/// A writer and a reader of one file with one row, without the rest of the driver.
private final class DirectDatabase {
  let folder = TemporaryFolder()
  let connection: Connection
  private let reader: Connection
  private(set) var isHeld = false

  /// Whether the file system of temporary files has the way at all.
  static let isPossible: Bool = {
    let folder = TemporaryFolder()
    let path = folder.path + "/probe"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    guard let log = DirectLog(path: path) else { return false }
    log.close()
    return true
  }()

  init(cacheKiB: Int = 16_384) throws {
    var configuration = folder.configuration()
    configuration.writerCacheKiB = cacheKiB
    _ = FileManager.default.createFile(atPath: configuration.path, contents: nil)
    let factory = ConnectionFactory(configuration: configuration, time: SystemTime())
    connection = try factory.writer()
    reader = try factory.reader()
    try run("CREATE TABLE thing (id INTEGER PRIMARY KEY, b BLOB)")
    try run("CREATE INDEX thing_b ON thing (length(b), id)")
    try add(1)
    #expect(try direct().isActive)
  }

  deinit {
    reader.close()
    connection.close()
  }

  func run(_ sql: SQL) throws { try connection.query(sql) { _ in true } }

  func add(_ id: Int, bytes: Int = 10) throws {
    try run("INSERT INTO thing VALUES (\(Int64(id)), randomblob(\(Int64(bytes))))")
  }

  func checkpoint(_ mode: Int32) throws {
    sqlite3_busy_timeout(connection.handle, 0)
    let code = sqlite3_wal_checkpoint_v2(connection.handle, nil, mode, nil, nil)
    #expect([SQLITE_OK, SQLITE_BUSY, SQLITE_FULL].contains(code))
  }

  /// Begins a transaction of the reader, which keeps the log from beginning anew.
  func hold() throws {
    guard !isHeld else { return }
    try reader.query("BEGIN") { _ in true }
    isHeld = true
    _ = try content(reader)
  }

  func letGo() throws {
    guard isHeld else { return }
    try reader.query("COMMIT") { _ in true }
    isHeld = false
  }

  /// Expects so many rows, the same for the writer, for the reader where it is not held, and for
  /// somebody who finds the files after this process was killed.
  func holds(_ count: Int) throws {
    let copy = TemporaryFolder()
    for name in ["roost.sqlite", "roost.sqlite-wal"] {
      try FileManager.default.copyItem(
        atPath: folder.path + "/" + name, toPath: copy.path + "/" + name)
    }
    var configuration = copy.configuration()
    configuration.writesLogDirectly = false
    let other = try ConnectionFactory(configuration: configuration, time: SystemTime()).writer()
    // The copy is thrown away: nothing of it has to reach the disk.
    roost_sqlite_option(other.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    defer { other.close() }
    #expect(try text(other, "PRAGMA integrity_check") == "ok")
    let found = try content(other)
    #expect(found.hasPrefix("\(count) "))
    #expect(try content(connection) == found)
    if !isHeld { #expect(try content(reader) == found) }
  }

  /// The number of rows, and something of each.
  private func content(_ connection: Connection) throws -> String {
    try text(
      connection,
      """
      SELECT count(*) || ' ' || group_concat(id || ':' || length(b) || hex(substr(b, -8)))
      FROM thing
      """)
  }

  private func text(_ connection: Connection, _ sql: SQL) throws -> String {
    var text = ""
    try connection.query(sql) { row in
      text = row.text(0)
      return false
    }
    return text
  }

  func direct() throws -> DirectLog {
    try #require(GatheredFile.direct(of: connection))
  }

  /// Replaces the call that writes.
  func system(_ call: @escaping (Int32, UnsafeRawPointer, Int, off_t) -> Int) throws {
    try direct().system = call
  }
}
