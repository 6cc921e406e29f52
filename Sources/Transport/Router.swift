import RoostCore

/// Finds the handler for a method and a path among patterns such as `/v1/{collection}/{id}`.
///
/// A literal segment wins over a `{parameter}`, whatever the order of registration; a last segment
/// `{name...}` takes the rest of the path. A slash at the end makes another path.
package struct Router: Sendable {
  private var tree = RouteTree()
  /// What is wrapped around the answers that no route gives: 400, 404, 405 and OPTIONS.
  private var wrap: @Sendable (RouteName?, @escaping Handler) -> Handler = { $1 }
  private var notFound: Handler = { request in
    throw RoostError(.notFound, "There is nothing at \(request.path).")
  }

  package init() {}

  /// Adds a route; a pattern that is malformed or registered twice is a programmer's bug.
  ///
  /// HEAD is answered by the GET route, without its body; OPTIONS, where no route does, by the
  /// methods of the path. A path that `isClosed` is answered 405 for methods that it does not have,
  /// where a pattern with parameters would take it for something of that name.
  package mutating func add(
    _ method: Method, _ pattern: String, body: BodyPolicy = .buffered(limit: Limits().bodyBytes),
    isClosed: Bool = false, _ handler: @escaping Handler
  ) {
    let name = RouteName(method: method, pattern: pattern)
    tree.add(
      method, pattern, RouteTree.Route(body: body, handler: handler, name: name),
      isClosed: isClosed)
  }

  /// This router with each handler, also of 404 and the like, wrapped once and for all.
  ///
  /// `change` is told which route it is; nil for what no route answers.
  package func wrapped(
    _ change: @escaping @Sendable (RouteName?, @escaping Handler) -> Handler
  ) -> Router {
    var router = self
    router.tree.wrap(change)
    let inner = wrap
    router.wrap = { change($0, inner($0, $1)) }
    router.notFound = change(nil, notFound)
    return router
  }

  /// The route for a method and an undecoded path; where there is none, one that says so.
  package func route(_ method: Method, _ path: String) -> RoutedHandler {
    var path = path
    return path.withUTF8 { bytes in
      guard bytes.first == 0x2F else { return unrouted(method, bytes) }
      if let (route, captures) = tree.find(method, bytes) {
        if captures.count == 0 {
          return RoutedHandler(body: route.body, parameters: [], handler: route.handler)
        }
        guard let parameters = Router.decode(captures, bytes) else { return malformed }
        return RoutedHandler(body: route.body, parameters: parameters, handler: route.handler)
      }
      return unrouted(method, bytes)
    }
  }

  private static func decode(
    _ captures: RouteTree.Captures, _ path: UnsafeBufferPointer<UInt8>
  ) -> [String]? {
    var parameters: [String] = []
    parameters.reserveCapacity(captures.count)
    for index in 0..<captures.count {
      let range = captures[index]
      let raw = UnsafeBufferPointer(rebasing: path[range])
      // Most segments need no decoding; a dot segment is never one of them.
      if isPlain(raw) {
        parameters.append(String(decoding: raw, as: UTF8.self))
        continue
      }
      guard let value = PercentCoding.decode(raw, plusIsSpace: false),
        // An encoded slash, or a dot segment, would mean another path to who builds one from this.
        value.utf8.count(where: { $0 == 0x2F }) == raw.count(where: { $0 == 0x2F }),
        !value.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
      else { return nil }
      parameters.append(value)
    }
    return parameters
  }

  /// Letters, digits, `-` and `_` only: nothing that could be encoded, a slash or a dot segment.
  private static func isPlain(_ raw: UnsafeBufferPointer<UInt8>) -> Bool {
    for byte in raw {
      switch byte {
      case 48...57, 65...90, 97...122, 0x2D, 0x5F: continue
      default: return false
      }
    }
    return true
  }

  private var malformed: RoutedHandler {
    refusal { _ in
      throw RoostError(
        .malformed,
        "The path must be UTF-8 in valid percent-encoding, without encoded slashes, NUL or dot "
          + "segments.")
    }
  }

  private func unrouted(_ method: Method, _ path: UnsafeBufferPointer<UInt8>) -> RoutedHandler {
    if path.count == 1, path[0] == 0x2A {
      return refusal(Router.options(Set(Method.allCases.filter { $0 != .other })))
    }
    guard path.first == 0x2F else { return malformed }
    let methods = tree.methods(path)
    guard !methods.isEmpty else {
      return RoutedHandler(body: Router.unread, parameters: [], handler: notFound)
    }
    if method == .options { return refusal(Router.options(methods)) }
    let allowed = Router.list(methods)
    return refusal { request in
      let error = RoostError(.methodNotAllowed, "This path takes \(allowed).")
      var response = Response.problem(error, requestID: request.requestID)
      response.headers.set("Allow", allowed)
      return response
    }
  }

  private func refusal(_ handler: @escaping Handler) -> RoutedHandler {
    RoutedHandler(body: Router.unread, parameters: [], handler: wrap(nil, handler))
  }

  /// Answered without the body, however large it is.
  private static let unread = BodyPolicy.streamed(limit: .max)

  private static func options(_ methods: Set<Method>) -> Handler {
    let allowed = list(methods)
    return { _ in
      var response = Response(status: 204)
      response.headers.set("Allow", allowed)
      return response
    }
  }

  private static func list(_ methods: Set<Method>) -> String {
    Method.allCases.filter { methods.contains($0) || $0 == .options }.map(\.rawValue)
      .joined(separator: ", ")
  }
}
