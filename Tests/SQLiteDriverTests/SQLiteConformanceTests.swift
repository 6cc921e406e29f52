import Queries
import RoostCore
import SQLiteDriver
import Testing

/// SQLite under the suite that every engine keeps.
@Suite struct SQLiteConformanceTests {
  private static let engine = ConformanceEngine(
    open: { options in
      let folder = TemporaryFolder()
      var configuration = folder.configuration()
      configuration.limits = options.limits
      if let steps = options.inlineSteps { configuration.inlineSteps = steps }
      if let threads = options.offloadReaders { configuration.offloadReaders = threads }
      if let milliseconds = options.readMilliseconds {
        configuration.readMilliseconds = milliseconds
      }
      return FolderDatabase(
        folder: folder,
        database: try SQLiteDatabase.open(
          configuration, ambient: quiet, preCommit: options.preCommit))
    },
    blobType: "BLOB", uuidType: "BLOB")

  @Test(arguments: ConformanceCase.all) func keeps(_ promise: ConformanceCase) async throws {
    try await promise.check(SQLiteConformanceTests.engine)
  }
}

/// A database together with the folder that goes with it.
private struct FolderDatabase: Database {
  let folder: TemporaryFolder
  let database: SQLiteDatabase

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    try await database.read(consistency, body)
  }

  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    try await database.write(body)
  }

  func close() async { await database.close() }
}
