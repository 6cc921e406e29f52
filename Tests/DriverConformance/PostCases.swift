import Queries
import RoostCore
import Testing

private struct Refusal: Error, Equatable { let number: Int }

private let insert = Statement("INSERT INTO thing (id) VALUES (\(SQL.placeholder))")

/// A step before the commit that posts a row whose id is taken.
private struct Collider: PreCommit {
  struct Note: Effect {}

  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {
    try await transaction.post(insert, [.int(1)])
  }
  func committed(_ effects: [any Effect]) {}
}

extension ConformanceCase {
  /// Statements that nobody waits for.
  static let posts: [ConformanceCase] = [
    ConformanceCase("what was posted is seen by what follows, in the order of both") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let seen = try await database.write { transaction in
          try await transaction.post(insert, [.int(1)])
          try await transaction.post("UPDATE thing SET id = id + 10")
          try await transaction.post(insert, [.int(2)])
          let count = try await transaction.execute("UPDATE thing SET id = id + 100")
          #expect(count == 2)
          try await transaction.post("DELETE FROM thing WHERE id = 102")
          return try await transaction.all("SELECT id FROM thing") { $0.int64(0) }
        }
        #expect(seen == [111])
        #expect(try await database.integers("SELECT id FROM thing") == [111])
      }
    },
    ConformanceCase("a posted statement that is refused concerns its own body alone") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (1), (4), (7)")
        let results = await database.together(
          (0..<9).map { id in
            { transaction in
              do {
                try await transaction.post(insert, [.int(Int64(id))])
              } catch let violation as ConstraintViolation {
                #expect(violation.kind == .unique)
                throw Refusal(number: id)
              }
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
          try await database.integers("SELECT id FROM thing ORDER BY id")
            == [0, 1, 2, 3, 4, 5, 6, 7, 8])
      }
    },
    ConformanceCase("a lone body hears of the refusal of the last thing that it posted") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (1)")
        await #expect(throws: ConstraintViolation.self) {
          try await database.write { try await $0.post(insert, [.int(1)]) }
        }
        try await database.write { try await $0.post(insert, [.int(2)]) }
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [1, 2])
      }
    },
    ConformanceCase("values that do not fit what was posted concern its own body alone") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let results = await database.together(
          (0..<4).map { id in
            { transaction in
              let values: [Value] = id == 1 ? [.int(1), .int(2)] : [.int(Int64(id))]
              try await transaction.post(insert, values)
            }
          })
        #expect(results.map { (try? $0.get()) != nil } == [true, false, true, true])
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [0, 2, 3])
      }
    },
    ConformanceCase("a body that fails after it posted leaves nothing and harms no other") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let results = await database.together(
          (0..<6).map { id in
            { transaction in
              try await transaction.post(insert, [.int(Int64(id))])
              if id == 3 { throw Refusal(number: id) }
            }
          })
        #expect(throws: Refusal(number: 3)) { try results[3].get() }
        #expect(try await database.integers("SELECT id FROM thing ORDER BY id") == [0, 1, 2, 4, 5])
      }
    },
    ConformanceCase("what the step before the commit posts can fail the batch") { engine in
      try await engine.with(ConformanceOptions(preCommit: Collider())) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (1)")
        await #expect(throws: (any Error).self) {
          try await database.write { transaction in
            try await transaction.post(insert, [.int(5)])
            transaction.attach(Collider.Note())
          }
        }
        #expect(try await database.integers("SELECT id FROM thing") == [1])
      }
    },
  ]
}
