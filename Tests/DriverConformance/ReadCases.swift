import Queries
import RoostCore
import Testing

private struct Refusal: Error {}

/// A query that never ends by itself.
private let endless: SQL = """
  WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 9000000000000)
  SELECT max(x) FROM c
  """

/// A query whose cost is its number.
private func count(to number: Int) -> SQL {
  """
  WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < \(number))
  SELECT count(*) FROM c
  """
}

extension ConformanceCase {
  /// What a read sees, and how long it may take.
  static let reads: [ConformanceCase] = [
    ConformanceCase("reads that ask nothing leave the next ones well") { engine in
      try await engine.with { database in
        for _ in 0..<50 {
          let answer = try await database.read(.statement) { _ in 7 }
          #expect(answer == 7)
        }
        let one = try await database.integers("SELECT 1")
        #expect(one == [1])
      }
    },
    ConformanceCase("the queries of a snapshot see one moment, those of a plain read do not") {
      engine in
      try await engine.with(ConformanceOptions(inlineSteps: 0)) { database in
        try await database.run("CREATE TABLE thing (v BIGINT)")
        try await database.run("INSERT INTO thing (v) VALUES (1)")
        for (consistency, expected) in [
          (ReadConsistency.snapshot, [1, 1] as [Int64]), (.statement, [2, 3]),
        ] {
          let hasRead = Gate()
          let mayGoOn = Gate()
          let read = Task.immediate {
            try await database.read(consistency) { reader in
              let first = try await reader.first("SELECT v FROM thing") { $0.int64(0) } ?? 0
              hasRead.open()
              mayGoOn.pass()
              let second = try await reader.first("SELECT v FROM thing") { $0.int64(0) } ?? 0
              return [first, second]
            }
          }
          hasRead.pass()
          try await database.run("UPDATE thing SET v = v + 1")
          mayGoOn.open()
          #expect(try await read.value == expected)
        }
      }
    },
    ConformanceCase("a snapshot never sees half of a write") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE account (id BIGINT, v BIGINT)")
        try await database.run("INSERT INTO account (id, v) VALUES (1, 500), (2, 500)")
        try await withThrowingTaskGroup { group in
          group.addTask {
            for step in 0..<300 {
              try await database.write { transaction in
                try await transaction.execute("UPDATE account SET v = v - \(step) WHERE id = 1")
                try await transaction.execute("UPDATE account SET v = v + \(step) WHERE id = 2")
              }
            }
          }
          group.addTask {
            for _ in 0..<300 {
              let sum = try await database.read(.snapshot) { reader in
                let one = try await reader.first("SELECT v FROM account WHERE id = 1") {
                  $0.int64(0)
                }
                let two = try await reader.first("SELECT v FROM account WHERE id = 2") {
                  $0.int64(0)
                }
                return (one ?? 0) + (two ?? 0)
              }
              #expect(sum == 1000)
            }
          }
          try await group.waitForAll()
        }
      }
    },
    ConformanceCase("a statement that was stopped early, or by an error, runs again afresh") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        try await database.run("INSERT INTO thing (id) VALUES (1), (2), (3)")
        let statement = Statement(
          "SELECT id FROM thing WHERE id > \(SQL.placeholder) ORDER BY id")
        let seen = try await database.read(.snapshot) { reader in
          var seen: [Int64] = []
          try await reader.query(statement, [.int(0)]) { row in
            seen.append(row.int64(0))
            return seen.count < 2
          }
          do {
            try await reader.query(statement, [.int(1)]) { row in
              seen.append(row.int64(0))
              throw Refusal()
            }
          } catch is Refusal {}
          try await reader.query(statement, [.int(0)]) { row in
            seen.append(row.int64(0))
            return true
          }
          return seen
        }
        #expect(seen == [1, 2, 2, 1, 2, 3])
      }
    },
    ConformanceCase("one statement runs at many places at once") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let insert = Statement("INSERT INTO thing (id) VALUES (\(SQL.placeholder))")
        let select = Statement("SELECT id FROM thing WHERE id = \(SQL.placeholder)")
        try await database.write { transaction in
          for id in 0..<200 { try await transaction.execute(insert, [.int(Int64(id))]) }
        }
        try await withThrowingTaskGroup { group in
          for task in 0..<8 {
            group.addTask {
              for step in 0..<200 {
                let id = Int64((step * 7 + task) % 200)
                let found = try await database.read(.statement) { reader in
                  try await reader.first(select, [.int(id)]) { $0.int64(0) }
                }
                #expect(found == id)
              }
            }
          }
          try await group.waitForAll()
        }
      }
    },
    ConformanceCase("a reader cannot write") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        let refused = await code {
          try await database.read(.snapshot) { reader in
            try await reader.query("INSERT INTO thing (id) VALUES (1)") { _ in true }
          }
        }
        #expect(refused == .internalError)
        #expect(try await database.integers("SELECT id FROM thing") == [])
      }
    },
    ConformanceCase("a read beyond its budget starts again on a thread for long reads") { engine in
      let runs = Shared(0)
      try await engine.with(ConformanceOptions(inlineSteps: 5000)) { database in
        let small = try await database.read(.snapshot) { reader in
          runs.change { $0 += 1 }
          return try await reader.first(count(to: 10)) { $0.int64(0) }
        }
        #expect(small == 10)
        #expect(runs.value == 1)
        for consistency in [ReadConsistency.statement, .snapshot] {
          runs.change { $0 = 0 }
          let large = try await database.read(consistency) { reader in
            runs.change { $0 += 1 }
            return try await reader.first(count(to: 50_000)) { $0.int64(0) }
          }
          #expect(large == 50_000)
          // Where time is the budget, this may well be done within it.
          #expect(engine.countsSteps ? runs.value == 2 : (1...2).contains(runs.value))
        }
      }
    },
    ConformanceCase("a body cannot swallow the end of its budget") { engine in
      try await engine.with(ConformanceOptions(inlineSteps: 5000)) { database in
        let found = try await database.read(.statement) { reader in
          (try? await reader.first(count(to: 50_000)) { $0.int64(0) }) ?? -1
        }
        #expect(found == 50_000)
      }
    },
    ConformanceCase("a read that takes too long is stopped with a message") { engine in
      try await engine.with(ConformanceOptions(readMilliseconds: 50)) { database in
        let result = await Task {
          try await database.read(.statement) { try await $0.first(endless) { $0.int64(0) } }
        }.result
        #expect(code(result) == .overloaded)
        let next = try await database.integers("SELECT 1")
        #expect(next == [1])
      }
    },
    ConformanceCase("when too many reads wait, further ones are refused at once") { engine in
      var limits = Limits()
      limits.queuedReads = 3
      let options = ConformanceOptions(limits: limits, inlineSteps: 0, offloadReaders: 1)
      try await engine.with(options) { database in
        let gate = Gate()
        let started = Gate()
        let holder = Task.immediate {
          try await database.read(.statement) { reader in
            _ = try await reader.first("SELECT 1") { $0.int64(0) }
            started.open()
            gate.pass()
          }
        }
        started.pass()
        let tasks = (0..<5).map { _ in
          Task.immediate { try await database.integers("SELECT 1") }
        }
        // Those that are refused end while the thread is still held.
        let refusals = [code(await tasks[3].result), code(await tasks[4].result)]
        #expect(refusals == [.overloaded, .overloaded])
        gate.open()
        try await holder.value
        for task in tasks.prefix(3) { #expect(try await task.value == [1]) }
      }
    },
    ConformanceCase("a read whose caller was cancelled while it waited does not run") { engine in
      let options = ConformanceOptions(inlineSteps: 0, offloadReaders: 1)
      try await engine.with(options) { database in
        let gate = Gate()
        let started = Gate()
        let holder = Task.immediate {
          try await database.read(.statement) { reader in
            _ = try await reader.first("SELECT 1") { $0.int64(0) }
            started.open()
            gate.pass()
          }
        }
        started.pass()
        let waiting = Task.immediate { try await database.integers("SELECT 1") }
        waiting.cancel()
        gate.open()
        try await holder.value
        await #expect(throws: CancellationError.self) { try await waiting.value }
      }
    },
  ]
}
