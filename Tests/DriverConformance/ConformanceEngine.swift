package import Queries
package import RoostCore
import Testing

/// An engine under the conformance suite: how to open it, and how it spells two types.
package struct ConformanceEngine: Sendable {
  /// Opens an empty database; it lives until it is closed.
  package let open: @Sendable (ConformanceOptions) async throws -> any Database
  package let blobType: SQL
  package let uuidType: SQL
  /// Whether the budget of a short read is counted in steps, not in time.
  package let countsSteps: Bool

  package init(
    blobType: SQL, uuidType: SQL, countsSteps: Bool = true,
    open: @escaping @Sendable (ConformanceOptions) async throws -> any Database
  ) {
    self.open = open
    self.blobType = blobType
    self.uuidType = uuidType
    self.countsSteps = countsSteps
  }
}

/// What a case asks of the database that it runs on.
package struct ConformanceOptions: Sendable {
  package var preCommit: (any PreCommit)?
  package var limits = Limits()
  /// Nil for the engine's own; 0 makes every read run on a thread for long reads.
  package var inlineSteps: Int?
  package var offloadReaders: Int?
  /// Nil for the engine's own.
  package var readMilliseconds: Int?

  package init(
    preCommit: (any PreCommit)? = nil, limits: Limits = Limits(), inlineSteps: Int? = nil,
    offloadReaders: Int? = nil, readMilliseconds: Int? = nil
  ) {
    self.preCommit = preCommit
    self.limits = limits
    self.inlineSteps = inlineSteps
    self.offloadReaders = offloadReaders
    self.readMilliseconds = readMilliseconds
  }
}

/// One promise of `Database`, as a function over any engine.
package struct ConformanceCase: Sendable, CustomTestStringConvertible {
  package let name: String
  /// Whether it counts what waits, which needs an engine that writes one batch at a time.
  package let needsOneWriter: Bool
  package let check: @Sendable (ConformanceEngine) async throws -> Void

  package init(
    _ name: String, needsOneWriter: Bool = false,
    _ check: @escaping @Sendable (ConformanceEngine) async throws -> Void
  ) {
    self.name = name
    self.needsOneWriter = needsOneWriter
    self.check = check
  }

  package var testDescription: String { name }

  /// Every promise; an engine that keeps all of them can stand behind Roost.
  package static let all: [ConformanceCase] =
    values + transactions + posts + appends + attempts + effects + reads + load + migrations
}

extension ConformanceEngine {
  /// Opens a database, runs `body` on it and closes it.
  package func with(
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
  package func run(_ sql: SQL) async throws -> Int {
    try await write { transaction in try await transaction.execute(sql) }
  }

  /// The integers of the first column.
  package func integers(_ sql: SQL) async throws -> [Int64] {
    try await read(.statement) { reader in try await reader.all(sql) { $0.int64(0) } }
  }

  /// Runs writes so that they wait together, in this order, and gives how each ended.
  package func together(
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
package func code<Success>(_ result: Result<Success, any Error>) -> ErrorCode? {
  guard case .failure(let error) = result else { return nil }
  return (error as? RoostError)?.code
}

/// The code with which `body` fails.
package func code(_ body: () async throws -> Void) async -> ErrorCode? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? RoostError)?.code
  }
}
