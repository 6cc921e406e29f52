import HTTPServer
import REST
import Records

/// The figures of `/metrics`, gathered from the components.
enum ServerMetrics {
  static func all(_ app: App, _ source: StatisticsSource) -> [Metric] {
    (source.statistics.map(http) ?? []) + app.engine.metrics
      + process()
  }

  private static func http(_ figures: HTTPServerStatistics) -> [Metric] {
    [
      Metric(
        "roost_http_requests_total", .counter, "Requests whose head was read.",
        Double(figures.requests)),
      Metric(
        "roost_http_responses_total", .counter, "Answers by class of status.",
        samples: figures.answersByClass.enumerated().map {
          ([("class", "\($0.offset + 1)xx")], Double($0.element))
        }),
      Metric(
        "roost_http_connections", .gauge, "Connections open now.", Double(figures.openConnections)),
      Metric(
        "roost_http_connections_accepted_total", .counter, "Connections accepted.",
        Double(figures.accepted)),
      Metric(
        "roost_http_connections_refused_total", .counter,
        "Connections refused because too many were open.", Double(figures.refused)),
      Metric(
        "roost_http_active_requests", .gauge, "Handlers running now.",
        Double(figures.activeRequests)),
      Metric(
        "roost_http_received_bytes_total", .counter, "Bytes received.", Double(figures.bytesIn)),
      Metric("roost_http_sent_bytes_total", .counter, "Bytes sent.", Double(figures.bytesOut)),
      Metric(
        "roost_http_queued_output_bytes", .gauge, "Bytes that clients have not taken yet.",
        Double(figures.queuedOutputBytes)),
      Metric(
        "roost_http_parse_errors_total", .counter, "Malformed heads and bodies.",
        Double(figures.parseErrors)),
      Metric(
        "roost_http_timeouts_total", .counter, "Connections closed for being slow or idle.",
        Double(figures.timeouts)),
    ]
  }

  private static func process() -> [Metric] {
    guard let bytes = try? FileBytes.read("/proc/self/statm", limit: 4096) else { return [] }
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard words.count > 1, let pages = Int(words[1]) else { return [] }
    return [
      Metric(
        "process_resident_memory_bytes", .gauge, "Resident memory.", Double(pages * 4096))
    ]
  }
}
