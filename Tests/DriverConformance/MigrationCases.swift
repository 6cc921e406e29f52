import Queries
import RoostCore
import Testing

private let first = Migration(1, "things", ["CREATE TABLE thing (id BIGINT)"])
private let second = Migration(
  2, "names", ["ALTER TABLE thing ADD COLUMN name TEXT", "INSERT INTO thing (id) VALUES (1)"])

extension ConformanceCase {
  /// Roost's own tables.
  static let migrations: [ConformanceCase] = [
    ConformanceCase("migrations run once, in order, and are on record") { engine in
      try await engine.with { database in
        #expect(try await Migrator.run([first], on: database) == [1])
        #expect(try await Migrator.run([first, second], on: database) == [2])
        #expect(try await Migrator.run([first, second], on: database) == [])
        #expect(try await database.integers("SELECT id FROM thing") == [1])
        let record = try await database.read(.statement) { reader in
          try await reader.all("SELECT number, name, applied_at FROM roost_migration ORDER BY 1") {
            "\($0.int64(0)) \($0.text(1)) \($0.int64(2) > 0)"
          }
        }
        #expect(record == ["1 things true", "2 names true"])
      }
    },
    ConformanceCase("a migration that fails leaves nothing of itself") { engine in
      try await engine.with { database in
        let broken = Migration(
          2, "broken", [second.statements(.sqlite)[0], "INSERT INTO nowhere VALUES (1)"])
        await #expect(throws: (any Error).self) {
          try await Migrator.run([first, broken], on: database)
        }
        let applied = try await Migrator.run([first, second], on: database)
        #expect(applied == [2])
      }
    },
    ConformanceCase("a database of a newer version is refused") { engine in
      try await engine.with { database in
        try await Migrator.run([first, second], on: database)
        let error = await #expect(throws: DatabaseOpenError.self) {
          try await Migrator.run([first], on: database)
        }
        #expect(error?.reason == .newer)
        #expect(error?.description.contains("its schema is 2, this binary knows 1") == true)
      }
    },
    ConformanceCase("who looks refuses a database of an earlier version, and leaves it") { engine in
      try await engine.with { database in
        try await Migrator.run([first], on: database)
        try await Migrator.require([first], on: database)
        let error = await #expect(throws: DatabaseOpenError.self) {
          try await Migrator.require([first, second], on: database)
        }
        #expect(error?.reason == .migrations)
        #expect(error?.description.contains("a step behind") == true)
        #expect(try await Migrator.run([first, second], on: database) == [2])
        try await Migrator.require([first, second], on: database)
      }
    },
    ConformanceCase("a record that contradicts the program is refused") { engine in
      try await engine.with { database in
        try await Migrator.run([first], on: database)
        let other = Migration(1, "others", ["CREATE TABLE other (id BIGINT)"])
        let error = await #expect(throws: DatabaseOpenError.self) {
          try await Migrator.run([other], on: database)
        }
        #expect(error?.reason == .migrations)
      }
    },
  ]
}
