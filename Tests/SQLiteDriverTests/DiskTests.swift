import CSQLite
import DriverConformance
import Foundation
import Queries
import RoostCore
import SQLiteDriver
import Testing

private struct Note: Effect {}

private final class CommitCounter: PreCommit {
  let commits = Shared(0)
  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {}
  func committed(_ effects: [any Effect]) { commits.change { $0 += 1 } }
}

private final class Lines: LogSink {
  let texts = Shared<[String]>([])
  func write(_ line: [UInt8]) { texts.change { $0.append(String(decoding: line, as: UTF8.self)) } }
}

/// Disks that are full, fail, or lose their machine.
@Suite struct DiskTests {
  @Test func `a database that may not grow answers 507 and recovers`() async throws {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER, b BLOB)")
    try await database.run("INSERT INTO thing (id, b) VALUES (1, \([1] as [UInt8]))")
    _ = try await database.write { transaction in
      try await transaction.first("PRAGMA max_page_count=20") { $0.int64(0) }
    }
    let large = [UInt8](repeating: 7, count: 400_000)
    let results = await database.together([
      { try await $0.execute("INSERT INTO thing (id, b) VALUES (2, x'00')") },
      { try await $0.execute("INSERT INTO thing (id, b) VALUES (3, \(large))") },
      // Swallowing the error does not make the lost transaction good.
      { _ = try? await $0.execute("INSERT INTO thing (id, b) VALUES (4, \(large))") },
    ])
    for result in results { #expect(code(result) == .storageFull) }
    #expect(try await database.integers("SELECT id FROM thing") == [1])
    _ = try await database.write { transaction in
      try await transaction.first("PRAGMA max_page_count=100000") { $0.int64(0) }
    }
    try await database.run("INSERT INTO thing (id, b) VALUES (5, \(large))")
    #expect(try await database.integers("SELECT id FROM thing") == [1, 5])
    await database.close()
  }

  @Test func `after an error that ended the transaction a body can run nothing more`() async throws
  {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.writerCacheKiB = 64
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER, b BLOB)")
    _ = try await database.write { transaction in
      try await transaction.first("PRAGMA max_page_count=100") { $0.int64(0) }
    }
    let page = [UInt8](repeating: 7, count: 4000)
    let later = Shared<[ErrorCode?]>([])
    let results = await database.together([
      { try await $0.execute("INSERT INTO thing (id) VALUES (1)") },
      { transaction in
        for id in 2..<200 {
          do {
            try await transaction.execute("INSERT INTO thing (id, b) VALUES (\(id), \(page))")
          } catch {
            later.change { $0.append((error as? RoostError)?.code) }
          }
        }
        // These would find room: what was written before is undone.
        for sql in ["INSERT INTO thing (id) VALUES (200)", "SELECT 1"] as [SQL] {
          do {
            try await transaction.execute(sql)
            later.change { $0.append(nil) }
          } catch {
            later.change { $0.append((error as? RoostError)?.code) }
          }
        }
      },
    ])
    for result in results { #expect(code(result) == .storageFull) }
    #expect(later.value.count > 50)
    #expect(later.value.allSatisfy { $0 == .storageFull })
    #expect(try await database.integers("SELECT id FROM thing") == [])
    await database.close()
  }

  @Test func `below the minimum of free space writes are refused and reads go on`() async throws {
    let folder = TemporaryFolder()
    let free = Shared<UInt64>(1000 << 20)
    let lines = Lines()
    let time = ManualTime()
    var configuration = folder.configuration()
    configuration.minimumFreeBytes = 500 << 20
    configuration.machine.freeBytes = { _ in free.value }
    let ambient = Ambient(time: time, logger: Logger(level: .notice, sink: lines))
    let database = try SQLiteDatabase.open(configuration, ambient: ambient)
    try await database.run("CREATE TABLE thing (id INTEGER)")
    #expect(database.statistics.freeBytes == 1000 << 20)
    free.change { $0 = 499 << 20 }
    // Within the second the old figure holds.
    try await database.run("INSERT INTO thing (id) VALUES (1)")
    time.advance(milliseconds: 1000)
    for _ in 0..<3 {
      let refusal = await #expect(throws: RoostError.self) {
        try await database.run("INSERT INTO thing (id) VALUES (2)")
      }
      #expect(refusal?.code == .storageFull)
      #expect(refusal?.detail.contains("database.minimumFreeMegabytes") == true)
    }
    #expect(try await database.integers("SELECT id FROM thing") == [1])
    // Once, however many writes are refused.
    #expect(lines.texts.value.count == 1)
    #expect(lines.texts.value.first?.contains("\"freeMegabytes\":499") == true)
    #expect(lines.texts.value.first?.contains("\"minimumFreeMegabytes\":500") == true)
    free.change { $0 = 500 << 20 }
    time.advance(milliseconds: 1000)
    try await database.run("INSERT INTO thing (id) VALUES (3)")
    #expect(try await database.integers("SELECT id FROM thing") == [1, 3])
    #expect(lines.texts.value.count == 2)
    await database.close()
  }

  @Test func `a failed sync ends the process and acknowledges nothing`() async throws {
    let folder = TemporaryFolder()
    let fault = Shared<Int32?>(nil)
    let exits = Shared<[Int32]>([])
    let counter = CommitCounter()
    var configuration = folder.configuration()
    configuration.machine.commitFault = { fault.value }
    configuration.machine.exit = { status in exits.change { $0.append(status) } }
    let database = try SQLiteDatabase.open(configuration, ambient: quiet, preCommit: counter)
    try await database.run("CREATE TABLE thing (id INTEGER)")
    try await database.write { $0.attach(Note()) }
    #expect(counter.commits.value == 1)
    fault.change { $0 = SQLITE_IOERR | 4 << 8 }
    let results = await database.together([
      { $0.attach(Note()) },
      { try await $0.execute("INSERT INTO thing (id) VALUES (1)") },
    ])
    for result in results { #expect(code(result) == .internalError) }
    #expect(exits.value == [74])
    #expect(counter.commits.value == 1)
    // Even with a disk that seems well again nothing more is written.
    fault.change { $0 = nil }
    #expect(
      await code { try await database.run("INSERT INTO thing (id) VALUES (2)") } == .internalError)
    #expect(exits.value == [74])
    await database.close()
  }

  @Test func `an error at commit that leaves the disk in order fails the batch only`() async throws
  {
    let folder = TemporaryFolder()
    let fault = Shared<Int32?>(nil)
    let exits = Shared<[Int32]>([])
    var configuration = folder.configuration()
    configuration.machine.commitFault = { fault.value }
    configuration.machine.exit = { status in exits.change { $0.append(status) } }
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER)")
    fault.change { $0 = SQLITE_FULL }
    #expect(
      await code { try await database.run("INSERT INTO thing (id) VALUES (1)") } == .storageFull)
    fault.change { $0 = nil }
    try await database.run("INSERT INTO thing (id) VALUES (2)")
    #expect(exits.value == [])
    #expect(database.statistics.failedBatches == 1)
    await database.close()
  }

  @Test func `whatever was acknowledged is in the files at that moment`() async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    // Without checkpoints the log only grows, so that a copy of a moment can be taken file by file.
    configuration.checkpointMilliseconds = 3_600_000
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
    let acknowledged = Shared<Set<Int64>>([])
    let isOver = Shared(false)
    try await withThrowingTaskGroup { group in
      for caller in 0..<8 {
        group.addTask {
          var step = 0
          while !isOver.value {
            let id = Int64(caller * 1_000_000 + step)
            try await database.run("INSERT INTO thing (id) VALUES (\(id))")
            acknowledged.change { _ = $0.insert(id) }
            step += 1
          }
        }
      }
      for round in 1...5 {
        #expect(await eventually { acknowledged.value.count >= round * 100 })
        let expected = acknowledged.value
        let copy = TemporaryFolder()
        for file in ["roost.sqlite", "roost.sqlite-wal"] {
          try FileManager.default.copyItem(
            atPath: folder.path + "/" + file, toPath: copy.path + "/" + file)
        }
        let other = try SQLiteDatabase.open(copy.configuration(), ambient: quiet)
        let found = Set(try await other.integers("SELECT id FROM thing"))
        #expect(expected.isSubset(of: found))
        let check = try await other.read(.statement) { reader in
          try await reader.first("PRAGMA integrity_check") { $0.text(0) }
        }
        #expect(check == "ok")
        await other.close()
      }
      isOver.change { $0 = true }
      try await group.waitForAll()
    }
    await database.close()
  }
}

/// A clock that tests move.
final class ManualTime: TimeSource {
  private let milliseconds = Shared<UInt64>(1_700_000_000_000)

  func now() -> Timestamp { Timestamp(milliseconds: Int64(milliseconds.value)) }
  func monotonicNanoseconds() -> UInt64 { milliseconds.value * 1_000_000 }
  func advance(milliseconds count: UInt64) { milliseconds.change { $0 += count } }
}
