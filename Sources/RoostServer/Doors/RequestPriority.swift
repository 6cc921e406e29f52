import Transport

/// Who is let in first where not all can be.
enum RequestPriority: Int, Sendable, CaseIterable {
  /// What tells how the server is: never refused for load, and never limited.
  case health
  case reads
  case writes
  /// What can wait: descriptions, and what administrators look at.
  case exports

  var name: String {
    switch self {
    case .health: "health"
    case .reads: "reads"
    case .writes: "writes"
    case .exports: "exports"
    }
  }

  /// The part of the wait that is tolerated at which these are refused, in eighths.
  var eighths: UInt64 {
    switch self {
    case .health, .reads: 8
    case .writes: 6
    case .exports: 2
    }
  }

  static func of(_ route: RouteName) -> RequestPriority {
    let path = route.pattern
    if path.hasPrefix("/health/") || path == "/metrics" || path == "/status" { return .health }
    if path.hasPrefix("/v1/admin") || path.hasPrefix("/v1/explain") || path.hasPrefix("/v1/jobs")
      || path.hasPrefix("/docs") || path == "/openapi.json" || path == "/schema.graphql"
      || path == "/v1/schema"
    {
      return .exports
    }
    return route.method == .get || route.method == .head || route.method == .options
      ? .reads : .writes
  }
}
