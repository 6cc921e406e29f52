import Queries
import RoostCore
import Testing

/// An engine under the conformance suite: how to open it, and how it spells two types.
struct ConformanceEngine: Sendable {
  /// Opens an empty database; it lives until it is closed.
  let open: @Sendable (ConformanceOptions) async throws -> any Database
  let blobType: SQL
  let uuidType: SQL
}

/// What a case asks of the database that it runs on.
struct ConformanceOptions: Sendable {
  var preCommit: (any PreCommit)?
  var limits = Limits()
  /// Nil for the engine's own; 0 makes every read run on a thread for long reads.
  var inlineSteps: Int?
  var offloadReaders: Int?
  /// Nil for the engine's own.
  var readMilliseconds: Int?
}

/// One promise of `Database`, as a function over any engine.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
  let name: String
  let check: @Sendable (ConformanceEngine) async throws -> Void

  init(_ name: String, _ check: @escaping @Sendable (ConformanceEngine) async throws -> Void) {
    self.name = name
    self.check = check
  }

  var testDescription: String { name }

  /// Every promise; an engine that keeps all of them can stand behind Roost.
  static let all: [ConformanceCase] =
    values + transactions + effects + reads + load + migrations
}

extension ConformanceEngine {
  /// Opens a database, runs `body` on it and closes it.
  func with(
    _ options: ConformanceOptions = ConformanceOptions(),
    _ body: (any Database) async throws -> Void
  ) async throws {
    let database = try await open(options)
    do {
      try await body(database)
    } catch {
      await database.close()
      throw error
    }
    await database.close()
  }
}

extension Database {
  /// Runs one statement in a write of its own.
  @discardableResult
  func run(_ sql: SQL) async throws -> Int {
    try await write { transaction in try await transaction.execute(sql) }
  }

  /// The integers of the first column.
  func integers(_ sql: SQL) async throws -> [Int64] {
    try await read(.statement) { reader in try await reader.all(sql) { $0.int64(0) } }
  }

  /// Runs writes so that they wait together, in this order, and gives how each ended.
  func together(
    _ bodies: [@Sendable (any Transaction) async throws -> Void]
  ) async -> [Result<Void, any Error>] {
    let gate = Gate()
    let started = Gate()
    // The first write holds the writer until the others are queued.
    let holder = Task.immediate {
      try await self.write { _ in
        started.open()
        gate.pass()
      }
    }
    started.pass()
    let tasks = bodies.map { body in Task.immediate { try await self.write(body) } }
    gate.open()
    _ = await holder.result
    var results: [Result<Void, any Error>] = []
    for task in tasks { results.append(await task.result) }
    return results
  }
}

/// The code of a `RoostError`; nil for success and for other errors.
func code<Success>(_ result: Result<Success, any Error>) -> ErrorCode? {
  guard case .failure(let error) = result else { return nil }
  return (error as? RoostError)?.code
}

/// The code with which `body` fails.
func code(_ body: () async throws -> Void) async -> ErrorCode? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? RoostError)?.code
  }
}
