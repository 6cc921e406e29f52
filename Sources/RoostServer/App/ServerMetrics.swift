import HTTPServer
import REST
import Records

/// The figures of `/metrics`, gathered from the components.
enum ServerMetrics {
  static func all(_ app: App, _ health: AppHealth) -> [Metric] {
    (health.statistics.statistics.map(http) ?? []) + health.doors.metrics + tls(health.statistics)
      + app.engine.metrics + slow(app) + app.traces.metrics + condition(health) + process()
  }

  private static func slow(_ app: App) -> [Metric] {
    guard let slow = app.slow else { return [] }
    return [
      Metric(
        "roost_db_slow_statements_total", .counter,
        "Statements that took longer than log.slowMilliseconds.", Double(slow.figures.count))
    ]
  }

  private static func condition(_ health: AppHealth) -> [Metric] {
    [
      Metric(
        "roost_degraded", .gauge, "Whether a part of the server does not work as it should.",
        samples: health.report().parts.map {
          ([("part", $0.name)], $0.fault == nil ? 0 : 1)
        })
    ]
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

  /// Of servers that speak TLS.
  private static func tls(_ source: StatisticsSource) -> [Metric] {
    guard let expiry = source.certificateExpiry, let figures = source.statistics else { return [] }
    return [
      Metric(
        "roost_tls_handshakes_total", .counter, "Handshakes of TLS that were done.",
        Double(figures.handshakes)),
      Metric(
        "roost_tls_failed_handshakes_total", .counter, "Handshakes of TLS that failed.",
        Double(figures.failedHandshakes)),
      Metric(
        "roost_tls_certificate_expiry_seconds", .gauge,
        "When the first certificate expires, in seconds since 1970.", Double(expiry)),
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
