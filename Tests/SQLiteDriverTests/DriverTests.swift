import DriverConformance
import Queries
import RoostCore
import SQLiteDriver
import Testing

/// What only this driver does.
@Suite struct DriverTests {
  private func with(
    _ change: (inout SQLiteConfiguration) -> Void = { _ in },
    _ body: (SQLiteDatabase) async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    var configuration = folder.configuration()
    change(&configuration)
    let database = try SQLiteDatabase.open(configuration, ambient: quiet)
    try await body(database)
    await database.close()
  }

  @Test func `writes that wait together are one batch`() async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (id INTEGER)")
      let before = database.statistics
      _ = await database.together(
        (0..<20).map { id in { try await $0.execute("INSERT INTO thing (id) VALUES (\(id))") } })
      let after = database.statistics
      // One for the write that holds the writer, one for the twenty.
      #expect(after.batches - before.batches == 2)
      #expect(after.writes - before.writes == 21)
      #expect(after.largestBatch == 20)
      #expect(after.batchSizes[4] == 1)
      #expect(after.queuedWrites == 0)
    }
  }

  @Test func `a batch takes no more than its bound`() async throws {
    try await with({ $0.batchWrites = 8 }) { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (id INTEGER)")
      _ = await database.together(
        (0..<20).map { id in { try await $0.execute("INSERT INTO thing (id) VALUES (\(id))") } })
      #expect(database.statistics.largestBatch == 8)
      #expect(try await database.integers("SELECT id FROM thing ORDER BY rowid") == Array(0..<20))
    }
  }

  /// What the third of four bodies does, and how often bodies run.
  @Test(arguments: [("refuses", 4), ("conflicts", 4), ("changes, then refuses", 7)])
  func `bodies run again only where one has failed after it changed something`(
    third: String, runs: Int
  ) async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (id INTEGER PRIMARY KEY)")
      let count = Shared(0)
      let results = await database.together(
        (0..<4).map { id in
          { transaction in
            count.change { $0 += 1 }
            if id == 2, third == "refuses" { throw CancellationError() }
            let value = id == 2 && third == "conflicts" ? 1 : id
            try await transaction.execute("INSERT INTO thing (id) VALUES (\(value))")
            if id == 2 { throw CancellationError() }
          }
        })
      #expect(count.value == runs)
      #expect(results.map { (try? $0.get()) != nil } == [true, true, false, true])
      #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [0, 1, 3])
      #expect(database.statistics.failedBatches == 0)
    }
  }

  @Test func `reads are counted where they run`() async throws {
    try await with({ $0.inlineSteps = 5000 }) { (database: SQLiteDatabase) async throws in
      _ = try await database.integers("SELECT 1")
      #expect(database.statistics.inlineReads == 1)
      #expect(database.statistics.offloadedReads == 0)
      _ = try await database.integers(
        """
        WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000)
        SELECT count(*) FROM c
        """)
      #expect(database.statistics.inlineReads == 2)
      #expect(database.statistics.offloadedReads == 1)
    }
  }

  @Test func `when all connections for reads are in use, a thread for long reads helps`()
    async throws
  {
    try await with({ $0.inlineReaders = 1 }) { (database: SQLiteDatabase) async throws in
      let inner = try await database.read(.statement) { _ in
        // The outer read keeps the only connection.
        try await database.integers("SELECT 7")
      }
      #expect(inner == [7])
      #expect(database.statistics.offloadedReads == 1)
    }
  }

  @Test func `thousands of different texts do not stay prepared`() async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (id INTEGER)")
      for number in 0..<1000 {
        let name = "c\(number)"
        let found = try await database.integers("SELECT \(number) AS \(identifier: name)")
        #expect(found == [Int64(number)])
      }
      for number in 0..<3000 {
        let statement = Statement("SELECT \(SQL.placeholder)")
        let found = try await database.read(.statement) { reader in
          try await reader.first(statement, [.int(Int64(number))]) { $0.int64(0) }
        }
        #expect(found == Int64(number))
      }
    }
  }

  @Test(arguments: ["SELECT 1; SELECT 2", "", "-- nothing"] as [SQL])
  func `a text that is not one statement is refused`(sql: SQL) async throws {
    try await with { (database: SQLiteDatabase) async throws in
      #expect(await code { _ = try await database.integers(sql) } == .internalError)
      #expect(try await database.integers("SELECT 1; ") == [1])
    }
  }

  @Test func `a body that ends the transaction itself is refused, and the next one works`()
    async throws
  {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (id INTEGER)")
      #expect(await code { try await database.run("COMMIT") } == .internalError)
      try await database.run("INSERT INTO thing (id) VALUES (1)")
      #expect(try await database.integers("SELECT id FROM thing") == [1])
    }
  }

  @Test func `foreign keys hold`() async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
      try await database.run("CREATE TABLE child (parent INTEGER REFERENCES parent (id))")
      let violation = await #expect(throws: ConstraintViolation.self) {
        try await database.run("INSERT INTO child (parent) VALUES (1)")
      }
      #expect(violation?.kind == .other)
      try await database.run("INSERT INTO parent (id) VALUES (1)")
      try await database.run("INSERT INTO child (parent) VALUES (1)")
    }
  }

  @Test func `a strict table tells the column of a wrong type`() async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.run("CREATE TABLE thing (n INTEGER) STRICT")
      let violation = await #expect(throws: ConstraintViolation.self) {
        try await database.run("INSERT INTO thing (n) VALUES ('word')")
      }
      #expect(violation?.kind == .other)
      #expect(violation?.columns == ["thing.n"])
    }
  }

  @Test func `columns of another kind read as the rules of the row say`() async throws {
    try await with { (database: SQLiteDatabase) async throws in
      try await database.read(.statement) { reader in
        try await reader.query("SELECT NULL, 'abc', x'01', 1.5, 3") { row in
          #expect(row.isNull(0))
          #expect(row.text(0).isEmpty && row.int64(0) == 0 && row.blob(0).isEmpty)
          #expect(row.uuid(0) == nil && row.uuid(2) == nil)
          #expect(row.value(0) == .null && row.value(1) == .text("abc"))
          #expect(row.value(2) == .blob([1]) && row.value(3) == .double(1.5))
          #expect(row.value(4) == .int(3))
          // A column that does not exist is NULL.
          #expect(row.isNull(5) && row.isNull(-1))
          return true
        }
      }
    }
  }

  @Test func `exports beyond their number are refused`() async throws {
    try await with({ $0.unboundedReads = 1 }) { (database: SQLiteDatabase) async throws in
      let started = Gate()
      let mayEnd = Gate()
      let export = Task.immediate {
        try await database.readUnbounded { _ in
          started.open()
          mayEnd.pass()
          return true
        }
      }
      started.pass()
      #expect(await code { _ = try await database.readUnbounded { _ in true } } == .overloaded)
      mayEnd.open()
      #expect(try await export.value)
      #expect(try await database.readUnbounded { _ in true })
    }
  }

  @Test func `a long read whose body awaits something else goes on, with its connection`()
    async throws
  {
    try await with({ $0.inlineSteps = 0 }) { (database: SQLiteDatabase) async throws in
      let found = try await database.read(.snapshot) { reader in
        let first = try await reader.first("SELECT 1") { $0.int64(0) }
        await Task.yield()
        let second = try await reader.first("SELECT 2") { $0.int64(0) }
        return [first, second]
      }
      #expect(found == [1, 2])
    }
  }

  @Test func `a long read whose body never returns is given up`() async throws {
    try await with({
      $0.inlineSteps = 0
      // Long enough for the statements before and after, on a busy machine too.
      $0.readMilliseconds = 3000
      $0.offloadReaders = 1
    }) { (database: SQLiteDatabase) async throws in
      let late = Shared<ErrorCode?>(nil)
      let forever = Shared<CheckedContinuation<Void, Never>?>(nil)
      let refused = await code {
        try await database.read(.snapshot) { reader in
          _ = try await reader.first("SELECT 1") { $0.int64(0) }
          await withCheckedContinuation { continuation in forever.change { $0 = continuation } }
          do {
            _ = try await reader.first("SELECT 2") { $0.int64(0) }
          } catch {
            late.change { $0 = (error as? RoostError)?.code }
          }
        }
      }
      #expect(refused == .internalError)
      #expect(try await database.integers("SELECT 3") == [3])
      forever.value?.resume()
      #expect(await eventually { late.value == .internalError })
    }
  }
}
