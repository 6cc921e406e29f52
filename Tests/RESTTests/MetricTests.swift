import RoostCore
import Synchronization
import Testing

@testable import REST

@Suite struct MetricTests {
  @Test func writesTheTextFormatOfPrometheus() {
    let metrics = [
      Metric("a_total", .counter, "Things.", 3),
      Metric("b", .gauge, "Parts.", samples: [([("name", "x\"\\\ny")], 0.5)]),
    ]
    #expect(
      Metric.render(metrics) == """
        # HELP a_total Things.
        # TYPE a_total counter
        a_total 3
        # HELP b Parts.
        # TYPE b gauge
        b{name="x\\"\\\\\\ny"} 0.5

        """)
  }
}

@Suite("The figures of actions")
struct ActionFiguresTests {
  /// A clock that stands where it was set.
  private final class Hands: TimeSource {
    let nanoseconds = Mutex<UInt64>(0)
    func now() -> Timestamp { Timestamp(milliseconds: 0) }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
  }

  @Test func callsAreCountedWithTheirErrorsAndTheirTime() {
    let hands = Hands()
    let figures = ActionFigures(["book"], time: hands)
    for milliseconds in [2, 2, 300] as [UInt64] {
      let start = figures.now
      hands.nanoseconds.withLock { $0 += milliseconds * 1_000_000 }
      figures.count(
        "book", since: start,
        failure: milliseconds == 300 ? RoostError(.conflict, "It is full.") : nil)
    }
    // Nobody makes up labels.
    figures.count("other", since: figures.now)
    let text = Metric.render(figures.metrics)
    for line in [
      "# TYPE roost_action_duration_seconds histogram",
      "roost_action_calls_total{action=\"book\"} 3",
      "roost_action_errors_total{action=\"book\",code=\"conflict\"} 1",
      "roost_action_duration_seconds_bucket{action=\"book\",le=\"0.001\"} 0",
      "roost_action_duration_seconds_bucket{action=\"book\",le=\"0.005\"} 2",
      "roost_action_duration_seconds_bucket{action=\"book\",le=\"0.5\"} 3",
      "roost_action_duration_seconds_bucket{action=\"book\",le=\"+Inf\"} 3",
      "roost_action_duration_seconds_sum{action=\"book\"} 0.304",
      "roost_action_duration_seconds_count{action=\"book\"} 3",
    ] { #expect(text.contains(line + "\n"), "\(line)") }
    #expect(!text.contains("other"))
    #expect(ActionFigures([], time: hands).metrics.isEmpty)
  }
}
