import Queries
import RoostCore
import Testing

extension ConformanceCase {
  /// Many callers, full queues, and the end.
  static let load: [ConformanceCase] = [
    ConformanceCase("64 callers write 100 rows each, and all are there") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let insert = Statement("INSERT INTO thing (id) VALUES (\(SQL.placeholder))")
        try await withThrowingTaskGroup { group in
          for caller in 0..<64 {
            group.addTask {
              for step in 0..<100 {
                _ = try await database.write { transaction in
                  try await transaction.execute(insert, [.int(Int64(caller * 100 + step))])
                }
              }
            }
          }
          try await group.waitForAll()
        }
        #expect(
          try await database.integers("SELECT id FROM thing ORDER BY id") == Array(0..<6400))
      }
    },
    ConformanceCase(
      "when too many writes wait, further ones are refused at once", needsOneWriter: true
    ) { engine in
      var limits = Limits()
      limits.queuedWrites = 4
      try await engine.with(ConformanceOptions(limits: limits)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        let results = await database.together(
          (0..<7).map { id in
            { try await $0.execute("INSERT INTO thing (id) VALUES (\(id))") }
          })
        #expect(
          results.map { code($0) }
            == [nil, nil, nil, nil, .overloaded, .overloaded, .overloaded])
        if case .failure(let error as RoostError) = results[6] {
          #expect(error.retryAfterSeconds == 1)
        }
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [0, 1, 2, 3])
      }
    },
    ConformanceCase(
      "a write whose caller was cancelled while it waited does not run", needsOneWriter: true
    ) { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT)")
        let gate = Gate()
        let started = Gate()
        let holder = Task.immediate {
          try await database.write { _ in
            started.open()
            gate.pass()
          }
        }
        started.pass()
        let cancelled = Task.immediate {
          try await database.run("INSERT INTO thing (id) VALUES (1)")
        }
        let kept = Task.immediate { try await database.run("INSERT INTO thing (id) VALUES (2)") }
        cancelled.cancel()
        gate.open()
        try await holder.value
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(try await kept.value == 1)
        #expect(try await database.integers("SELECT id FROM thing") == [2])
      }
    },
    ConformanceCase("close finishes what waits and refuses what comes later") { engine in
      let database = try await engine.open(ConformanceOptions())
      try await database.run("CREATE TABLE thing (id BIGINT)")
      let gate = Gate()
      let started = Gate()
      let holder = Task.immediate {
        try await database.write { _ in
          started.open()
          gate.pass()
        }
      }
      started.pass()
      let waiting = (0..<3).map { id in
        Task.immediate { try await database.run("INSERT INTO thing (id) VALUES (\(id))") }
      }
      let closing = Task { await database.close() }
      gate.open()
      try await holder.value
      for task in waiting { #expect(try await task.value == 1) }
      await closing.value
      #expect(await code { try await database.run("DELETE FROM thing") } == .draining)
      #expect(await code { _ = try await database.integers("SELECT 1") } == .draining)
      await database.close()
    },
  ]
}
