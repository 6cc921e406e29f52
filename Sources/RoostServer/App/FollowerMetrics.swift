import Queries
import REST
import Records
import RoostCore

/// The figures of followers: how far each is, how far behind, and what it could not take.
enum FollowerMetrics {
  static func all(_ app: App) async -> [Metric] {
    let runners = app.followers
    var metrics = [
      Metric(
        "roost_follower_position", .gauge, "The position in the log that a follower has reached.",
        samples: runners.map { ([("follower", $0.name)], Double($0.position)) })
    ]
    let read = try? await FollowerStatus.all(runners, in: app.database)
    guard let read else { return metrics }
    let now = app.ambient.time.now()
    metrics += [
      Metric(
        "roost_follower_behind", .gauge,
        "Changes between a follower and the end of the log; 0 where none concerns it.",
        samples: read.map { ([("follower", $0.name)], Double($0.behind)) }),
      Metric(
        "roost_follower_lag_seconds", .gauge,
        "How long the oldest change has waited that a follower has to take into account.",
        samples: read.map {
          ([("follower", $0.name)], Double($0.lagMilliseconds(at: now)) / 1000)
        }),
      Metric(
        "roost_follower_set_aside", .gauge, "Entries of the log at which a follower failed.",
        samples: read.map { ([("follower", $0.name)], Double($0.setAside)) }),
    ]
    return metrics
  }
}
