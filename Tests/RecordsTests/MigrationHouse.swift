import Queries
import Records
import RoostCore
import Rules
import Schema
import Synchronization
import TestEngine

/// A database that goes through several schemas, one after the other.
struct MigrationHouse {
  let folder = RecordsHouse.folder()
  let time = TestTime()

  /// The schema of the tests: `fields` of one collection, and whatever else.
  static func schema(
    _ fields: String, type: String = "Note", directives: String = "", others: String = ""
  ) -> String {
    """
    type \(type) @collection @allow(ops: [ALL], owner: "owner") \(directives) {
      owner: User!
      \(fields)
    }
    \(others)
    """
  }

  /// Serves a schema for the time of `body`.
  @discardableResult
  func serve<Result>(
    _ schema: String, _ body: (RecordsHouse) async throws -> Result
  ) async throws -> Result {
    let house = try await RecordsHouse(schema, folder: folder, time: time)
    do {
      let result = try await body(house)
      await house.close(keepingFolder: true)
      return result
    } catch {
      await house.close(keepingFolder: true)
      throw error
    }
  }

  /// Opens the database for a migration from one schema to another.
  func migrate<Result>(
    _ before: String, _ after: String, isRollback: Bool = false,
    _ body: (SchemaMigration, any Database) async throws -> Result
  ) async throws -> Result {
    let database = try TestEngine.open(
      folder, ambient: Ambient(time: time, logger: Logger(level: .error)),
      preCommit: ChangeRecorder())
    do {
      let migration = try SchemaMigration(
        to: try SchemaModel.load(source: after), on: database,
        before: try SchemaModel.load(source: before), isRollback: isRollback, time: time)
      let result = try await body(migration, database)
      await database.close()
      return result
    } catch {
      await database.close()
      throw error
    }
  }

  func plan(_ before: String, _ after: String, isRollback: Bool = false) async throws
    -> MigrationPlan
  {
    try await migrate(before, after, isRollback: isRollback) { migration, _ in
      try await migration.plan()
    }
  }

  func apply(
    _ before: String, _ after: String, isRollback: Bool = false, allowing: Set<String> = []
  ) async throws {
    time.advance(1000)
    try await migrate(before, after, isRollback: isRollback) { migration, _ in
      _ = try await migration.apply(allowing: allowing)
    }
    time.advance(1000)
  }

  /// Applies, and is ended from outside after some pieces: each of them is a transaction of its own.
  func interrupt(_ before: String, _ after: String, after pieces: Int) async {
    let ended = Mutex(0)
    let work = Task {
      try await migrate(before, after) { migration, _ async throws in
        _ = try await migration.apply { _ in
          let isEnough = ended.withLock {
            $0 += 1
            return $0 > pieces
          }
          if isEnough { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
    }
    _ = try? await work.value
  }

  /// The codes of what refuses an application.
  func refusals(
    _ before: String, _ after: String, isRollback: Bool = false, allowing: Set<String> = []
  ) async throws -> [String] {
    do {
      try await apply(before, after, isRollback: isRollback, allowing: allowing)
      return []
    } catch let error as MigrationRefused {
      return error.faults.map(\.code)
    }
  }

  func remove() { TestEngine.remove(folder) }
}
