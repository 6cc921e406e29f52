package import Queries
package import RoostCore

/// How many jobs of a kind are in a state.
package struct JobCount: Sendable, Equatable {
  package let kind: String
  package let state: JobState
  package let count: Int64
}

extension JobQueue {
  /// Jobs, the newest first.
  package func list(
    state: JobState? = nil, kind: String? = nil, limit: Int, in reader: any Reader
  ) async throws -> [JobListing] {
    var conditions: [SQL] = ["1 = 1"]
    if let state { conditions.append("state = \(state.rawValue)") }
    if let kind { conditions.append("kind = \(kind)") }
    return try await reader.all(
      """
      SELECT \(JobQueue.columns) FROM roost_job WHERE \(conditions.joined(by: " AND ")) \
      ORDER BY id DESC LIMIT \(limit)
      """, JobQueue.listing)
  }

  /// One job.
  ///
  /// Throws `RoostError` where there is none.
  package func job(_ id: UUID, in reader: any Reader) async throws -> JobListing {
    let found = try await reader.first(
      "SELECT \(JobQueue.columns) FROM roost_job WHERE id = \(id)", JobQueue.listing)
    guard let found else { throw JobQueue.missing(id) }
    return found
  }

  /// The runs of a job, the first one first.
  package func runs(of id: UUID, in reader: any Reader) async throws -> [TaskRun] {
    try await reader.all(
      """
      SELECT job, token, kind, attempt, owner, started_at, ended_at, outcome, message \
      FROM roost_task_runs WHERE job = \(id) ORDER BY token
      """
    ) { row in
      TaskRun(
        job: row.uuid(0) ?? .zero, token: row.int64(1), kind: row.text(2), attempt: row.int64(3),
        owner: row.text(4), startedAt: row.timestamp(5),
        endedAt: row.isNull(6) ? nil : row.timestamp(6), outcome: row.optionalText(7),
        message: row.optionalText(8))
    }
  }

  /// How many jobs wait, run and are dead, by kind.
  package func counts(in reader: any Reader) async throws -> [JobCount] {
    try await reader.all(
      """
      SELECT kind, 'waiting', count(*) FROM roost_job WHERE state = 'waiting' GROUP BY kind \
      UNION ALL SELECT kind, 'running', count(*) FROM roost_job WHERE state = 'running' \
      GROUP BY kind \
      UNION ALL SELECT kind, 'dead', count(*) FROM roost_job WHERE state = 'dead' GROUP BY kind
      """
    ) { row in
      JobCount(
        kind: row.text(0), state: JobState(rawValue: row.text(1)) ?? .dead, count: row.int64(2))
    }.sorted { ($0.kind, $0.state.rawValue) < ($1.kind, $1.state.rawValue) }
  }

  /// How long the job that has been due for longest has waited, in milliseconds, by kind.
  package func waits(in reader: any Reader) async throws -> [(kind: String, milliseconds: Int64)] {
    let now = ambient.time.now()
    return try await reader.all(
      """
      SELECT kind, min(run_after) FROM roost_job WHERE state = 'waiting' GROUP BY kind ORDER BY kind
      """
    ) { (kind: $0.text(0), milliseconds: max(0, now.milliseconds - $0.int64(1))) }
  }

  /// Removes what ended long ago, in small transactions: jobs, runs, and the times of schedules.
  package func trim(_ kept: JobsKept, on database: any Database) async throws {
    let now = ambient.time.now()
    let jobs = now.adding(milliseconds: -kept.jobMilliseconds)
    let runs = now.adding(milliseconds: -kept.runMilliseconds)
    try await JobQueue.remove(on: database) { limit in
      """
      DELETE FROM roost_job WHERE id IN (SELECT id FROM roost_job \
      WHERE ended_at <= \(jobs) AND state <> 'dead' ORDER BY ended_at LIMIT \(limit))
      """
    }
    // What is dead waits for somebody to look at it.
    let dead = now.adding(milliseconds: -kept.deadMilliseconds)
    try await JobQueue.remove(on: database) { limit in
      """
      DELETE FROM roost_job WHERE id IN (SELECT id FROM roost_job \
      WHERE ended_at <= \(dead) ORDER BY ended_at LIMIT \(limit))
      """
    }
    try await JobQueue.remove(on: database) { limit in
      """
      DELETE FROM roost_task_runs WHERE (job, token) IN (SELECT job, token FROM roost_task_runs \
      WHERE started_at <= \(runs) AND ended_at IS NOT NULL ORDER BY started_at LIMIT \(limit))
      """
    }
    let beyond = try await database.read(.statement) { reader in
      try await reader.first(
        """
        SELECT started_at FROM roost_task_runs ORDER BY started_at DESC LIMIT 1 \
        OFFSET \(kept.runs)
        """
      ) { $0.timestamp(0) }
    }
    if let beyond {
      try await JobQueue.remove(on: database) { limit in
        """
        DELETE FROM roost_task_runs WHERE (job, token) IN (SELECT job, token FROM roost_task_runs \
        WHERE started_at <= \(beyond) AND ended_at IS NOT NULL ORDER BY started_at LIMIT \(limit))
        """
      }
    }
    // Kept far longer than clocks go back, so that no time of a schedule comes twice.
    try await JobQueue.remove(on: database) { limit in
      """
      DELETE FROM roost_schedule_fire WHERE (schedule, local_time) IN (\
      SELECT schedule, local_time FROM roost_schedule_fire WHERE fired_at <= \(dead) \
      ORDER BY fired_at LIMIT \(limit))
      """
    }
  }

  private static func remove(
    on database: any Database, _ statement: @escaping @Sendable (_ limit: Int) -> SQL
  ) async throws {
    let rowsAtOnce = 1000
    while try await database.write({ try await $0.execute(statement(rowsAtOnce)) }) == rowsAtOnce {}
  }

  private static let columns: SQL = """
    id, kind, unique_key, state, priority, attempts, run_after, created_at, ended_at, lease_owner, \
    lease_until, cancel_requested, payload, progress, error
    """

  private static func listing(_ row: any Row) -> JobListing {
    JobListing(
      id: row.uuid(0) ?? .zero, kind: row.text(1), key: row.optionalText(2),
      state: JobState(rawValue: row.text(3)) ?? .dead, priority: row.int64(4),
      attempts: row.int64(5), runAfter: row.timestamp(6), createdAt: row.timestamp(7),
      endedAt: row.isNull(8) ? nil : row.timestamp(8), leaseOwner: row.optionalText(9),
      leaseUntil: row.isNull(10) ? nil : row.timestamp(10), isCancelRequested: row.bool(11),
      payload: json(row.text(12)) ?? .null, progress: row.optionalText(13).flatMap(json),
      error: row.optionalText(14))
  }
}

/// How long what has ended is kept.
package struct JobsKept: Sendable {
  /// Jobs that are done or cancelled: a week.
  package var jobMilliseconds: Int64 = 7 * 86_400_000
  /// Jobs that are dead: ninety days.
  package var deadMilliseconds: Int64 = 90 * 86_400_000
  /// Runs: thirty days, and at most so many.
  package var runMilliseconds: Int64 = 30 * 86_400_000
  package var runs: Int64 = 200_000

  package init() {}
}
