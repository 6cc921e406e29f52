import REST
import Records
import Sync

/// The figures of what devices push and wait for.
enum SyncMetrics {
  static func all(_ app: App) async -> [Metric] {
    let figures = app.records.pushStatistics
    var metrics = [
      Metric(
        "roost_sync_pushes_total", .counter, "Pushes of devices by how they ended.",
        samples: [
          ([("state", "ok")], Double(figures.pushes - figures.forked - figures.gaps)),
          ([("state", "forked")], Double(figures.forked)),
          ([("state", "gap")], Double(figures.gaps)),
        ]),
      Metric(
        "roost_sync_mutations_total", .counter,
        "Changes that devices brought, by what became of them; repeats are dup.",
        samples: figures.byResult.map { ([("result", $0.result)], Double($0.count)) }),
    ]
    metrics.append(
      Metric(
        "roost_sync_wake_seconds",
        "From a commit of this process to the answer of a device that waited for it.",
        histograms: [Metric.Histogram(labels: [], app.sync.wakes.durations)]))
    if let open = try? await app.records.openConflicts() {
      metrics.append(
        Metric(
          "roost_sync_conflicts_open", .gauge, "Conflicts that nobody has decided.",
          Double(open)))
    }
    return metrics
  }
}
