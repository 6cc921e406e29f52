import RoostCore
package import Transport

/// What operators and tools ask for: health, metrics and the schema.
package struct ServiceRoutes: Sendable {
  /// Whether the server takes requests, and the reason where it does not.
  package enum Readiness: Sendable, Equatable {
    case ready
    case unavailable(String)
  }

  private let schema: [UInt8]
  private let readiness: @Sendable () -> Readiness
  private let metrics: @Sendable () async -> [Metric]

  /// `readiness` and `metrics` are asked at each request; `readiness` must not block.
  package init(
    schema: String, readiness: @escaping @Sendable () -> Readiness,
    metrics: @escaping @Sendable () async -> [Metric]
  ) {
    self.schema = Array(schema.utf8)
    self.readiness = readiness
    self.metrics = metrics
  }

  package func add(to router: inout Router) {
    let live = Response.json(Array(#"{"status":"ok"}"#.utf8))
    router.add(.get, "/health/live") { _ in live }
    router.add(.get, "/health/ready") { _ in
      switch readiness() {
      case .ready: return live
      case .unavailable(let reason):
        throw RoostError(.draining, reason, retryAfterSeconds: 1)
      }
    }
    router.add(.get, "/metrics") { _ in
      Response(
        status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
        body: .bytes(Array(Metric.render(await metrics()).utf8)))
    }
    router.add(.get, "/schema.graphql") { _ in
      Response(
        status: 200, contentType: "application/graphql; charset=utf-8", body: .bytes(schema))
    }
  }
}
