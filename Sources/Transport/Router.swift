import RoostCore

/// Finds the handler for a method and a path among patterns such as `/v1/{collection}/{id}`.
///
/// A literal segment wins over a `{parameter}`, whatever the order of registration.
package struct Router: Sendable {
  private var routes: [(method: Method, segments: [String], body: BodyPolicy, handler: Handler)] =
    []

  package init() {}

  /// Adds a route.
  ///
  /// HEAD is answered by the GET route, without its body.
  package mutating func add(
    _ method: Method, _ pattern: String, body: BodyPolicy = .buffered(limit: Limits().bodyBytes),
    _ handler: @escaping Handler
  ) {
    routes.append((method, pattern.split(separator: "/").map(String.init), body, handler))
  }
}
