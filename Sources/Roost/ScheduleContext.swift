import Jobs
import Records
import RoostCore

/// A run of a scheduled function.
public struct ScheduleContext: Sendable {
  /// The schedule's name.
  public let name: String
  private let records: RecordStore
  private let job: JobContext

  init(_ name: String, _ records: RecordStore, _ job: JobContext) {
    self.name = name
    self.records = records
    self.job = job
  }

  /// The same for every attempt at this run: for what is done outside, so that it is done once.
  public var operationID: RecordID { RecordID(job.job.id) }

  /// Throws where the run is to stop: to be called between pieces of long work.
  public func proceed() throws { try job.proceed() }

  /// Carries out the effects of the run, together with its end: both are done once, or neither.
  ///
  /// To be called at most once, as the last thing. `body` awaits nothing but the transaction, which
  /// acts on behalf of the server, and may run again.
  public func commit(
    _ body: @escaping @Sendable (ServerTransaction) async throws -> Void
  ) async throws {
    let (records, id) = (records, job.job.id)
    try await job.complete { transaction in
      let own = ActionTransaction(records, transaction, as: .system, operationID: id)
      try await translating { try await body(ServerTransaction(own)) }
      try own.end()
    }
  }
}

/// A job whose work is a handler of the app's own.
struct ScheduledFunction: JobHandler {
  let name: String
  let records: RecordStore
  let handler: RoostApp.ScheduleHandler

  var kind: String { ScheduledFunction.kind(name) }
  var limits: JobLimits { JobLimits(concurrency: 1) }

  static func kind(_ name: String) -> String { "app." + name }

  func run(_ context: JobContext) async throws {
    let handler = handler
    try await translating { try await handler(ScheduleContext(name, records, context)) }
  }
}
