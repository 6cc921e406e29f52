import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Testing

/// How long things may take, and what one of them means for its neighbours.
@Suite(.needsPostgres) struct BoundTests {
  @Test func `a short read that takes long begins again on a connection of its own`() async throws {
    try await PostgresHouse.run({ $0.sharedMilliseconds = 50 }) { house in
      let runs = Shared(0)
      let answer = try await house.database.read(.statement) { reader in
        runs.change { $0 += 1 }
        // Even if the body does not care that it was stopped.
        return (try? await reader.first("SELECT 7 FROM pg_sleep(0.3)") { $0.int64(0) }) ?? -1
      }
      #expect(answer == 7)
      #expect(runs.value == 2)
      #expect(house.database.statistics.handedOverReads == 1)
    }
  }

  private static func rows(_ house: PostgresHouse) async throws {
    try await house.database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
    try await house.database.run("INSERT INTO thing (id) SELECT generate_series(1, 20000)")
  }

  /// How a read ends that limits its work to little, and what the next one answers.
  private static func limited(
    _ query: SQL, _ consistency: ReadConsistency, _ house: PostgresHouse
  ) async throws -> (ending: String, next: Int64?) {
    let ending = try await house.database.read(consistency) { reader in
      reader.limit(WorkLimit(milliseconds: 20))
      do {
        let found = try await reader.first(query) { $0.int64(0) }
        return "\(found ?? -1)"
      } catch is WorkSpent {
        return "spent"
      } catch let error as RoostError {
        return error.code.rawValue + (error.retryAfterSeconds.map { " \($0)" } ?? "")
      }
    }
    let next = try await house.database.read(consistency) { reader in
      try await reader.first("SELECT 7 FROM pg_sleep(0.3)") { $0.int64(0) }
    }
    return (ending, next)
  }

  @Test(arguments: [ReadConsistency.statement, .snapshot])
  func `a body that limits its work is told when it is spent, and the next read has its own`(
    consistency: ReadConsistency
  ) async throws {
    try await PostgresHouse.run({ $0.sharedMilliseconds = 20 }) { house in
      try await BoundTests.rows(house)
      let outcome = try await BoundTests.limited(
        "SELECT count(*) FROM thing a JOIN thing b ON a.id + b.id < 0", consistency, house)
      #expect(outcome.ending == "spent")
      #expect(outcome.next == 7)
    }
  }

  @Test(arguments: [ReadConsistency.statement, .snapshot])
  func `a query that others keep from its work is told to come back`(
    consistency: ReadConsistency
  ) async throws {
    try await PostgresHouse.run({ $0.sharedMilliseconds = 20 }) { house in
      try await BoundTests.rows(house)
      let database = house.database
      let (gate, started) = (Gate(), Gate())
      let holder = Task.immediate {
        try await database.write { transaction in
          try await transaction.execute("LOCK TABLE thing IN ACCESS EXCLUSIVE MODE")
          started.open()
          gate.pass()
        }
      }
      started.pass()
      let query: SQL = "SELECT count(*) FROM thing a JOIN thing b ON a.id + b.id < 0"
      let locked = try await BoundTests.limited(query, consistency, house)
      #expect(locked.ending == "overloaded 1")
      #expect(locked.next == 7)
      gate.open()
      try await holder.value
      // Nor does one count as work that looks at few rows, whatever keeps it.
      let slow = try await BoundTests.limited(
        "SELECT count(*) FROM thing, pg_sleep(20) WHERE id < 10", consistency, house)
      #expect(slow.ending == "overloaded 1")
    }
  }

  @Test(arguments: [ReadConsistency.statement, .snapshot])
  func `small work is done however long it is kept from it, if that is not too long`(
    consistency: ReadConsistency
  ) async throws {
    try await PostgresHouse.run({ $0.sharedMilliseconds = 2000 }) { house in
      try await BoundTests.rows(house)
      let outcome = try await BoundTests.limited(
        "SELECT 5 FROM pg_sleep(0.3)", consistency, house)
      #expect(outcome.ending == "5")
    }
  }

  @Test func `a read that has waited for as long as it may take is refused while others run`()
    async throws
  {
    try await PostgresHouse.run({
      $0.longReaders = 1
      $0.readMilliseconds = 1000
    }) { house in
      let database = house.database
      let runs = Shared(0)
      let holder = Task.immediate {
        try await database.read(.snapshot) { reader in
          runs.change { $0 += 1 }
          _ = try await reader.first("SELECT 1 FROM pg_sleep(60)") { $0.int64(0) }
        }
      }
      let waiting = (0..<3).map { _ in
        Task.immediate {
          try await database.read(.snapshot) { reader in
            runs.change { $0 += 1 }
            _ = try await reader.first("SELECT 1 FROM pg_sleep(60)") { $0.int64(0) }
          }
        }
      }
      _ = await holder.result
      for task in waiting { #expect(code(await task.result) == .overloaded) }
      #expect(database.statistics.lateReads >= 2)
      #expect(runs.value <= 2)
      let next = try await database.integers("SELECT 1")
      #expect(next == [1])
    }
  }

  @Test func `reads that fail or take long leave the others of their group alone`() async throws {
    try await PostgresHouse.run({ $0.sharedMilliseconds = 50 }) { house in
      let database = house.database
      let statement = Statement("SELECT 100 / CAST(\(SQL.placeholder) AS BIGINT)")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<200 {
          group.addTask {
            let result: Result<Int64?, any Error> = await Task {
              try await database.read(.statement) { reader in
                if number % 50 == 7 {
                  return try await reader.first("SELECT 2 FROM pg_sleep(0.1)") { $0.int64(0) }
                }
                if number % 10 == 5 {
                  return try await reader.first("SELECT nothing FROM nowhere") { $0.int64(0) }
                }
                _ = try await reader.first("SELECT 1") { $0.int64(0) }
                return try await reader.first(statement, [.int(Int64(number % 3))]) { $0.int64(0) }
              }
            }.result
            if number % 50 == 7 {
              #expect(throws: Never.self) { try result.get() }
            } else if number % 10 == 5 {
              // What a statement names is not there: a migration has taken it away.
              #expect(code(result) == .draining)
            } else if number % 3 == 0 {
              #expect(code(result) == .internalError)
            } else {
              let found = try result.get()
              #expect(found == Int64(100 / (number % 3)))
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func `a read that awaits something else ends when its time is over`() async throws {
    try await PostgresHouse.run({ $0.readMilliseconds = 100 }) { house in
      for consistency in [ReadConsistency.statement, .snapshot] {
        let refused = await code {
          try await house.database.read(consistency) { reader in
            _ = try await reader.first("SELECT 1") { $0.int64(0) }
            await withUnsafeContinuation { continuation in
              // It comes long after the read was given up.
              Task {
                try? await Task.sleep(for: .seconds(1))
                continuation.resume()
              }
            }
            _ = try await reader.first("SELECT 1") { $0.int64(0) }
          }
        }
        #expect(refused == .internalError)
        let next = try await house.database.integers("SELECT 1")
        #expect(next == [1])
      }
    }
  }

  @Test func `a read whose caller is cancelled is stopped on the server`() async throws {
    try await PostgresHouse.run({ $0.readMilliseconds = 60_000 }) { house in
      let read = Task {
        try await house.database.read(.snapshot) { reader in
          try await reader.first("SELECT 1 FROM pg_sleep(600)") { $0.int64(0) }
        }
      }
      #expect(try await eventually { try !house.running().isEmpty })
      read.cancel()
      await #expect(throws: CancellationError.self) { try await read.value }
      #expect(try await eventually { try house.running().isEmpty })
      let next = try await house.database.read(.snapshot) { reader in
        try await reader.first("SELECT 2") { $0.int64(0) }
      }
      #expect(next == 2)
    }
  }

  @Test func `a write that takes too long is undone, and its neighbours are not`() async throws {
    try await PostgresHouse.run({
      $0.writers = 1
      $0.writeMilliseconds = 200
    }) { house in
      try await house.database.run("CREATE TABLE thing (id BIGINT)")
      let results = await house.database.together([
        { try await $0.execute("INSERT INTO thing (id) VALUES (1)") },
        { transaction in
          try await transaction.execute("INSERT INTO thing (id) VALUES (2)")
          _ = try await transaction.first("SELECT 1 FROM pg_sleep(60)") { $0.int64(0) }
        },
        { try await $0.execute("INSERT INTO thing (id) VALUES (3)") },
      ])
      #expect(results.map { code($0) } == [nil, .overloaded, nil])
      #expect(try await house.database.integers("SELECT id FROM thing ORDER BY id") == [1, 3])
    }
  }

  @Test func `a write that takes its time has it, and the next one has not`() async throws {
    try await PostgresHouse.run({
      $0.writers = 1
      $0.writeMilliseconds = 200
    }) { house in
      // Beyond the bound of the server and that of the driver, which is a second later.
      try await house.database.write { transaction in
        try await transaction.takeTime()
        _ = try await transaction.first("SELECT 1 FROM pg_sleep(1.5)") { $0.int64(0) }
      }
      let next = await house.database.together([
        { _ = try await $0.first("SELECT 1 FROM pg_sleep(60)") { $0.int64(0) } }
      ])
      #expect(next.map { code($0) } == [.overloaded])
    }
  }

  @Test func `a write that waits too long for a lock is told to come back`() async throws {
    try await PostgresHouse.run({ $0.lockMilliseconds = 100 }) { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
      try await database.run("INSERT INTO thing (id) VALUES (1)")
      let gate = Gate()
      let started = Gate()
      let holder = Task.immediate {
        try await database.write { transaction in
          try await transaction.execute("UPDATE thing SET id = 2")
          started.open()
          gate.pass()
        }
      }
      started.pass()
      #expect(await code { try await database.run("UPDATE thing SET id = 3") } == .overloaded)
      gate.open()
      try await holder.value
      #expect(try await database.integers("SELECT id FROM thing") == [2])
    }
  }

  @Test func `a body cannot go on behind an error that it caught`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
      try await database.run("INSERT INTO thing (id) VALUES (1)")
      await #expect(throws: ConstraintViolation.self) {
        try await database.write { transaction in
          try await transaction.execute("INSERT INTO thing (id) VALUES (2)")
          _ = try? await transaction.execute("INSERT INTO thing (id) VALUES (1)")
        }
      }
      #expect(try await database.integers("SELECT id FROM thing") == [1])
    }
  }

  @Test func `a text with a zero character is refused, and its neighbours are not`() async throws {
    try await PostgresHouse.run({ $0.writers = 1 }) { house in
      try await house.database.run("CREATE TABLE thing (name TEXT)")
      let results = await house.database.together(
        ["a", "b\0", "c"].map { name in
          { try await $0.execute("INSERT INTO thing (name) VALUES (\(name))") }
        })
      #expect(results.map { code($0) } == [nil, .invalid, nil])
      #expect(try await house.database.integers("SELECT count(*) FROM thing") == [2])
    }
  }

  @Test func `each type of column is read as what it is`() async throws {
    try await PostgresHouse.run { house in
      let values = try await house.database.read(.statement) { reader in
        try await reader.first(
          """
          SELECT 1::int2, 2::int4, 3::int8, true, 0.5::float4, 0.25::float8, 12::numeric, 1.5::numeric,
            'a'::text, 'b'::varchar, 'c'::name, '\\x0102'::bytea, '[1]'::json, '[1]'::jsonb,
            '00000000-0000-0000-0000-000000000001'::uuid, NULL, sum(x) FROM (VALUES (5::int8)) v(x)
          """
        ) { row in (0..<17).map { row.value($0) } }
      }
      #expect(
        values == [
          .int(1), .int(2), .int(3), .int(1), .double(0.5), .double(0.25), .int(12), .double(1.5),
          .text("a"), .text("b"), .text("c"), .blob([1, 2]), .text("[1]"), .text("[1]"),
          .uuid(UUID(high: 0, low: 1)), .null, .int(5),
        ])
    }
  }
}
