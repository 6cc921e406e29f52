import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Synchronization
import TestEngine
import Testing

/// PostgreSQL under the suite that every engine keeps.
@Suite(.needsPostgres) struct PostgresConformanceTests {
  @Test(arguments: ConformanceCase.all) func keeps(_ promise: ConformanceCase) async throws {
    try await promise.check(
      ConformanceEngine(blobType: "BYTEA", uuidType: "UUID") { options in
        try SchemaDatabase(options)
      })
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips what has no server to run on.
  static var needsPostgres: Self {
    .enabled(
      if: PostgresConfiguration.testAddress != nil,
      "needs a PostgreSQL: Scripts/with-postgres.sh swift test")
  }
}

/// A database together with the schema that goes with it.
private struct SchemaDatabase: Database {
  var dialect: Dialect { .postgres }
  let configuration: PostgresConfiguration
  let database: PostgresDatabase

  init(_ options: ConformanceOptions) throws {
    var configuration = try PostgresConfiguration.test(TestEngine.folder("conformance"))
    configuration.limits = options.limits
    // The cases say what waits together, which with several writers nobody can.
    configuration.writers = 1
    if let threads = options.offloadReaders { configuration.sharedReaders = threads }
    if let milliseconds = options.readMilliseconds {
      configuration.readMilliseconds = milliseconds
    }
    self.configuration = configuration
    database = try PostgresDatabase.open(
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

  func close() async {
    await database.close()
    try? PostgresDatabase.dropSchema(configuration)
  }
}

/// Logs that go nowhere.
struct SilentSink: LogSink {
  func write(_ line: [UInt8]) {}
}

let quiet = Ambient(logger: Logger(level: .error, sink: SilentSink()))
