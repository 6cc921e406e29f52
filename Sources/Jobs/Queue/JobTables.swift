package import Queries

/// The tables of jobs and schedules; `docs/guides/jobs.md` says what they hold.
package enum JobTables {
  /// The step that makes the tables, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "jobs") { d in jobs(d) + runs(d) + schedules(d) }
  }

  private static func jobs(_ d: Dialect) -> [SQL] {
    [
      """
      CREATE TABLE roost_job (
        id \(d.id) PRIMARY KEY, kind \(d.text) NOT NULL, unique_key \(d.text),
        payload \(d.text) NOT NULL, priority \(d.integer) NOT NULL, state \(d.text) NOT NULL,
        run_after \(d.integer) NOT NULL, attempts \(d.integer) NOT NULL,
        lease_token \(d.integer) NOT NULL, lease_owner \(d.text), lease_until \(d.integer),
        cancel_requested \(d.integer) NOT NULL, checkpoint \(d.text), progress \(d.text),
        error \(d.text), created_at \(d.integer) NOT NULL, ended_at \(d.integer)
      )\(d.keyed)
      """,
      """
      CREATE UNIQUE INDEX roost_job_key ON roost_job (kind, unique_key)
      WHERE unique_key IS NOT NULL AND state IN ('waiting', 'running')
      """,
      """
      CREATE INDEX roost_job_waiting ON roost_job (kind, priority, run_after, id)
      WHERE state = 'waiting'
      """,
      "CREATE INDEX roost_job_running ON roost_job (lease_until) WHERE state = 'running'",
      "CREATE INDEX roost_job_dead ON roost_job (kind) WHERE state = 'dead'",
      "CREATE INDEX roost_job_ended ON roost_job (ended_at) WHERE ended_at IS NOT NULL",
    ]
  }

  private static func runs(_ d: Dialect) -> [SQL] {
    [
      """
      CREATE TABLE roost_task_runs (
        job \(d.id) NOT NULL, token \(d.integer) NOT NULL, kind \(d.text) NOT NULL,
        attempt \(d.integer) NOT NULL, owner \(d.text) NOT NULL, started_at \(d.integer) NOT NULL,
        ended_at \(d.integer), outcome \(d.text), message \(d.text),
        PRIMARY KEY (job, token)
      )\(d.keyed)
      """,
      "CREATE INDEX roost_task_runs_started ON roost_task_runs (started_at)",
    ]
  }

  private static func schedules(_ d: Dialect) -> [SQL] {
    [
      """
      CREATE TABLE roost_schedule (
        name \(d.text) PRIMARY KEY, expression \(d.text) NOT NULL, zone \(d.text) NOT NULL,
        anchor \(d.integer) NOT NULL
      )\(d.keyed)
      """,
      """
      CREATE TABLE roost_schedule_fire (
        schedule \(d.text) NOT NULL, local_time \(d.text) NOT NULL, fired_at \(d.integer) NOT NULL,
        job \(d.id), PRIMARY KEY (schedule, local_time)
      )\(d.keyed)
      """,
      "CREATE INDEX roost_schedule_fire_at ON roost_schedule_fire (fired_at)",
    ]
  }
}
