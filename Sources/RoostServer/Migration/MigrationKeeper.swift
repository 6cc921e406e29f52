import Queries
import Records
import RoostCore
import Schema
import Synchronization

/// What a server does for migrations: it finishes one that was ended in the middle, and brings the
/// rows that got a default in step while it answers.
final class MigrationKeeper: Sendable {
  /// How long to rest for each moment of work, so that callers' writes find their place.
  private static let rest: UInt64 = 1
  private static let retrySeconds: UInt64 = 5
  /// Between two lines of the log about the same.
  private static let tellingSeconds: UInt64 = 10

  private let records: RecordStore
  private let logger: Logger
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(records: RecordStore, logger: Logger) {
    self.records = records
    self.logger = logger
  }

  // MARK: Before the start

  /// Finishes the migration to `schema` that `roost migrate` was ended in.
  ///
  /// Throws `MigrationRefused` where one to another schema is under way.
  static func finish(
    _ schema: SchemaModel, on database: any Database, ambient: Ambient
  ) async throws {
    let runs = try await database.read(.statement) { try await MigrationRun.all(in: $0) }
    guard let open = runs.last(where: { $0.kind != .rescope }), open.state == .converting else {
      return
    }
    // A server of the schema of before goes on beside it.
    guard open.schema == schema.source else { return }
    ambient.logger.notice("a migration was ended in the middle and is finished first")
    let line = try await SchemaLine.read(database)
    _ = try await SchemaMigration(
      to: schema, on: database, before: line.last?.model,
      isRollback: open.kind == .rollback, time: ambient.time
    ).apply(onSwitch: { try await SchemaHistory.add(schema, at: ambient.time.now(), in: $0) })
  }

  /// The schema that was served last, where its text is another one: what a start holds the rows of
  /// before to is what changed.
  static func before(
    _ schema: SchemaModel, compiled: CompiledSchemas? = nil, in reader: any Reader
  ) async throws -> SchemaModel? {
    let last = try await reader.first(
      "SELECT source FROM roost_schema_version ORDER BY number DESC LIMIT 1"
    ) { $0.text(0) }
    guard let last, last != schema.source else { return nil }
    return SchemaHistory.served(last, compiled)
  }

  /// Opens the records; says so where the schema is one that the database has left behind, or another
  /// than the one that a migration is under way to.
  static func opening<Result: Sendable>(
    _ schema: SchemaModel, on database: any Database, _ open: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await open()
    } catch let error as SchemaChangeError {
      if let fault = try await SchemaLine.read(database).behind(schema) {
        throw MigrationRefused(faults: [fault])
      }
      let runs = try await database.read(.statement) { try await MigrationRun.all(in: $0) }
      guard let open = runs.last(where: { $0.kind != .rescope }), open.state == .converting else {
        throw error
      }
      throw MigrationRefused(faults: [open.fault])
    }
  }

  // MARK: While serving

  func start() {
    task.withLock { $0 = Task { await self.run() } }
  }

  func stop() async {
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  /// Goes through all that is left at once, for what needs it finished.
  func settle() async throws {
    await stop()
    let runner = MigrationRunner(database: records.database, time: SystemTime())
    try await runner.rescope(records.catalogue)
    try await runner.fill(records.catalogue)
  }

  /// Brings the streams in step, and says in the log how far it is: on SQLite nobody else can look
  /// while the server runs.
  private func rescope(_ runner: MigrationRunner) async throws {
    let told = Mutex<UInt64?>(nil)
    let logger = logger
    try await runner.rescope(records.catalogue) { progress in
      let now = SystemTime().monotonicNanoseconds()
      let isDue = told.withLock { last in
        if let last, now < last + MigrationKeeper.tellingSeconds * 1_000_000_000 { return false }
        last = now
        return true
      }
      guard isDue else { return }
      logger.notice(
        "sync waits while its streams are brought in step with changed rules",
        [("done", .int(Int64(progress.done))), ("total", .int(Int64(progress.total)))])
    }
    if told.withLock({ $0 }) != nil { logger.notice("the streams of sync are in step again") }
  }

  private func run() async {
    let runner = MigrationRunner(
      database: records.database, time: SystemTime(), rest: MigrationKeeper.rest)
    while !Task.isCancelled {
      do {
        // Devices wait for it, and nobody else.
        try await rescope(runner)
        try await runner.fill(records.catalogue)
        return
      } catch is CancellationError {
        return
      } catch {
        logger.warning(
          "rows could not be brought in step with the schema; it is tried again",
          [("cause", .string("\(error)"))])
        try? await Task.sleep(nanoseconds: MigrationKeeper.retrySeconds * 1_000_000_000)
      }
    }
  }
}
