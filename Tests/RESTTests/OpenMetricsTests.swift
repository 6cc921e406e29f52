import RoostCore
import Testing
import Transport

@testable import REST

@Suite("OpenMetrics")
struct OpenMetricsTests {
  private static let durations: DurationCounts = {
    var durations = DurationCounts([0.5, 1])
    for milliseconds in [500, 750, 1250] as [UInt64] { durations.count(milliseconds * 1_000_000) }
    return durations
  }()
  private let metrics = [
    Metric("a_total", .counter, "Things.", 3),
    Metric(
      "b_seconds", "Times.",
      histograms: [
        Metric.Histogram(
          labels: [("route", "/x")], durations,
          exemplars: [
            nil, Metric.Exemplar(traceID: "0af7", value: 0.75, seconds: 1_700_000_000.25), nil,
          ])
      ]),
  ]

  @Test func exemplarsStandAtTheirBuckets() {
    #expect(
      Metric.render(metrics, .openMetrics) == """
        # HELP a Things.
        # TYPE a counter
        a_total 3
        # HELP b_seconds Times.
        # TYPE b_seconds histogram
        b_seconds_bucket{route="/x",le="0.5"} 1
        b_seconds_bucket{route="/x",le="1.0"} 2 # {trace_id="0af7"} 0.75 1700000000.25
        b_seconds_bucket{route="/x",le="+Inf"} 3
        b_seconds_sum{route="/x"} 2.5
        b_seconds_count{route="/x"} 3
        # EOF

        """)
  }

  @Test func theOlderFormatHasNone() {
    let text = Metric.render(metrics, .text)
    #expect(!text.contains("# {") && !text.contains("# EOF"))
    #expect(text.contains("# TYPE a_total counter\n"))
  }

  @Test(arguments: [
    (nil, Metric.Format.text), ("*/*", .text), ("text/plain", .text),
    ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", .openMetrics),
  ]) func whoAsksForItGetsIt(accept: String?, format: Metric.Format) {
    #expect(Metric.Format(accept: accept) == format)
  }
}

@Suite("Status reports")
struct StatusReportTests {
  private func report(_ unavailable: String?, _ faults: [String?]) -> StatusReport {
    StatusReport(
      unavailable: unavailable,
      parts: faults.enumerated().map { StatusReport.Part("part \($0.offset)", fault: $0.element) },
      facts: [("<b>", "a & b")], at: Timestamp(milliseconds: 0))
  }

  @Test func sayWhatIsDegraded() {
    #expect(report(nil, [nil]).state == "ok")
    #expect(report(nil, [nil, "slow"]).state == "degraded")
    #expect(report("gone", [nil, "slow"]).state == "unavailable")
    #expect(String(decoding: report(nil, [nil]).json, as: UTF8.self) == #"{"status":"ok"}"#)
    #expect(
      String(decoding: report(nil, [nil, "slow"]).json, as: UTF8.self)
        == #"{"status":"degraded","degraded":[{"part":"part 1","reason":"slow"}]}"#)
  }

  @Test func pagesHoldNoMarkupOfOthers() {
    let response = StatusPage.response(report("<script>", ["<i>"]))
    #expect(response.status == 503)
    var page = ""
    if case .bytes(let bytes) = response.body { page = String(decoding: bytes, as: UTF8.self) }
    #expect(page.contains("&lt;script&gt;") && page.contains("&lt;i&gt;"))
    #expect(page.contains("&lt;b&gt;") && page.contains("a &amp; b"))
    #expect(!page.contains("<script"))
    #expect(response.headers["content-security-policy"]?.contains("script-src 'none'") == true)
  }
}
