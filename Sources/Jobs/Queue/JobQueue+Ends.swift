package import Queries
package import RoostCore

extension JobQueue {
  /// What became of an attempt that did not complete.
  package enum Failure: Sendable {
    /// To be tried again after so many milliseconds.
    case retry(_ message: String, afterMilliseconds: Int64)
    /// To be tried after so many milliseconds; the attempt does not count.
    case postponed(_ message: String, afterMilliseconds: Int64)
    /// No further attempt is of use.
    case dead(_ message: String)
    /// The handler saw that it is to stop.
    case cancelled
    /// The process stops: the attempt does not count.
    case released
  }

  /// Completes a job in the transaction of its effects, which come afterwards.
  ///
  /// Throws `LeaseLost` where the token is outdated; then the transaction must not go on.
  package func complete(
    _ id: UUID, _ token: Int64, progress: JSON? = nil, in transaction: any Transaction
  ) async throws {
    let now = ambient.time.now()
    let count = try await transaction.execute(
      JobQueue.completed, [.timestamp(now), .optional(progress?.text), .uuid(id), .int(token)])
    guard count == 1 else { throw LeaseLost(job: id) }
    try await transaction.post(
      JobQueue.ended,
      [.timestamp(now), .text(TaskRun.Outcome.done.rawValue), .null, .uuid(id), .int(token)])
  }

  /// Ends an attempt that did not complete, and returns the state of the job.
  ///
  /// Throws `LeaseLost` where the token is outdated.
  package func fail(
    _ id: UUID, _ token: Int64, _ failure: Failure, progress: JSON? = nil,
    in transaction: any Transaction
  ) async throws -> JobState {
    let now = ambient.time.now()
    let found = try await transaction.first(
      """
      SELECT attempts, cancel_requested FROM roost_job WHERE id = \(id) \
      AND lease_token = \(token) AND state = 'running'\(transaction.dialect.forUpdate)
      """
    ) { (attempts: $0.int64(0), isCancelled: $0.bool(1)) }
    guard let found else { throw LeaseLost(job: id) }
    if let progress {
      try await transaction.post(
        "UPDATE roost_job SET progress = \(progress.text) WHERE id = \(id)")
    }
    var outcome = TaskRun.Outcome.failed
    var message: String?
    var state = JobState.waiting
    switch failure {
    case .cancelled: state = .cancelled
    case .released:
      outcome = .released
      if found.isCancelled { state = .cancelled }
    case .dead(let text):
      message = text
      state = .dead
    case .retry(let text, _):
      message = text
      if found.isCancelled { state = .cancelled }
    case .postponed(let text, _):
      outcome = .released
      message = text
      if found.isCancelled { state = .cancelled }
    }
    message = message.map { String($0.prefix(JobQueue.errorCharacters)) }
    if state == .cancelled { outcome = .cancelled }
    try await transaction.post(
      JobQueue.ended,
      [.timestamp(now), .text(outcome.rawValue), .optional(message), .uuid(id), .int(token)])
    guard state == .waiting else {
      try await end(id, state, message, in: transaction)
      return state
    }
    var next = now
    switch failure {
    case .retry(_, let milliseconds), .postponed(_, let milliseconds):
      next = now.adding(milliseconds: milliseconds)
    default: break
    }
    if case .retry = failure {
    } else {
      try await transaction.execute(
        "UPDATE roost_job SET attempts = \(found.attempts - 1) WHERE id = \(id)")
    }
    try await wait(id, until: next, message, in: transaction)
    return .waiting
  }

  func end(
    _ id: UUID, _ state: JobState, _ error: String?, in transaction: any Transaction
  ) async throws {
    try await transaction.post(
      """
      UPDATE roost_job SET state = \(state.rawValue), ended_at = \(ambient.time.now()), \
      lease_owner = NULL, lease_until = NULL, error = \(Value.optional(error)) WHERE id = \(id)
      """)
  }

  func wait(
    _ id: UUID, until time: Timestamp, _ error: String?, in transaction: any Transaction
  ) async throws {
    try await transaction.post(
      """
      UPDATE roost_job SET state = 'waiting', run_after = \(time), lease_owner = NULL, \
      lease_until = NULL, error = \(Value.optional(error)) WHERE id = \(id)
      """)
  }

  private static let completed = Statement(
    """
    UPDATE roost_job SET state = 'done', ended_at = \(SQL.placeholder), lease_owner = NULL, \
    lease_until = NULL, error = NULL, progress = coalesce(\(SQL.placeholder), progress) \
    WHERE id = \(SQL.placeholder) AND lease_token = \(SQL.placeholder) AND state = 'running'
    """)
  private static let ended = Statement(
    """
    UPDATE roost_task_runs SET ended_at = \(SQL.placeholder), outcome = \(SQL.placeholder), \
    message = \(SQL.placeholder) WHERE job = \(SQL.placeholder) AND token = \(SQL.placeholder)
    """)
}
