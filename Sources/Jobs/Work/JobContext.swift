package import Queries
package import RoostCore
import Synchronization

/// What a handler has of its job: what it is about, how to go on, and how to end.
package final class JobContext: Sendable {
  private struct State {
    var interruption: JobInterruption?
    var progress: JSON?
    var isCompleted = false
  }

  package let job: LeasedJob
  let queue: JobQueue
  let database: any Database
  private let state = Mutex(State())

  package init(_ job: LeasedJob, _ queue: JobQueue, on database: any Database) {
    self.job = job
    self.queue = queue
    self.database = database
  }

  package var payload: JSON { job.payload }
  package var token: Int64 { job.token }

  // MARK: Stopping

  /// Somebody asked for the job to stop.
  package var isCancelled: Bool { interruption == .cancelled }

  /// Throws `JobInterruption` where the handler is to stop: to be called between pieces of work.
  package func proceed() throws {
    if let interruption { throw interruption }
  }

  var interruption: JobInterruption? { state.withLock { $0.interruption } }

  /// Has the handler stop; the first reason stays, but for a lease that is lost.
  func interrupt(_ reason: JobInterruption) {
    state.withLock { state in
      if state.interruption == nil || reason == .leaseLost { state.interruption = reason }
    }
  }

  /// Waits as long as the piece of work took that began at `began` of the monotonic clock, between a
  /// millisecond and a second.
  ///
  /// The writer is everybody's: at least half of its time stays with others.
  package func rest(since began: UInt64, by time: any TimeSource) async throws {
    let took = time.nanoseconds(since: began)
    try await Task.sleep(nanoseconds: min(max(took, 1_000_000), 1_000_000_000))
  }

  // MARK: Telling

  /// Says how far the job is; it is written down with the next heartbeat.
  package func progress(_ done: Int64, of total: Int64? = nil, _ note: String? = nil) {
    var object = JSONObject()
    object["done"] = .int(done)
    if let total { object["total"] = .int(total) }
    if let note { object["note"] = .string(String(note.prefix(200))) }
    state.withLock { $0.progress = .object(object) }
  }

  var latestProgress: JSON? { state.withLock { $0.progress } }

  // MARK: Effects

  /// What the attempt before this one left behind, or nil.
  package var checkpoint: JSON? { job.checkpoint }

  /// Writes down where the next attempt goes on, in one transaction with `effects`.
  ///
  /// Throws `LeaseLost` where another attempt has the job; then none of `effects` remains.
  package func save(
    _ checkpoint: JSON,
    _ effects: @escaping @Sendable (any Transaction) async throws -> Void = { _ in }
  ) async throws {
    let (queue, job) = (queue, job)
    try await database.write { transaction in
      try await queue.save(job.id, job.token, checkpoint, in: transaction)
      try await effects(transaction)
    }
  }

  /// The same, where what is written down follows from the effects.
  package func save<Result: Sendable>(
    _ effects: @escaping @Sendable (any Transaction) async throws -> (JSON, Result)
  ) async throws -> Result {
    let (queue, job) = (queue, job)
    return try await database.write { transaction in
      // The row is taken first, so that whoever takes the lease meanwhile waits, or has it already.
      try await queue.hold(job.id, job.token, in: transaction)
      let (checkpoint, result) = try await effects(transaction)
      try await queue.save(job.id, job.token, checkpoint, in: transaction)
      return result
    }
  }

  /// Completes the job in one transaction with `effects`: both are done once, or neither.
  ///
  /// Throws `LeaseLost` where another attempt has the job; then none of `effects` remains.
  package func complete(
    _ effects: @escaping @Sendable (any Transaction) async throws -> Void = { _ in }
  ) async throws {
    let (queue, job, progress) = (queue, job, latestProgress)
    try await database.write { transaction in
      try await queue.complete(job.id, job.token, progress: progress, in: transaction)
      try await effects(transaction)
    }
    state.withLock { $0.isCompleted = true }
  }

  var isCompleted: Bool { state.withLock { $0.isCompleted } }
}

extension JobQueue {
  /// Locks the row of a job whose token is the current one.
  ///
  /// Throws `LeaseLost` where it is not.
  func hold(_ id: UUID, _ token: Int64, in transaction: any Transaction) async throws {
    let isHeld = try await transaction.first(
      """
      SELECT 1 FROM roost_job WHERE id = \(id) AND lease_token = \(token) \
      AND state = 'running'\(transaction.dialect.forUpdate)
      """
    ) { _ in true }
    guard isHeld == true else { throw LeaseLost(job: id) }
  }
}
