package import Queries
package import RoostCore

extension JobQueue {
  // MARK: Taking

  /// Whether a job of the kind could be taken now.
  func hasReady(_ kind: String, in reader: any Reader) async throws -> Bool {
    let now = ambient.time.now()
    for priority in JobPriority.allCases {
      let found = try await reader.first(
        JobQueue.ready, [.text(kind), .int(priority.rawValue), .timestamp(now)]
      ) { _ in true }
      if found == true { return true }
    }
    return false
  }

  /// Takes the next jobs of a kind that nobody holds, until `until`.
  ///
  /// The attempt counts from here on: one that ends its process has been made.
  package func claim(
    _ kind: String, limit: Int, by owner: String, until: Timestamp,
    in transaction: any Transaction
  ) async throws -> [LeasedJob] {
    let now = ambient.time.now()
    var jobs: [LeasedJob] = []
    for priority in JobPriority.allCases where jobs.count < limit {
      var taken: [LeasedJob] = []
      try await transaction.query(
        JobQueue.take[transaction.dialect],
        [
          .text(kind), .int(priority.rawValue), .timestamp(now), .int(Int64(limit - jobs.count)),
        ]
      ) { row in
        taken.append(
          LeasedJob(
            id: row.uuid(0) ?? .zero, kind: kind, key: row.optionalText(1),
            payload: JobQueue.json(row.text(2)) ?? .null, attempt: Int(row.int64(3)) + 1,
            token: row.int64(4) + 1, checkpoint: row.optionalText(5).flatMap(JobQueue.json)))
        return true
      }
      jobs += taken
    }
    for job in jobs {
      try await transaction.post(
        JobQueue.lease,
        [
          .int(Int64(job.attempt)), .int(job.token), .text(owner), .timestamp(until),
          .uuid(job.id),
        ])
      try await transaction.post(
        JobQueue.began,
        [
          .uuid(job.id), .int(job.token), .text(kind), .int(Int64(job.attempt)), .text(owner),
          .timestamp(now),
        ])
    }
    return jobs
  }

  static func json(_ text: String) -> JSON? { try? JSON.parse(text: text) }

  private static let ready = Statement(
    """
    SELECT 1 FROM roost_job WHERE state = 'waiting' AND kind = \(SQL.placeholder) \
    AND priority = \(SQL.placeholder) AND run_after <= \(SQL.placeholder) LIMIT 1
    """)
  private static let take = DialectStatement { dialect in
    """
    SELECT id, unique_key, payload, attempts, lease_token, checkpoint FROM roost_job \
    WHERE state = 'waiting' AND kind = \(SQL.placeholder) AND priority = \(SQL.placeholder) \
    AND run_after <= \(SQL.placeholder) ORDER BY run_after, id LIMIT \(SQL.placeholder)\
    \(dialect.forUpdateOfFree)
    """
  }
  private static let lease = Statement(
    """
    UPDATE roost_job SET state = 'running', attempts = \(SQL.placeholder), \
    lease_token = \(SQL.placeholder), lease_owner = \(SQL.placeholder), \
    lease_until = \(SQL.placeholder) WHERE id = \(SQL.placeholder)
    """)
  private static let began = Statement(
    """
    INSERT INTO roost_task_runs (job, token, kind, attempt, owner, started_at) VALUES \
    (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder))
    """)

  // MARK: Keeping

  /// Keeps a lease until `until`, and writes the progress; nil where it is lost, else whether the job
  /// is to stop.
  func renew(
    _ id: UUID, _ token: Int64, until: Timestamp, progress: JSON?, in transaction: any Transaction
  ) async throws -> Bool? {
    try await transaction.first(
      JobQueue.keep,
      [.timestamp(until), .optional(progress?.text), .uuid(id), .int(token)]
    ) { $0.bool(0) }
  }

  /// Writes down what an attempt has come to, for the next one to go on from.
  ///
  /// Throws `LeaseLost` where the token is outdated.
  package func save(
    _ id: UUID, _ token: Int64, _ checkpoint: JSON, in transaction: any Transaction
  ) async throws {
    let text = checkpoint.text
    guard text.utf8.count <= NewJob.payloadBytes else {
      throw RoostError(
        .payloadTooLarge, "The checkpoint of a job has at most \(NewJob.payloadBytes) bytes.")
    }
    let count = try await transaction.execute(
      JobQueue.keepCheckpoint, [.text(text), .uuid(id), .int(token)])
    guard count == 1 else { throw LeaseLost(job: id) }
  }

  private static let keep = Statement(
    """
    UPDATE roost_job SET lease_until = \(SQL.placeholder), \
    progress = coalesce(\(SQL.placeholder), progress) \
    WHERE id = \(SQL.placeholder) AND lease_token = \(SQL.placeholder) AND state = 'running' \
    RETURNING cancel_requested
    """)
  private static let keepCheckpoint = Statement(
    """
    UPDATE roost_job SET checkpoint = \(SQL.placeholder) WHERE id = \(SQL.placeholder) \
    AND lease_token = \(SQL.placeholder) AND state = 'running'
    """)

  // MARK: Taking back

  /// Ends the leases that have run out, at most `limit`, and returns how many there were.
  ///
  /// With `all` every lease is taken for lost: where one process has the database to itself, whoever
  /// held one before is gone.
  package func reap(
    all: Bool = false, limit: Int, limits: (_ kind: String) -> JobLimits?,
    in transaction: any Transaction
  ) async throws -> Int {
    let now = ambient.time.now()
    let before = all ? Timestamp.maximum : now
    let lost = try await transaction.all(
      """
      SELECT id, kind, attempts, cancel_requested, coalesce(lease_owner, '') FROM roost_job \
      WHERE state = 'running' AND lease_until < \(before) ORDER BY lease_until LIMIT \(limit)\
      \(transaction.dialect.forUpdateOfFree)
      """
    ) {
      (
        id: $0.uuid(0) ?? .zero, kind: $0.text(1), attempts: Int($0.int64(2)),
        isCancelled: $0.bool(3), owner: $0.text(4)
      )
    }
    for job in lost {
      let message = "the process that ran it (\(job.owner)) ended or was not heard of any more"
      try await endRun(job.id, .lost, message, in: transaction)
      let limits = limits(job.kind)
      if job.isCancelled {
        try await end(job.id, .cancelled, nil, in: transaction)
      } else if let limits, job.attempts >= limits.attempts {
        let reason = "\(job.attempts) attempts; at the last one \(message)"
        try await end(job.id, .dead, reason, in: transaction)
      } else {
        let delay = (limits?.backoff ?? Backoff()).delay(
          after: job.attempts, random: ambient.random)
        try await wait(
          job.id, until: now.adding(milliseconds: delay), message, in: transaction)
      }
    }
    return lost.count
  }
}
