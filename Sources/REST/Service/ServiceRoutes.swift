import RoostCore
package import Transport

/// What operators and tools ask for: health, metrics and the schema.
package struct ServiceRoutes: Sendable {
  private let schema: [UInt8]
  private let status: @Sendable () -> StatusReport
  private let metrics: @Sendable () async -> [Metric]

  /// `status` and `metrics` are asked at each request; `status` must not block.
  package init(
    schema: String, status: @escaping @Sendable () -> StatusReport,
    metrics: @escaping @Sendable () async -> [Metric]
  ) {
    self.schema = Array(schema.utf8)
    self.status = status
    self.metrics = metrics
  }

  package func add(to router: inout Router) {
    let live = Response.json(Array(#"{"status":"ok"}"#.utf8))
    router.add(.get, "/health/live") { _ in live }
    router.add(.get, "/health/ready") { _ in
      let report = status()
      // Degraded is ready: whoever sends requests elsewhere for it would do more harm than it does.
      if let reason = report.unavailable {
        throw RoostError(.draining, reason, retryAfterSeconds: 1)
      }
      return .json(report.json)
    }
    router.add(.get, "/status") { _ in StatusPage.response(status()) }
    router.add(.get, "/metrics") { request in
      let format = Metric.Format(accept: request.header("accept"))
      return Response(
        status: 200, contentType: format.mediaType,
        body: .bytes(Array(Metric.render(await metrics(), format).utf8)))
    }
    var headers = Headers()
    headers.set("Cache-Control", "no-cache")
    let document = StaticDocument(
      schema, contentType: "application/graphql; charset=utf-8", digest: DocumentDigest.of(schema),
      headers: headers)
    router.add(.get, "/schema.graphql") { document.answer($0) }
  }
}
