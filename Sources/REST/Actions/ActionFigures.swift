package import RoostCore
import Synchronization

/// How often each action was called, what came of it, and how long it took.
package final class ActionFigures: Sendable {
  private struct Line {
    var calls = 0
    var errors: [String: Int] = [:]
    var durations = DurationCounts(ActionFigures.bounds)
  }

  /// Seconds.
  private static let bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private let time: any TimeSource
  private let lines: Mutex<[String: Line]>

  /// `names` are the app's actions; calls of others are not counted, so that nobody can make up labels.
  package init(_ names: [String], time: any TimeSource) {
    self.time = time
    lines = Mutex(Dictionary(names.map { ($0, Line()) }) { first, _ in first })
  }

  /// When a call began, for `count`.
  var now: UInt64 { time.monotonicNanoseconds() }

  /// Counts a call that has ended, by the error where it was refused.
  func count(_ name: String, since start: UInt64, failure: (any Error)? = nil) {
    let taken = time.nanoseconds(since: start)
    let code = failure.map { error in
      if let error = error as? RoostError { return error.code.rawValue }
      return error is CancellationError ? "cancelled" : ErrorCode.internalError.rawValue
    }
    lines.withLock { lines in
      lines[name]?.calls += 1
      if let code { lines[name]?.errors[code, default: 0] += 1 }
      lines[name]?.durations.count(taken)
    }
  }

  /// The figures; none where the app has no actions.
  package var metrics: [Metric] {
    let lines = lines.withLock { $0 }.sorted { $0.key < $1.key }
    guard !lines.isEmpty else { return [] }
    return [
      Metric(
        "roost_action_calls_total", .counter, "Calls of actions.",
        samples: lines.map { ([("action", $0.key)], Double($0.value.calls)) }),
      Metric(
        "roost_action_errors_total", .counter, "Calls of actions that were refused or failed.",
        samples: lines.flatMap { name, line in
          line.errors.sorted { $0.key < $1.key }.map {
            ([("action", name), ("code", $0.key)], Double($0.value))
          }
        }),
      Metric(
        "roost_action_duration_seconds", "How long calls of actions took.",
        histograms: lines.map {
          Metric.Histogram(labels: [("action", $0.key)], $0.value.durations)
        }),
    ]
  }
}
