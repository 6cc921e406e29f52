import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Synchronization
import TestEngine
import Testing

/// PostgreSQL under the suite that every engine keeps.
@Suite(.needsPostgres) struct PostgresConformanceTests {
  private static func engine(writers: Int, preparedStatements: Bool = true) -> ConformanceEngine {
    ConformanceEngine(blobType: "BYTEA", uuidType: "UUID", countsSteps: false) { options in
      try SchemaDatabase(options, writers, preparedStatements)
    }
  }

  // The cases say what waits together, which with several writers nobody can.
  @Test(arguments: ConformanceCase.all) func keeps(_ promise: ConformanceCase) async throws {
    try await promise.check(PostgresConformanceTests.engine(writers: 1))
  }

  @Test(arguments: ConformanceCase.all.filter { !$0.needsOneWriter })
  func `keeps with several writers`(_ promise: ConformanceCase) async throws {
    try await promise.check(PostgresConformanceTests.engine(writers: 4))
  }

  @Test(arguments: ConformanceCase.all)
  func `keeps without prepared statements`(_ promise: ConformanceCase) async throws {
    try await promise.check(PostgresConformanceTests.engine(writers: 1, preparedStatements: false))
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

  init(_ options: ConformanceOptions, _ writers: Int, _ preparedStatements: Bool) throws {
    var configuration = try PostgresConfiguration.test(TestEngine.folder("conformance"))
    configuration.limits = options.limits
    configuration.writers = writers
    configuration.preparedStatements = preparedStatements
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
