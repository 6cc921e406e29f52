import Jobs
import Queries
import REST
import RoostCore

/// The figures of jobs and of retention.
enum JobMetrics {
  static func all(_ app: App) async -> [Metric] {
    let figures = app.jobs.runner.figures
    var metrics = [
      Metric(
        "roost_jobs_ended_total", .counter, "Attempts that ended here, by kind and outcome.",
        samples: figures.ended.sorted { $0.key < $1.key }.flatMap { kind, outcomes in
          outcomes.sorted { $0.key < $1.key }.map {
            ([("kind", kind), ("outcome", $0.key)], Double($0.value))
          }
        }),
      Metric(
        "roost_jobs_refused_total", .counter,
        "Ends that were refused because another attempt had the job.", Double(figures.refused)),
      Metric(
        "roost_retention_rows_total", .counter, "Rows that @retention took, by collection.",
        samples: app.jobs.retention.rows.map {
          ([("collection", $0.collection), ("action", $0.action)], Double($0.rows))
        }),
      Metric(
        "roost_retention_held_total", .counter,
        "Rows that @retention left because a RESTRICT relation holds them.",
        samples: app.jobs.retention.rows.map {
          ([("collection", $0.collection), ("action", $0.action)], Double($0.held))
        }),
    ]
    if let ranAt = app.jobs.retention.ranAt {
      metrics.append(
        Metric(
          "roost_retention_last_run_timestamp_seconds", .gauge,
          "When retention last came to its end here.", Double(ranAt.milliseconds) / 1000))
    }
    return metrics + (await queued(app))
  }

  /// What the queue holds; nothing where the database does not answer.
  private static func queued(_ app: App) async -> [Metric] {
    let queue = app.jobs.queue
    let read = try? await app.database.read(.snapshot) { reader in
      (counts: try await queue.counts(in: reader), waits: try await queue.waits(in: reader))
    }
    guard let read else { return [] }
    return [
      Metric(
        "roost_jobs", .gauge, "Jobs that wait, run or are dead, by kind.",
        samples: read.counts.map {
          ([("kind", $0.kind), ("state", $0.state.rawValue)], Double($0.count))
        }),
      Metric(
        "roost_jobs_wait_seconds", .gauge, "How long the job that is due for longest has waited.",
        samples: read.waits.map { ([("kind", $0.kind)], Double($0.milliseconds) / 1000) }),
    ]
  }
}
