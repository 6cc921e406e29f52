import REST
import RoostCore
import Synchronization

/// How often a route was answered with which status, and how long that took.
///
/// The time is that from the door to the answer's head; what a client takes of a streamed body comes
/// later.
final class RouteFigures: Sendable {
  /// Seconds.
  static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private struct Line {
    let status: Int
    var durations = DurationCounts(RouteFigures.bounds)
    /// The last traced request of each bucket; empty until there is one.
    var exemplars: [Metric.Exemplar?] = []
  }

  let route: String
  let method: String
  private let lines = Mutex<[Line]>([])

  init(route: String, method: String) {
    self.route = route
    self.method = method
  }

  /// Counts an answer; `trace` is the id of a traced request, and `wall` when it was answered.
  func count(
    _ status: Int, nanoseconds: UInt64, trace: @autoclosure () -> (id: String, wall: Timestamp)?
  ) {
    let traced = trace()
    lines.withLock { lines in
      var place = 0
      while place < lines.count, lines[place].status != status { place += 1 }
      if place == lines.count { lines.append(Line(status: status)) }
      let bucket = lines[place].durations.count(nanoseconds)
      guard let traced else { return }
      if lines[place].exemplars.isEmpty {
        lines[place].exemplars = Array(repeating: nil, count: RouteFigures.bounds.count + 1)
      }
      lines[place].exemplars[bucket] = Metric.Exemplar(
        traceID: traced.id, value: Double(nanoseconds) / 1_000_000_000,
        seconds: Double(traced.wall.milliseconds) / 1000)
    }
  }

  var histograms: [Metric.Histogram] {
    lines.withLock { $0 }.sorted { $0.status < $1.status }.map { line in
      Metric.Histogram(
        labels: [("method", method), ("route", route), ("status", String(line.status))],
        line.durations, exemplars: line.exemplars)
    }
  }
}
