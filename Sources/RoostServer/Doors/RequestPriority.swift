import Glibc
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

  /// The part of the bound of a standing queue at which these are refused, in eighths.
  var eighths: UInt64 {
    switch self {
    case .health, .reads: 8
    case .writes: 6
    case .exports: 2
    }
  }

  /// Paths whose requests have a priority of their own, with all that is under them.
  private static let paths: [(StaticString, RequestPriority)] = [
    ("/health", .health), ("/metrics", .health), ("/status", .health), ("/v1/admin", .exports),
    ("/v1/explain", .exports), ("/v1/jobs", .exports), ("/docs", .exports),
    ("/openapi.json", .exports), ("/schema.graphql", .exports), ("/v1/schema", .exports),
  ]

  static func of(_ route: RouteName) -> RequestPriority {
    var pattern = route.pattern
    return pattern.withUTF8 { of(route.method, UnsafeRawBufferPointer($0)) }
  }

  /// The priority of a request with an undecoded path, whose route nobody has looked for.
  static func of(_ method: Method, _ path: UnsafeRawBufferPointer) -> RequestPriority {
    for (start, priority) in paths where path.count >= start.utf8CodeUnitCount {
      let count = start.utf8CodeUnitCount
      guard let base = path.baseAddress, memcmp(base, start.utf8Start, count) == 0 else { continue }
      if path.count == count || path[count] == UInt8(ascii: "/") { return priority }
    }
    return method == .get || method == .head || method == .options ? .reads : .writes
  }
}
