package import Queries
package import RoostCore

/// The queue of jobs: what is done to its rows, each inside the caller's transaction.
package struct JobQueue: Sendable {
  /// How much of an error is kept.
  static let errorCharacters = 2000

  let ambient: Ambient

  package init(_ ambient: Ambient) { self.ambient = ambient }

  // MARK: Putting in

  /// Puts a job into the queue, together with what the transaction does besides.
  ///
  /// Throws `RoostError` for a payload that is too large.
  @discardableResult
  package func enqueue(
    _ job: NewJob, in transaction: any Transaction
  ) async throws -> Enqueued {
    let payload = job.payload.text
    guard payload.utf8.count <= NewJob.payloadBytes else {
      throw RoostError(
        .payloadTooLarge,
        "The payload of a job has at most \(NewJob.payloadBytes) bytes, and this one of \(job.kind) "
          + "has \(payload.utf8.count): store it in a record, and name that.")
    }
    let id = ambient.newID()
    let now = ambient.time.now()
    // Twice, for one of the same key that ends between the two looks.
    for _ in 0..<3 {
      let added = try await transaction.execute(
        JobQueue.insert,
        [
          .uuid(id), .text(job.kind), .optional(job.key), .text(payload),
          .int(job.priority.rawValue), .timestamp(job.runAfter ?? now), .timestamp(now),
        ])
      if added == 1 {
        transaction.attach(QueueEffect.added)
        return .added(id)
      }
      guard let key = job.key else { break }
      if let known = try await transaction.first(
        JobQueue.find, [.text(job.kind), .text(key)], { $0.uuid(0) ?? .zero })
      {
        return .known(known)
      }
    }
    throw RoostError(.conflict, "A job of \(job.kind) could not be added: try again.")
  }

  private static let insert = Statement(
    """
    INSERT INTO roost_job (id, kind, unique_key, payload, priority, state, run_after, attempts, \
    lease_token, cancel_requested, created_at) VALUES (\(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), 'waiting', \(SQL.placeholder), 0, 0, \
    0, \(SQL.placeholder)) ON CONFLICT DO NOTHING
    """)
  private static let find = Statement(
    """
    SELECT id FROM roost_job WHERE kind = \(SQL.placeholder) AND unique_key = \(SQL.placeholder) \
    AND state IN ('waiting', 'running')
    """)

  // MARK: What people do

  /// Stops a job: one that waits at once, one that runs by a flag that its handler sees.
  ///
  /// Throws `RoostError` where there is none, or it has ended.
  package func cancel(_ id: UUID, in transaction: any Transaction) async throws -> JobState {
    let now = ambient.time.now()
    guard let found = try await state(of: id, in: transaction) else { throw JobQueue.missing(id) }
    let (state, leaseUntil) = found
    switch state {
    case .waiting: break
    case .running where leaseUntil < now:
      // Whoever had it is gone: there is nobody to tell.
      try await endRun(id, .lost, "cancelled after its lease had ended", in: transaction)
    case .running:
      try await transaction.execute("UPDATE roost_job SET cancel_requested = 1 WHERE id = \(id)")
      transaction.attach(QueueEffect.cancelRequested(id))
      return .running
    case .done, .dead, .cancelled:
      throw RoostError(.conflict, "The job \(id) is \(state.rawValue): there is nothing to cancel.")
    }
    try await transaction.execute(
      """
      UPDATE roost_job SET state = 'cancelled', ended_at = \(now), lease_owner = NULL, \
      lease_until = NULL WHERE id = \(id)
      """)
    return .cancelled
  }

  /// Has a job that failed or was cancelled run again, with all its attempts, from its checkpoint;
  /// one that waits runs at once.
  ///
  /// Throws `RoostError` where there is none, it runs or is done, or another one has its key.
  package func retry(_ id: UUID, in transaction: any Transaction) async throws {
    let now = ambient.time.now()
    guard let (state, _) = try await state(of: id, in: transaction) else {
      throw JobQueue.missing(id)
    }
    guard state != .running, state != .done else {
      throw RoostError(
        .conflict,
        state == .done
          ? "The job \(id) is done: put a new one into the queue."
          : "The job \(id) runs: cancel it first, or wait.")
    }
    do {
      try await transaction.execute(
        """
        UPDATE roost_job SET state = 'waiting', run_after = \(now), attempts = 0, \
        cancel_requested = 0, error = NULL, ended_at = NULL WHERE id = \(id)
        """)
    } catch let violation as ConstraintViolation where violation.kind == .unique {
      throw RoostError(
        .conflict, "Another job of the same kind and key is not finished; the job \(id) stays.")
    }
    transaction.attach(QueueEffect.added)
  }

  static func missing(_ id: UUID) -> RoostError {
    RoostError(.notFound, "There is no job \(id): it may have been removed after its time.")
  }

  private func state(
    of id: UUID, in transaction: any Transaction
  ) async throws -> (JobState, Timestamp)? {
    try await transaction.first(
      """
      SELECT state, coalesce(lease_until, 0) FROM roost_job WHERE id = \(id)\
      \(transaction.dialect.forUpdate)
      """
    ) { (JobState(rawValue: $0.text(0)) ?? .dead, $0.timestamp(1)) }
  }

  /// Writes the end of the run that is open.
  func endRun(
    _ id: UUID, _ outcome: TaskRun.Outcome, _ message: String, in transaction: any Transaction
  ) async throws {
    try await transaction.post(
      """
      UPDATE roost_task_runs SET ended_at = \(ambient.time.now()), outcome = \(outcome.rawValue), \
      message = \(message) WHERE job = \(id) AND ended_at IS NULL
      """)
  }
}
