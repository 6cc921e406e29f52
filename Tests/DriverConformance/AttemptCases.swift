import Queries
import RoostCore
import Testing

private struct Note: Effect, Equatable { let number: Int }
private struct Refusal: Error, Equatable { let number: Int }

private let insert = Statement("INSERT INTO thing (id) VALUES (\(SQL.placeholder))")
private let allThings: SQL = "SELECT id FROM thing ORDER BY id"

/// A step before the commit that remembers the numbers that it was given.
private final class Collector: PreCommit {
  let committed = Shared<[Int]>([])

  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {}
  func committed(_ effects: [any Effect]) {
    committed.change { $0 += effects.compactMap { ($0 as? Note)?.number } }
  }
}

/// Attempts to insert the ids one by one; those that `refuses` names fail after they have changed
/// something.
///
/// Gives the ids that went well.
private func insertEach(
  _ ids: [Int], in transaction: any Transaction, refusing refuses: (Int) -> Bool
) async throws -> [Int] {
  var good: [Int] = []
  for id in ids {
    do {
      try await transaction.attempt {
        try await transaction.post(insert, [.int(Int64(id))])
        transaction.attach(Note(number: id))
        if refuses(id) { throw Refusal(number: id) }
      }
      good.append(id)
    } catch let refusal as Refusal {
      #expect(refusal.number == id)
    } catch is ConstraintViolation {
      continue
    }
  }
  return good
}

extension ConformanceCase {
  /// Parts of a body that are undone by themselves.
  static let attempts: [ConformanceCase] = [
    ConformanceCase("an attempt that fails is undone with its effects, and the body goes on") {
      engine in
      let collector = Collector()
      try await engine.with(ConformanceOptions(preCommit: collector)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let good = try await database.write { transaction in
          try await insertEach(Array(0..<9), in: transaction) { $0 % 3 == 1 }
        }
        #expect(good == [0, 2, 3, 5, 6, 8])
        #expect(try await database.integers(allThings) == [0, 2, 3, 5, 6, 8])
        #expect(collector.committed.value == [0, 2, 3, 5, 6, 8])
      }
    },
    ConformanceCase("an attempt whose statement is refused harms nothing before and behind it") {
      engine in
      let collector = Collector()
      try await engine.with(ConformanceOptions(preCommit: collector)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (1), (4)")
        let good = try await database.write { transaction in
          try await insertEach(Array(0..<6), in: transaction) { _ in false }
        }
        #expect(good == [0, 2, 3, 5])
        #expect(try await database.integers(allThings) == [0, 1, 2, 3, 4, 5])
        #expect(collector.committed.value == [0, 2, 3, 5])
      }
    },
    ConformanceCase("what is posted last in the last attempt is refused in time") { engine in
      let collector = Collector()
      try await engine.with(ConformanceOptions(preCommit: collector)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (2)")
        let good = try await database.write { transaction in
          try await insertEach([0, 1, 2], in: transaction) { _ in false }
        }
        #expect(good == [0, 1])
        #expect(try await database.integers(allThings) == [0, 1, 2])
      }
    },
    ConformanceCase("attempts of several bodies that are written together keep to themselves") {
      engine in
      let collector = Collector()
      try await engine.with(ConformanceOptions(preCommit: collector)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let results = await database.together(
          (0..<8).map { body in
            { transaction in
              let ids = Array(body * 10..<body * 10 + 10)
              let good = try await insertEach(ids, in: transaction) { $0 % 10 == body }
              #expect(good == ids.filter { $0 % 10 != body })
              if body == 5 { throw Refusal(number: body) }
            }
          })
        #expect(results.map { (try? $0.get()) != nil } == (0..<8).map { $0 != 5 })
        let expected = (0..<80).filter { $0 / 10 != 5 && $0 % 10 != $0 / 10 }
        #expect(try await database.integers(allThings) == expected.map { Int64($0) })
        #expect(collector.committed.value.sorted() == expected)
      }
    },
    ConformanceCase("attempts that change nothing need nothing, however many there are") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.write { transaction in
          for id in 0..<200 {
            try await transaction.attempt {
              try await transaction.execute(insert, [.int(Int64(id))])
            }
            await #expect(throws: Refusal(number: id)) {
              try await transaction.attempt { throw Refusal(number: id) }
            }
          }
        }
        #expect(try await database.integers("SELECT count(*) FROM thing") == [200])
      }
    },
    ConformanceCase("as many attempts as are promised have room; more end as a whole or go well") {
      engine in
      let collector = Collector()
      try await engine.with(ConformanceOptions(preCommit: collector)) { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let ids = Array(0..<AttemptsSpent.limit)
        let good = try await database.write { transaction in
          try await insertEach(ids, in: transaction) { $0 == 0 }
        }
        #expect(good == Array(ids.dropFirst()))
        do {
          let many = Array(1000..<1200)
          let good = try await database.write { transaction in
            try await insertEach(many, in: transaction) { $0 == 1000 }
          }
          #expect(good == Array(many.dropFirst()))
          #expect(try await database.integers("SELECT count(*) FROM thing") == [59 + 199])
        } catch is AttemptsSpent {
          #expect(try await database.integers("SELECT count(*) FROM thing") == [59])
        }
      }
    },
    ConformanceCase("an attempt inside of another is undone alone, and with the outer one") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.write { transaction in
          for outer in [10, 20] {
            do {
              try await transaction.attempt {
                try await transaction.post(insert, [.int(Int64(outer))])
                do {
                  try await transaction.attempt {
                    try await transaction.post(insert, [.int(Int64(outer + 1))])
                    throw Refusal(number: 1)
                  }
                } catch is Refusal {}
                try await transaction.attempt {
                  try await transaction.post(insert, [.int(Int64(outer + 2))])
                }
                if outer == 20 { throw Refusal(number: 2) }
              }
            } catch let refusal as Refusal {
              #expect(refusal.number == 2)
            }
          }
          try await transaction.post(insert, [.int(30)])
        }
        #expect(try await database.integers(allThings) == [10, 12, 30])
      }
    },
  ]
}
