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
