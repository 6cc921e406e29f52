import Queries
import RoostCore
import Testing

extension ConformanceCase {
  /// What is stored comes back as it was.
  static let values: [ConformanceCase] = [
    ConformanceCase("integers, doubles, texts, blobs and identifiers come back as they were") {
      engine in
      try await engine.with { database in
        try await database.run(
          """
          CREATE TABLE thing (
            id BIGINT PRIMARY KEY, i BIGINT, d DOUBLE PRECISION, t TEXT, b \(engine.blobType),
            u \(engine.uuidType))
          """)
        let insert = Statement(
          """
          INSERT INTO thing (id, i, d, t, b, u) VALUES (\(SQL.placeholder), \(SQL.placeholder),
            \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder))
          """)
        let samples = Sample.all
        try await database.write { transaction in
          for (index, sample) in samples.enumerated() {
            try await transaction.execute(
              insert,
              [
                .int(Int64(index)), .int(sample.integer), .double(sample.double),
                .text(sample.text), .blob(sample.blob), .uuid(sample.id),
              ])
          }
        }
        let found = try await database.read(.statement) { reader in
          try await reader.all("SELECT i, d, t, b, u FROM thing ORDER BY id") { row in
            Sample(
              integer: row.int64(0), double: row.double(1), text: row.text(2), blob: row.blob(3),
              id: row.uuid(4) ?? .zero)
          }
        }
        #expect(found == samples)
      }
    },
    ConformanceCase("a cell says what is kept") { engine in
      try await engine.with { database in
        try await database.run(
          """
          CREATE TABLE thing (
            i BIGINT, d DOUBLE PRECISION, t TEXT, b \(engine.blobType), e TEXT, n TEXT)
          """)
        try await database.run(
          """
          INSERT INTO thing (i, d, t, b, e, n) VALUES (\(-5 as Int64), \(Value.double(0.5)), \
          \(Value.text("é")), \(Value.blob([1, 2])), \(Value.text("")), \(Value.null))
          """)
        let found = try await database.read(.statement) { reader in
          try await reader.first("SELECT i, d, t, b, e, n FROM thing") { row in
            (0..<6).map { column in
              switch row.cell(column) {
              case .null: "null"
              case .int(let value): "int \(value)"
              case .double(let value): "double \(value)"
              case .bytes(let bytes): "bytes \(Array(bytes))"
              }
            }
          }
        }
        #expect(
          found == ["int -5", "double 0.5", "bytes [195, 169]", "bytes [1, 2]", "bytes []", "null"])
      }
    },
    ConformanceCase("an empty text and an empty blob are not NULL") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT, t TEXT, b \(engine.blobType))")
        try await database.run(
          """
          INSERT INTO thing (id, t, b) VALUES (1, \(Value.text("")), \(Value.blob([]))),
            (2, \(Value.null), \(Value.null))
          """)
        let found = try await database.read(.statement) { reader in
          try await reader.all("SELECT t, b FROM thing ORDER BY id") { row in
            [row.isNull(0), row.isNull(1), row.text(0).isEmpty, row.blob(1).isEmpty]
          }
        }
        #expect(found == [[false, false, true, true], [true, true, true, true]])
      }
    },
    ConformanceCase("NULL sorts where the order says") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (id BIGINT, v BIGINT)")
        try await database.run(
          "INSERT INTO thing (id, v) VALUES (1, 5), (2, \(Value.null)), (3, -5)")
        #expect(
          try await database.integers("SELECT id FROM thing ORDER BY v NULLS LAST") == [3, 1, 2])
        #expect(
          try await database.integers("SELECT id FROM thing ORDER BY v DESC NULLS FIRST")
            == [2, 1, 3])
      }
    },
    ConformanceCase("a value is never read as SQL") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (t TEXT)")
        let hostile = "'); DROP TABLE thing; --"
        try await database.run("INSERT INTO thing (t) VALUES (\(hostile))")
        let found = try await database.read(.statement) { reader in
          try await reader.all("SELECT t FROM thing WHERE t = \(hostile)") { $0.text(0) }
        }
        #expect(found == [hostile])
      }
    },
    ConformanceCase("a quoted name cannot end its quotation") { engine in
      try await engine.with { database in
        for name in ["a\"b", "x\" BIGINT); DROP TABLE thing; --", "select", "größe"] {
          try await database.run("CREATE TABLE thing (\(identifier: name) BIGINT)")
          try await database.run("INSERT INTO thing (\(identifier: name)) VALUES (7)")
          #expect(try await database.integers("SELECT \(identifier: name) FROM thing") == [7])
          try await database.run("DROP TABLE thing")
        }
      }
    },
    ConformanceCase("large values come back as they were") { engine in
      try await engine.with { database in
        try await database.run("CREATE TABLE thing (t TEXT, b \(engine.blobType))")
        let text = String(repeating: "grüße 🎷 ", count: 40_000)
        let blob = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await database.run("INSERT INTO thing (t, b) VALUES (\(text), \(blob))")
        let found = try await database.read(.statement) { reader in
          try await reader.first("SELECT t, b FROM thing") { ($0.text(0), $0.blob(1)) }
        }
        #expect(found?.0 == text)
        #expect(found?.1 == blob)
      }
    },
  ]
}

private struct Sample: Equatable, Sendable {
  let integer: Int64
  let double: Double
  let text: String
  let blob: [UInt8]
  let id: UUID

  static let all = [
    Sample(integer: 0, double: 0, text: "a", blob: [0], id: .zero),
    Sample(
      integer: .max, double: .greatestFiniteMagnitude, text: "emoji 👩‍👩‍👧‍👦 and ‮marks",
      blob: Array(0...255), id: UUID(high: .max, low: .max)),
    Sample(
      integer: .min, double: -.leastNonzeroMagnitude, text: "it's \"quoted\"\n\t\\",
      blob: [0, 0, 0], id: UUID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)),
    Sample(integer: 9_007_199_254_740_993, double: 0.1, text: "é", blob: [255], id: .zero),
  ]
}
