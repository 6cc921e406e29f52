import Queries
import RoostCore
import Testing

private struct Refusal: Error, Equatable { let number: Int }

private func insert(_ id: Int) -> SQL { "INSERT INTO thing (id) VALUES (\(id))" }

extension ConformanceCase {
  /// What a write does, alone and among others.
  static let transactions: [ConformanceCase] = [
    ConformanceCase("very many different statements in one write leave the next one well") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        try await database.write { transaction in
          for number in 0..<700 {
            try await transaction.execute(
              "INSERT INTO thing (id) VALUES (\(SQL.constant(Int64(number))))")
          }
        }
        try await database.run("INSERT INTO thing (id) VALUES (\(700))")
        #expect(try await database.integers("SELECT count(*) FROM thing") == [701])
      }
    },
    ConformanceCase("a write is there when it returns, and gives its result") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        for id in 0..<50 {
          let given = try await database.write { transaction in
            try await transaction.execute(insert(id))
            return id * 2
          }
          #expect(given == id * 2)
          #expect(try await database.integers("SELECT count(*) FROM thing") == [Int64(id + 1)])
        }
      }
    },
    ConformanceCase("a write sees what it wrote itself") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let seen = try await database.write { transaction in
          try await transaction.execute(insert(1))
          return try await transaction.first("SELECT id FROM thing") { $0.int64(0) }
        }
        #expect(seen == 1)
      }
    },
    ConformanceCase("the error of a body undoes that body and reaches its caller") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        await #expect(throws: Refusal(number: 1)) {
          try await database.write { transaction in
            try await transaction.execute(insert(1))
            throw Refusal(number: 1)
          }
        }
        #expect(try await database.integers("SELECT id FROM thing") == [])
        try await database.run(insert(1))
        #expect(try await database.integers("SELECT id FROM thing") == [1])
      }
    },
    ConformanceCase("of writes that wait together, one that fails leaves the others") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let results = await database.together(
          (0..<9).map { id in
            { transaction in
              try await transaction.execute(insert(id))
              if id % 3 == 1 { throw Refusal(number: id) }
            }
          })
        for (id, result) in results.enumerated() {
          if id % 3 == 1 {
            #expect(throws: Refusal(number: id)) { try result.get() }
          } else {
            #expect(throws: Never.self) { try result.get() }
          }
        }
        #expect(
          try await database.integers("SELECT id FROM thing ORDER BY id") == [0, 2, 3, 5, 6, 8])
      }
    },
    ConformanceCase("a body that awaits something else is undone, and the others are not") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let late = Shared<ErrorCode?>(nil)
        let results = await database.together([
          { try await $0.execute(insert(1)) },
          { transaction in
            try await transaction.execute(insert(2))
            await Task.yield()
            do {
              try await transaction.execute(insert(3))
            } catch {
              late.change { $0 = (error as? RoostError)?.code }
            }
          },
          { try await $0.execute(insert(4)) },
        ])
        #expect(results.map { code($0) } == [nil, .internalError, nil])
        #expect(await eventually { late.value == .internalError })
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [1, 4])
      }
    },
    ConformanceCase("a body alone that awaits something else is undone") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let waiting = Shared<CheckedContinuation<Void, Never>?>(nil)
        let late = Shared<ErrorCode?>(nil)
        let refused = await code {
          try await database.write { transaction in
            try await transaction.execute(insert(1))
            // What it waits for comes after its write was answered.
            await withCheckedContinuation { continuation in waiting.change { $0 = continuation } }
            do {
              try await transaction.execute(insert(3))
            } catch {
              late.change { $0 = (error as? RoostError)?.code }
            }
          }
        }
        #expect(refused == .internalError)
        waiting.value?.resume()
        #expect(await eventually { late.value == .internalError })
        try await database.run(insert(2))
        #expect(try await database.integers("SELECT id FROM thing") == [2])
      }
    },
    ConformanceCase("a body that is resumed at once, while it still has its thread, is undone") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        for id in 0..<100 {
          // Each yield gives the thread away, and the body is queued again before it is gone.
          let refused = await code {
            try await database.write { transaction in
              try await transaction.execute(insert(id))
              await Task.yield()
            }
          }
          #expect(refused == .internalError)
        }
        #expect(try await database.integers("SELECT id FROM thing") == [])
      }
    },
    ConformanceCase("an await that does not suspend does no harm") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.write { transaction in
          try await transaction.execute(insert(1))
          await withCheckedContinuation { $0.resume() }
          try await transaction.execute(insert(2))
        }
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [1, 2])
      }
    },
    ConformanceCase("the number of changed rows is told") { engine in
      try await engine.with { database in
        let counts = try await database.write { transaction in
          var counts: [Int] = []
          counts.append(try await transaction.execute("CREATE TABLE thing (id BIGINT)"))
          counts.append(
            try await transaction.execute("INSERT INTO thing (id) VALUES (1), (2), (3)"))
          counts.append(try await transaction.execute("CREATE INDEX thing_id ON thing (id)"))
          counts.append(try await transaction.execute("UPDATE thing SET id = id + 10 WHERE id > 1"))
          counts.append(try await transaction.execute("DELETE FROM thing WHERE id = 99"))
          counts.append(try await transaction.execute("DELETE FROM thing"))
          return counts
        }
        #expect(counts == [0, 3, 0, 2, 0, 3])
      }
    },
    ConformanceCase("each kind of constraint is told with its columns") { engine in
      try await engine.with { database in
        try await database.run(
          """
          CREATE TABLE thing (
            id BIGINT PRIMARY KEY, a BIGINT NOT NULL, b BIGINT,
            CONSTRAINT small CHECK (b < 10), UNIQUE (a, b))
          """)
        try await database.run("INSERT INTO thing (id, a, b) VALUES (1, 1, 1)")
        let cases: [(SQL, ConstraintViolation.Kind, [String])] = [
          ("INSERT INTO thing (id, a, b) VALUES (1, 2, 2)", .unique, ["thing.id"]),
          ("INSERT INTO thing (id, a, b) VALUES (2, 1, 1)", .unique, ["thing.a", "thing.b"]),
          ("INSERT INTO thing (id, a, b) VALUES (2, \(Value.null), 1)", .notNull, ["thing.a"]),
          ("INSERT INTO thing (id, a, b) VALUES (2, 2, 99)", .check, ["small"]),
        ]
        for (sql, kind, columns) in cases {
          let violation = await #expect(throws: ConstraintViolation.self) {
            try await database.run(sql)
          }
          #expect(violation?.kind == kind)
          #expect(violation?.columns == columns)
        }
        #expect(try await database.integers("SELECT count(*) FROM thing") == [1])
      }
    },
    ConformanceCase("a unique index on an expression is told by its name") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (name TEXT)")
        try await database.run("CREATE UNIQUE INDEX thing_folded ON thing (lower(name))")
        try await database.run("INSERT INTO thing (name) VALUES ('A')")
        let violation = await #expect(throws: ConstraintViolation.self) {
          try await database.run("INSERT INTO thing (name) VALUES ('a')")
        }
        #expect(violation?.kind == .unique)
        #expect(violation?.columns == ["thing_folded"])
      }
    },
    ConformanceCase("statements with too few or too many values are refused") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        let statement = Statement("INSERT INTO thing (id) VALUES (\(SQL.placeholder))")
        for values in [[], [.int(1), .int(2)]] as [[Value]] {
          let refused = await code {
            _ = try await database.write { try await $0.execute(statement, values) }
          }
          #expect(refused == .internalError)
        }
        _ = try await database.write { try await $0.execute(statement, [.int(1)]) }
        #expect(try await database.integers("SELECT id FROM thing") == [1])
      }
    },
  ]
}
