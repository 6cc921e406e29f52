import Queries
import RoostCore
import SQLiteDriver
import Testing

@Suite("A disk in memory")
struct MemoryDiskTests {
  private static func open(_ disk: MemoryDisk) throws -> SQLiteDatabase {
    var configuration = SQLiteConfiguration(folder: "/nowhere")
    configuration.disk = disk
    configuration.minimumFreeBytes = 0
    configuration.machine.exit = { _ in }
    return try SQLiteDatabase.open(configuration)
  }

  private static func count(_ database: SQLiteDatabase) async throws -> Int64? {
    try await database.read(.statement) {
      try await $0.first("SELECT count(*) FROM t") { $0.int64(0) }
    }
  }

  private static func fill(_ database: SQLiteDatabase, _ rows: Int) async throws {
    for row in 0..<rows {
      try await database.write { transaction in
        _ = try await transaction.execute("INSERT INTO t (id) VALUES (\(Int64(row)))")
      }
    }
  }

  private static func table(_ database: SQLiteDatabase) async throws {
    try await database.write { transaction in
      _ = try await transaction.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    }
  }

  @Test("keeps what was committed when the power is cut", arguments: [512, 4096])
  func cut(_ sector: Int) async throws {
    for seed in 0..<20 {
      let disk = MemoryDisk()
      let database = try MemoryDiskTests.open(disk)
      try await MemoryDiskTests.table(database)
      try await MemoryDiskTests.fill(database, 30)
      var state = seed
      disk.cut(sector: sector) {
        state = (state * 1103 + 7) % 1013
        return state % 2 == 0
      }
      disk.restart()
      let again = try MemoryDiskTests.open(disk)
      #expect(try await MemoryDiskTests.count(again) == 30)
      await again.close()
    }
  }

  @Test("begins anew under connections that were kept, which see what is there and nothing older")
  func beginAnew() async throws {
    let disk = MemoryDisk()
    let first = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(first)
    try await MemoryDiskTests.fill(first, 3)
    await first.close()
    let image = disk.current
    for round in 0..<6 {
      let database = try MemoryDiskTests.open(disk)
      #expect(try await MemoryDiskTests.count(database) == 3)
      try await database.write { transaction in
        _ = try await transaction.execute("INSERT INTO t (id) VALUES (\(100 + Int64(round)))")
        // Other tables in every second round, which the next one must not know.
        if round % 2 == 0 {
          _ = try await transaction.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)")
          _ = try await transaction.execute("ALTER TABLE t ADD COLUMN more INTEGER")
        }
      }
      #expect(try await MemoryDiskTests.count(database) == 4)
      if round % 2 == 1 {
        await #expect(throws: (any Error).self) {
          try await database.read(.statement) {
            try await $0.first("SELECT more FROM t") { $0.int64(0) }
          }
        }
      }
      disk.closing = .keep
      await database.close()
      disk.begin(with: image)
      #expect(disk.durable.files["roost.sqlite"] == image.files["roost.sqlite"])
    }
    disk.forgetConnections()
  }

  @Test(
    "keeps connections over a cut of the power, which see what was left and nothing else",
    arguments: [false, true])
  func fall(_ isOpen: Bool) async throws {
    let disk = MemoryDisk()
    var database = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(database)
    var rows: Int64 = 0
    for round in 0..<6 {
      try await database.write { transaction in
        _ = try await transaction.execute("INSERT INTO t (id) VALUES (\(100 + Int64(round)))")
      }
      rows += 1
      #expect(try await MemoryDiskTests.count(database) == rows)
      // What follows never becomes durable, and the tables that it makes neither.
      disk.faults.liesAboutSyncs = true
      try await database.write { transaction in
        _ = try await transaction.execute("INSERT INTO t (id) VALUES (\(200 + Int64(round)))")
        if round % 2 == 0 {
          _ = try await transaction.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        }
      }
      #expect(try await MemoryDiskTests.count(database) == rows + 1)
      disk.cut(sector: 512) { false }
      let former = database
      disk.closing = .keep
      if !isOpen { await former.close() }
      #expect(disk.keptCount == (isOpen ? 0 : 2))
      disk.restart()
      disk.closing = .close
      database = try MemoryDiskTests.open(disk)
      #expect(disk.keptCount == 0)
      #expect(try await MemoryDiskTests.count(database) == rows)
      // Who was there before the fall finds that it is dead.
      if isOpen {
        await #expect(throws: (any Error).self) { try await MemoryDiskTests.fill(former, 1) }
      }
    }
    await database.close()
    #expect(disk.current.files["roost.sqlite-wal"] == nil)
  }

  @Test("puts connections aside while the tables are others, and the log goes as ever")
  func aside() async throws {
    let disk = MemoryDisk()
    let first = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(first)
    await first.close()
    let image = disk.current
    for _ in 0..<3 {
      let old = try MemoryDiskTests.open(disk)
      try await MemoryDiskTests.fill(old, 2)
      disk.closing = .putAside
      await old.close()
      disk.closing = .close
      #expect(disk.keptCount == 2)
      #expect(disk.current.files["roost.sqlite-wal"] == nil)
      let new = try MemoryDiskTests.open(disk)
      #expect(try await MemoryDiskTests.count(new) == 2)
      try await new.write { transaction in
        _ = try await transaction.execute("DROP TABLE t")
        _ = try await transaction.execute("CREATE TABLE t (other INTEGER PRIMARY KEY)")
      }
      #expect(try await MemoryDiskTests.count(new) == 0)
      disk.closing = .keep
      await new.close()
      #expect(disk.keptCount == 4)
      disk.begin(with: image)
      #expect(disk.keptCount == 2)
    }
    let last = try MemoryDiskTests.open(disk)
    #expect(try await MemoryDiskTests.count(last) == 0)
    try await MemoryDiskTests.fill(last, 1)
    await last.close()
  }

  @Test("loses what was committed when it lies about syncs")
  func lie() async throws {
    let disk = MemoryDisk()
    let database = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(database)
    disk.faults.liesAboutSyncs = true
    try await MemoryDiskTests.fill(database, 5)
    disk.cut(sector: 512) { false }
    disk.restart()
    let again = try MemoryDiskTests.open(disk)
    #expect(try await MemoryDiskTests.count(again) == 0)
    await again.close()
  }

  @Test("refuses writes while it is full, and takes them afterwards")
  func full() async throws {
    let disk = MemoryDisk()
    let database = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(database)
    disk.faults.isFull = true
    await #expect(throws: RoostError.self) { try await MemoryDiskTests.fill(database, 1) }
    disk.faults.isFull = false
    try await MemoryDiskTests.fill(database, 2)
    #expect(try await MemoryDiskTests.count(database) == 2)
    await database.close()
  }

  @Test("fails everything once its power is gone, in the middle of a commit too")
  func powerGoes() async throws {
    let disk = MemoryDisk()
    let database = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(database)
    disk.faults.cutAt = disk.operations + 2
    await #expect(throws: RoostError.self) { try await MemoryDiskTests.fill(database, 1) }
    #expect(disk.isDead)
    disk.cut(sector: 512) { true }
    disk.restart()
    let again = try MemoryDiskTests.open(disk)
    #expect(try await MemoryDiskTests.count(again) == 0)
    try await MemoryDiskTests.fill(again, 3)
    await again.close()
    #expect(disk.durable == disk.current)
  }

  @Test("gives an image that another disk begins with, and takes one in its place")
  func images() async throws {
    let disk = MemoryDisk()
    let database = try MemoryDiskTests.open(disk)
    try await MemoryDiskTests.table(database)
    try await MemoryDiskTests.fill(database, 2)
    let backup = disk.durable
    try await database.write { transaction in
      _ = try await transaction.execute("DELETE FROM t")
    }
    await database.close()
    let other = try MemoryDiskTests.open(MemoryDisk(backup))
    #expect(try await MemoryDiskTests.count(other) == 2)
    await other.close()
    disk.replace(by: backup)
    let again = try MemoryDiskTests.open(disk)
    #expect(try await MemoryDiskTests.count(again) == 2)
    await again.close()
  }
}
