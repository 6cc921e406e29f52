/// What stands before the handler of a route: it looks at each request as it comes, may refuse it, and
/// looks at its answer as it goes.
///
/// Awaits nothing, and is made once for each route, so that whatever it counts it finds without
/// looking for it.
package protocol RouteDoor: Sendable {
  func enter(_ request: Request) -> DoorEntry
  /// The answer to a request that came in, refusals included.
  func leave(_ entry: DoorEntry, _ request: Request, _ response: inout Response)
  /// The request was cancelled, and there is no answer.
  func abandon(_ entry: DoorEntry, _ request: Request)
}

/// Makes the doors.
package protocol DoorMaker: Sendable {
  /// The door of a route; nil stands for whatever no route answers.
  func door(_ route: RouteName?) -> any RouteDoor
}

/// A route by what it was registered as.
package struct RouteName: Sendable, Hashable {
  package let method: Method
  /// Such as `/v1/{collection}`.
  package let pattern: String

  package init(method: Method, pattern: String) {
    self.method = method
    self.pattern = pattern
  }
}
