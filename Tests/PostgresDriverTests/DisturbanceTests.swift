import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Testing

/// Conflicts, lost connections and servers that are away.
@Suite(.needsPostgres) struct DisturbanceTests {
  @Test func `bodies that lock crosswise both succeed`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, v BIGINT)")
      try await database.run("INSERT INTO thing (id, v) VALUES (1, 0), (2, 0)")
      let gates = [Gate(), Gate()]
      // Until the first has begun the second could be in the same batch.
      let tasks = [0, 1].map { side in
        Task {
          if side == 1 { gates[0].pass() }
          try await database.write { transaction in
            try await transaction.execute("UPDATE thing SET v = v + 1 WHERE id = \(1 + side)")
            gates[side].open()
            gates[1 - side].pass()
            try await transaction.execute("UPDATE thing SET v = v + 1 WHERE id = \(2 - side)")
          }
        }
      }
      for task in tasks { try await task.value }
      #expect(try await database.integers("SELECT v FROM thing ORDER BY id") == [2, 2])
      #expect(database.statistics.retries > 0)
    }
  }

  @Test func `a body whose connection is lost runs again`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT)")
      let runs = Shared(0)
      try await database.write { transaction in
        let run = runs.change { runs in
          runs += 1
          return runs
        }
        try await transaction.execute("INSERT INTO thing (id) VALUES (1)")
        if run == 1 { try house.endConnections() }
        try await transaction.execute("INSERT INTO thing (id) VALUES (2)")
      }
      #expect(runs.value == 2)
      #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [1, 2])
      #expect(database.statistics.reconnects > 0)
    }
  }

  @Test func `a body that loses its connection each time is told so`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT)")
      let runs = Shared(0)
      let refusal = await Task {
        try await database.write { transaction in
          runs.change { $0 += 1 }
          try await transaction.execute("INSERT INTO thing (id) VALUES (1)")
          try house.endConnections()
          try await transaction.execute("INSERT INTO thing (id) VALUES (2)")
        }
      }.result
      #expect(code(refusal) == .overloaded)
      if case .failure(let error as RoostError) = refusal { #expect(error.retryAfterSeconds == 1) }
      #expect(runs.value == 3)
      #expect(try await database.integers("SELECT id FROM thing") == [])
    }
  }

  @Test func `whatever was acknowledged is there once, however often connections are lost`()
    async throws
  {
    try await PostgresHouse.run({ $0.writers = 3 }) { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT NOT NULL)")
      let acknowledged = Shared<Set<Int64>>([])
      let refused = Shared<Set<Int64>>([])
      let isOver = Shared(false)
      let kills = Task {
        var kills = 0
        while !isOver.value {
          try await Task.sleep(for: .milliseconds(Int.random(in: 5...40)))
          kills += try house.endConnections()
        }
        return kills
      }
      await withTaskGroup { group in
        for caller in 0..<12 {
          group.addTask {
            for step in 0..<120 {
              let id = Int64(caller * 1000 + step)
              do {
                try await database.write { transaction in
                  _ = try await transaction.execute("INSERT INTO thing (id) VALUES (\(id))")
                }
                _ = acknowledged.change { $0.insert(id) }
              } catch {
                #expect((error as? RoostError)?.code == .overloaded)
                _ = refused.change { $0.insert(id) }
              }
            }
          }
        }
      }
      isOver.change { $0 = true }
      #expect(try await kills.value > 0)
      var stored: [Int64] = []
      _ = await eventually {
        stored = (try? await database.integers("SELECT id FROM thing ORDER BY id")) ?? []
        return !stored.isEmpty
      }
      #expect(Set(stored).count == stored.count, "nothing is there twice")
      #expect(acknowledged.value.isSubset(of: stored), "nothing that was acknowledged is missing")
      // What was refused with an unknown end may be there; nothing else may.
      #expect(Set(stored).subtracting(acknowledged.value).isSubset(of: refused.value))
      #expect(acknowledged.value.count > 100)
      #expect(database.statistics.reconnects > 0)
    }
  }

  @Test func `reads and writes go on after the server has ended all connections`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT)")
      for id in 0..<3 as Range<Int64> {
        try await database.run("INSERT INTO thing (id) VALUES (\(id))")
        for consistency in [ReadConsistency.statement, .snapshot] {
          let count = try await database.read(consistency) { reader in
            try await reader.first("SELECT count(*) FROM thing") { $0.int64(0) }
          }
          #expect(count == id + 1)
        }
        #expect(try house.endConnections() > 0)
      }
    }
  }

  @Test func `a server without room for a connection refuses, and takes again`() async throws {
    let role = "few_\(UInt32.random(in: 0...UInt32.max))"
    try PostgresHouse.asAdministrator(
      "CREATE ROLE \(role) LOGIN PASSWORD 'few' CONNECTION LIMIT 1")
    try PostgresHouse.asAdministrator("GRANT CREATE ON DATABASE roost_test TO \(role)")
    let address = PostgresHouse.address(user: role, password: "few")
    try await PostgresHouse.run({ $0.address = Secret(address) }) { house in
      let gate = Gate()
      let started = Gate()
      // The only connection that there may be.
      let holder = Task.immediate {
        try await house.database.write { transaction in
          try await transaction.execute("CREATE TABLE thing (id BIGINT)")
          started.open()
          gate.pass()
        }
      }
      started.pass()
      #expect(await code { _ = try await house.database.integers("SELECT 1") } == .overloaded)
      gate.open()
      try await holder.value
      try house.endConnections()
      let isBack = await eventually {
        await code { _ = try await house.database.integers("SELECT 1") } == nil
      }
      #expect(isBack)
    }
    try PostgresHouse.asAdministrator("DROP OWNED BY \(role)")
    try PostgresHouse.asAdministrator("DROP ROLE \(role)")
  }

  @Test func `a statement fits again after its table has changed`() async throws {
    try await PostgresHouse.run { house in
      let database = house.database
      try await database.run("CREATE TABLE thing (id BIGINT)")
      try await database.run("INSERT INTO thing (id) VALUES (1)")
      let all = Statement("SELECT * FROM thing")
      for columns in 1..<4 {
        for consistency in [ReadConsistency.statement, .snapshot] {
          let isLast = try await database.read(consistency) { reader in
            try await reader.first(all, []) { $0.isNull(columns) }
          }
          #expect(isLast == true)
        }
        let value = try await database.write { try await $0.first(all, []) { $0.int64(0) } }
        #expect(value == 1)
        try await database.run("ALTER TABLE thing ADD COLUMN \(identifier: "c\(columns)") BIGINT")
      }
    }
  }
}
