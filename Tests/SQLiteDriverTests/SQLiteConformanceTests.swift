import DriverConformance
import Queries
import RoostCore
import SQLiteDriver
import Testing

/// SQLite under the suite that every engine keeps.
@Suite struct SQLiteConformanceTests {
  private static func engine(isShared: Bool) -> ConformanceEngine {
    ConformanceEngine(blobType: "BLOB", uuidType: "BLOB") { options in
      try FolderDatabase(options, isShared: isShared)
    }
  }

  @Test(arguments: ConformanceCase.all) func keeps(_ promise: ConformanceCase) async throws {
    try await promise.check(SQLiteConformanceTests.engine(isShared: false))
  }

  @Test(arguments: ConformanceCase.all)
  func `keeps when other processes may open the file`(_ promise: ConformanceCase) async throws {
    try await promise.check(SQLiteConformanceTests.engine(isShared: true))
  }
}

/// A database together with the folder that goes with it.
private struct FolderDatabase: Database {
  var dialect: Dialect { database.dialect }
  let folder: TemporaryFolder
  let database: SQLiteDatabase

  init(_ options: ConformanceOptions, isShared: Bool) throws {
    folder = TemporaryFolder()
    var configuration = folder.configuration()
    configuration.isShared = isShared
    configuration.limits = options.limits
    if let steps = options.inlineSteps { configuration.inlineSteps = steps }
    if let threads = options.offloadReaders { configuration.offloadReaders = threads }
    if let milliseconds = options.readMilliseconds {
      configuration.readMilliseconds = milliseconds
    }
    database = try SQLiteDatabase.open(
      configuration, ambient: quiet, preCommit: options.preCommit)
  }

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
