import DriverConformance
import Queries
import RoostCore
import SQLiteDriver
import Testing

/// The size of the log.
@Suite struct CheckpointTests {
  /// Writes about 8 MB in 400 transactions.
  private func write(_ database: SQLiteDatabase) async throws {
    try await database.run("CREATE TABLE IF NOT EXISTS thing (b BLOB)")
    let blob = [UInt8](repeating: 1, count: 20_000)
    for _ in 0..<400 { try await database.run("INSERT INTO thing (b) VALUES (\(blob))") }
  }

  @Test(arguments: [true, false])
  func `the log stays small with checkpoints, and grows without`(isOn: Bool) async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.checkpointMilliseconds = isOn ? 1 : 3_600_000
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await write(database)
    #expect((folder.size("roost.sqlite-wal") < 2_000_000) == isOn)
    #expect((database.statistics.checkpoints > 2) == isOn)
    await database.close()
    #expect(folder.size("roost.sqlite-wal") == 0)
    #expect(folder.size("roost.sqlite") > 8_000_000)
  }

  @Test func `above its bound the log is cut`() async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.checkpointMilliseconds = 3_600_000
    configuration.logBytes = 1_000_000
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await write(database)
    #expect(
      await eventually { folder.size("roost.sqlite-wal") < 1_100_000 })
    await database.close()
  }

  @Test func `a long read holds the log but not the writer, and both recover`() async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.checkpointMilliseconds = 10
    configuration.logBytes = 1_000_000
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (b BLOB)")
    let started = Gate()
    let mayEnd = Gate()
    let export = Task.immediate {
      try await database.readUnbounded { reader in
        let before = try await reader.first("SELECT count(*) FROM thing") { $0.int64(0) }
        started.open()
        mayEnd.pass()
        let after = try await reader.first("SELECT count(*) FROM thing") { $0.int64(0) }
        return [before, after]
      }
    }
    started.pass()
    try await write(database)
    #expect(folder.size("roost.sqlite-wal") > 4_000_000)
    mayEnd.open()
    #expect(try await export.value == [0, 0])
    #expect(
      await eventually { folder.size("roost.sqlite-wal") < 1_100_000 })
    #expect(try await database.integers("SELECT count(*) FROM thing") == [400])
    await database.close()
  }
}
