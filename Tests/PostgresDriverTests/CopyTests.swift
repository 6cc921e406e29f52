import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Testing

/// Rows that go by `COPY`, and those that cannot.
@Suite(.needsPostgres) struct CopyTests {
  private static let count = 500
  private static let things = WideInsert(into: "thing", columns: ["id", "n"])

  private static func append(_ house: PostgresHouse, from first: Int64 = 0) async throws {
    try await house.database.write { transaction in
      try await things.run(
        (0..<Int64(count)).map { [.int(first + $0), .int($0)] }, in: transaction)
    }
  }

  @Test func `many rows are copied, and few travel with the other statements`() async throws {
    try await PostgresHouse.run { house in
      try await house.database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT)")
      try await CopyTests.append(house)
      #expect(house.database.statistics.copiedRows == CopyTests.count)
      try await house.database.write { transaction in
        try await CopyTests.things.run(
          (0..<5).map { [.int(10_000 + $0), .int($0)] }, in: transaction)
      }
      #expect(house.database.statistics.copiedRows == CopyTests.count)
      #expect(try await house.database.integers("SELECT count(*) FROM thing") == [505])
    }
  }

  @Test func `rows of a table whose policies hold for the login are inserted`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT)")
      try await CopyTests.append(house)
      try await database.run("ALTER TABLE thing ENABLE ROW LEVEL SECURITY")
      // The owner of a table passes by its policies.
      try await CopyTests.append(house, from: 1000)
      #expect(database.statistics.copiedRows == 2 * CopyTests.count)
      try await database.run("ALTER TABLE thing FORCE ROW LEVEL SECURITY")
      try await database.run(
        "CREATE POLICY own ON thing TO CURRENT_USER USING (true) WITH CHECK (n < 600)")
      try await CopyTests.append(house, from: 2000)
      #expect(database.statistics.copiedRows == 2 * CopyTests.count)
      #expect(
        try await database.integers("SELECT count(*) FROM thing") == [Int64(3 * CopyTests.count)])
    }
  }

  @Test func `columns of types without a known binary form are inserted`() async throws {
    try await PostgresHouse.run { house in
      try await house.database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n NUMERIC)")
      try await CopyTests.append(house)
      #expect(house.database.statistics.copiedRows == 0)
      #expect(try await house.database.integers("SELECT sum(n) FROM thing") == [124_750])
    }
  }

  @Test func `narrow columns and texts take what fits them`() async throws {
    try await PostgresHouse.run({ $0.writers = 1 }) { house in
      let database = house.database
      try await database.run(
        "CREATE TABLE thing (a SMALLINT, b INTEGER, c BOOLEAN, d REAL, e TEXT)")
      let insert = WideInsert(into: "thing", columns: ["a", "b", "c", "d", "e"])
      let row: [Value] = [.int(7), .double(8), .int(1), .double(0.5), .int(9)]
      try await database.write { transaction in
        try await insert.run(Array(repeating: row, count: 300), in: transaction)
      }
      let found = try await database.read(.statement) { reader in
        try await reader.first("SELECT a, b, c, d, e, count(*) FROM thing GROUP BY 1, 2, 3, 4, 5") {
          row in (0..<6).map { row.value($0) }
        }
      }
      #expect(
        found == [.int(7), .int(8), .int(1), .double(0.5), .text("9"), .int(300)])
      #expect(database.statistics.copiedRows == 300)
      for (place, value) in [(0, Value.int(70_000)), (1, .double(0.5)), (4, .text("a\0"))] {
        await #expect(throws: RoostError.self) {
          try await database.write { transaction in
            try await insert.run(300, in: transaction) { index, values in
              values += row
              if index == 200 { values[values.count - 5 + place] = value }
            }
          }
        }
      }
      #expect(try await database.integers("SELECT count(*) FROM thing") == [300])
    }
  }

  @Test func `a table that is not there is no table for a copy either`() async throws {
    try await PostgresHouse.run { house in
      #expect(await code { try await CopyTests.append(house) } == .draining)
      try await house.database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT)")
      try await CopyTests.append(house)
      #expect(house.database.statistics.copiedRows == CopyTests.count)
    }
  }

  @Test func `a copy whose connection breaks is made again`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT)")
      let breaks = Shared(1)
      try await database.write { transaction in
        try await transaction.execute("INSERT INTO thing (id, n) VALUES (-1, 0)")
        try await CopyTests.things.run(CopyTests.count, in: transaction) { place, values in
          if place == 250,
            breaks.change({ left in
              left -= 1
              return left
            }) == 0
          {
            _ = try? house.endConnections()
          }
          values += [.int(Int64(place)), .int(0)]
        }
      }
      #expect(try await database.integers("SELECT count(*) FROM thing") == [501])
    }
  }

  @Test func `a copy that waits too long for a lock is told to come back`() async throws {
    try await PostgresHouse.run({ $0.lockMilliseconds = 100 }) { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT)")
      try await CopyTests.append(house)
      let (gate, started) = (Gate(), Gate())
      let holder = Task.immediate {
        try await database.write { transaction in
          try await transaction.execute("LOCK TABLE thing IN SHARE MODE")
          started.open()
          gate.pass()
        }
      }
      started.pass()
      #expect(await code { try await CopyTests.append(house, from: 1000) } == .overloaded)
      gate.open()
      try await holder.value
      try await CopyTests.append(house, from: 1000)
      #expect(
        try await database.integers("SELECT count(*) FROM thing") == [Int64(2 * CopyTests.count)])
    }
  }
}
