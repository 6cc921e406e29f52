import Queries
import RoostCore
import Synchronization

/// A database that answers reads, and refuses writes from the moment on at which it is frozen.
final class FrozenDatabase: Database {
  private let database: any Database
  private let isFrozen = Atomic<Bool>(false)

  init(_ database: any Database) { self.database = database }

  var dialect: Dialect { database.dialect }

  func freeze() { isFrozen.store(true, ordering: .sequentiallyConsistent) }

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    try await database.read(consistency, body)
  }

  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    guard !isFrozen.load(ordering: .sequentiallyConsistent) else {
      throw RoostError(
        .overloaded,
        "This app is being moved to another database: reads go on, changes are taken again "
          + "when it is there.", retryAfterSeconds: 30)
    }
    return try await database.write(body)
  }

  func close() async { await database.close() }
}
