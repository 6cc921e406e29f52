import Queries
import RoostCore
import Testing

private struct Refusal: Error, Equatable { let number: Int }

private let things = WideInsert(into: "thing", columns: ["id"])

/// Rows of one number each.
private func append(_ ids: [Int64], in transaction: any Transaction) async throws {
  try await things.run(ids.map { [.int($0)] }, in: transaction)
}

extension ConformanceCase {
  /// Many rows that go to one table at once.
  static let appends: [ConformanceCase] = [
    ConformanceCase("appended rows come back as they were, of every kind and null") { engine in
      try await engine.with { database in
        try await database.run(
          """
          CREATE TABLE thing (
            id BIGINT PRIMARY KEY, i BIGINT, d DOUBLE PRECISION, t TEXT, b \(engine.blobType),
            u \(engine.uuidType), n TEXT DEFAULT 'here')
          """)
        let insert = WideInsert(into: "thing", columns: ["u", "id", "i", "d", "t", "b"])
        let rows = (0..<1000).map { AppendCase.row($0) }
        try await database.write { try await insert.run(rows, in: $0) }
        let found = try await database.read(.statement) { reader in
          try await reader.all("SELECT u, id, i, d, t, b, n FROM thing ORDER BY id") { row in
            #expect(row.text(6) == "here")
            return [
              row.isNull(0) ? Value.null : .optional(row.uuid(0)), .int(row.int64(1)),
              row.isNull(2) ? .null : .int(row.int64(2)),
              row.isNull(3) ? .null : .double(row.double(3)),
              row.isNull(4) ? .null : .text(row.text(4)),
              row.isNull(5) ? .null : .blob(row.blob(5)),
            ]
          }
        }
        #expect(found == rows)
      }
    },
    ConformanceCase("appended rows stand between what came before and what follows") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let seen = try await database.write { transaction in
          try await transaction.post("INSERT INTO thing (id) VALUES (1), (2), (3)")
          try await transaction.post("DELETE FROM thing WHERE id > 1")
          try await append(Array(2...500), in: transaction)
          let count = try await transaction.execute("UPDATE thing SET id = id + 1000")
          #expect(count == 500)
          try await append(Array(1...300), in: transaction)
          try await transaction.post("DELETE FROM thing WHERE id = 300")
          return try await transaction.first("SELECT count(*), sum(id) FROM thing") {
            [$0.int64(0), $0.int64(1)]
          }
        }
        #expect(seen == [799, 670_100])
        #expect(try await database.integers("SELECT count(*) FROM thing") == [799])
      }
    },
    ConformanceCase("to append nothing does nothing") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.write { try await append([], in: $0) }
        try await database.write { transaction in
          try await append([], in: transaction)
          try await append([1], in: transaction)
          try await append([], in: transaction)
        }
        #expect(try await database.integers("SELECT id FROM thing") == [1])
      }
    },
    ConformanceCase("a row that is there already refuses all rows of its body and of no other") {
      engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.run("INSERT INTO thing (id) VALUES (9999)")
        let results = await database.together(
          (0..<5).map { number in
            { transaction in
              var ids = (0..<400).map { Int64(number * 1000 + $0) }
              if number == 2 { ids[200] = ids[100] }
              if number == 3 { ids[399] = 9999 }
              do {
                try await append(ids, in: transaction)
              } catch let violation as ConstraintViolation {
                #expect(violation.kind == .unique)
                #expect(violation.columns == ["thing.id"])
                throw Refusal(number: number)
              }
            }
          })
        for (number, result) in results.enumerated() {
          if number == 2 || number == 3 {
            #expect(throws: Refusal(number: number)) { try result.get() }
          } else {
            #expect(throws: Never.self) { try result.get() }
          }
        }
        #expect(
          try await database.integers("SELECT id / 1000 FROM thing GROUP BY 1 ORDER BY 1")
            == [0, 1, 4, 9])
        #expect(try await database.integers("SELECT count(*) FROM thing") == [1201])
      }
    },
    ConformanceCase("a lone body hears of the constraint that a row among many breaks") { engine in
      try await engine.with { database in
        try await database.run(
          "CREATE TABLE thing (id BIGINT PRIMARY KEY, n BIGINT NOT NULL CHECK (n >= 0))")
        let insert = WideInsert(into: "thing", columns: ["id", "n"])
        for (value, kind) in [
          (Value.null, ConstraintViolation.Kind.notNull), (.int(-1), .check),
        ] {
          do {
            try await database.write { transaction in
              try await transaction.execute("INSERT INTO thing (id, n) VALUES (5000, 1)")
              try await insert.run(
                (0..<500).map { [.int($0), $0 == 250 ? value : .int(1)] }, in: transaction)
            }
            Issue.record("a row was taken that breaks a constraint")
          } catch let violation as ConstraintViolation {
            #expect(violation.kind == kind)
          }
        }
        #expect(try await database.integers("SELECT count(*) FROM thing") == [0])
      }
    },
    ConformanceCase("rows that do not fit the columns concern their own body alone") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        let results = await database.together(
          (0..<4).map { number in
            { transaction in
              let rows = (0..<300).map { place -> [Value] in
                let id = Value.int(Int64(number * 1000 + place))
                return number == 1 && place == 299 ? [id, id] : [id]
              }
              try await things.run(rows, in: transaction)
            }
          })
        #expect(results.map { (try? $0.get()) != nil } == [true, false, true, true])
        #expect(try await database.integers("SELECT count(*) FROM thing") == [900])
      }
    },
    ConformanceCase("rows that are refused in an attempt leave the rest of their body") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY)")
        try await database.write { transaction in
          try await append(Array(0..<300), in: transaction)
          do {
            try await transaction.attempt {
              try await append(Array(299..<600), in: transaction)
            }
          } catch is ConstraintViolation {}
          try await append(Array(1000..<1300), in: transaction)
        }
        #expect(try await database.integers("SELECT count(*) FROM thing") == [600])
      }
    },
    ConformanceCase("more rows than any buffer holds are appended whole") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT PRIMARY KEY, t TEXT)")
        let insert = WideInsert(into: "thing", columns: ["id", "t"])
        let text = String(repeating: "long ", count: 2000)
        try await database.write { transaction in
          try await insert.run(2000, in: transaction) { place, values in
            values.append(.int(Int64(place)))
            values.append(.text(text))
          }
        }
        #expect(
          try await database.integers("SELECT sum(length(t)) FROM thing") == [20_000_000])
      }
    },
  ]
}

private enum AppendCase {
  /// A row of `u`, `id`, `i`, `d`, `t` and `b`, in which every column is null now and then.
  static func row(_ number: Int) -> [Value] {
    let id = Int64(number)
    let integers: [Int64] = [0, -1, .min, .max, id]
    let doubles: [Double] = [0, -0.5, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e100]
    let texts = ["", "é", "\u{1F3B8}", "a\tb\n\\N", "'\"$1"]
    let blobs: [[UInt8]] = [[], [0], [255, 0, 1], Array(repeating: 7, count: 300), [0x5C, 0x2E]]
    let values: [Value] = [
      .uuid(UUID(high: UInt64(number), low: .max)), .int(id), .int(integers[number % 5]),
      .double(doubles[number % 5]), .text(texts[number % 5]), .blob(blobs[number % 5]),
    ]
    return values.enumerated().map { place, value in
      place != 1 && number % 7 == place ? .null : value
    }
  }
}
