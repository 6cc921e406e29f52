/// A tree of path segments whose leaves are routes.
///
/// A literal segment wins over a `{parameter}`, and that over a `{rest...}`; where the winner leads
/// nowhere for the method, the next is tried, unless the path is closed.
struct RouteTree: Sendable {
  struct Route: Sendable {
    var body: BodyPolicy
    var handler: Handler
    let name: RouteName
  }

  /// The routes of one path, by the raw index of their method.
  struct Endpoint: Sendable {
    private var routes = [Route?](repeating: nil, count: Method.allCases.count)
    /// Its path is nothing else, whatever the method: patterns with parameters do not answer for it.
    var isClosed = false

    subscript(method: Method) -> Route? {
      get { routes[method.index] }
      set { routes[method.index] = newValue }
    }

    /// The route for a method; HEAD falls back on GET.
    func route(_ method: Method) -> Route? {
      routes[method.index] ?? (method == .head ? routes[Method.get.index] : nil)
    }

    var methods: Set<Method> {
      var methods = Set(Method.allCases.filter { routes[$0.index] != nil })
      if methods.contains(.get) { methods.insert(.head) }
      return methods
    }

    mutating func wrap(_ change: (RouteName?, @escaping Handler) -> Handler) {
      for index in routes.indices {
        if let route = routes[index] { routes[index]?.handler = change(route.name, route.handler) }
      }
    }
  }

  private struct Node: Sendable {
    /// Sorted, so that a segment is found by bisection.
    var literals: [(segment: [UInt8], node: Int)] = []
    var parameter = -1
    var endpoint: Endpoint?
    /// The routes that take the rest of the path.
    var rest: Endpoint?
  }

  /// Where the values of a route's parameters lie in the path.
  struct Captures {
    static let capacity = 8
    private var bounds = InlineArray<16, Int32>(repeating: 0)
    private(set) var count = 0
    /// The path is a closed one, which has no route for the method.
    var isClosed = false

    mutating func push(_ range: Range<Int>) {
      bounds[count * 2] = Int32(truncatingIfNeeded: range.lowerBound)
      bounds[count * 2 + 1] = Int32(truncatingIfNeeded: range.upperBound)
      count += 1
    }

    mutating func pop() { count -= 1 }

    subscript(index: Int) -> Range<Int> { Int(bounds[index * 2])..<Int(bounds[index * 2 + 1]) }
  }

  private var nodes = [Node()]

  // MARK: Building

  /// Adds a route; a pattern that is malformed or taken is a programmer's bug.
  mutating func add(
    _ method: Method, _ pattern: String, _ route: Route, isClosed: Bool = false
  ) {
    precondition(pattern.hasPrefix("/"), "the pattern \(pattern) does not start with a slash")
    var node = 0
    var parameters = 0
    var takesRest = false
    for segment in pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      precondition(!takesRest, "nothing may follow the {rest...} of \(pattern)")
      if segment.hasPrefix("{"), segment.hasSuffix("}") {
        parameters += 1
        takesRest = segment.hasSuffix("...}")
        if !takesRest { node = parameterChild(of: node) }
      } else {
        node = literalChild(of: node, Array(segment.utf8))
      }
    }
    precondition(parameters <= Captures.capacity, "\(pattern) has too many parameters")
    var endpoint = (takesRest ? nodes[node].rest : nodes[node].endpoint) ?? Endpoint()
    precondition(endpoint[method] == nil, "\(method.rawValue) \(pattern) is registered twice")
    endpoint[method] = route
    if isClosed { endpoint.isClosed = true }
    if takesRest {
      nodes[node].rest = endpoint
    } else {
      nodes[node].endpoint = endpoint
    }
  }

  private mutating func parameterChild(of node: Int) -> Int {
    if nodes[node].parameter < 0 {
      nodes[node].parameter = nodes.count
      nodes.append(Node())
    }
    return nodes[node].parameter
  }

  private mutating func literalChild(of node: Int, _ segment: [UInt8]) -> Int {
    if let found = nodes[node].literals.first(where: { $0.segment == segment }) {
      return found.node
    }
    let index =
      nodes[node].literals.firstIndex { segment.lexicographicallyPrecedes($0.segment) }
      ?? nodes[node].literals.count
    nodes[node].literals.insert((segment, nodes.count), at: index)
    nodes.append(Node())
    return nodes.count - 1
  }

  mutating func wrap(_ change: (RouteName?, @escaping Handler) -> Handler) {
    for index in nodes.indices {
      nodes[index].endpoint?.wrap(change)
      nodes[index].rest?.wrap(change)
    }
  }

  // MARK: Finding

  /// The route for a path, from its leading slash on, with where its parameters lie.
  func find(
    _ method: Method, _ path: UnsafeBufferPointer<UInt8>
  ) -> (route: Route, captures: Captures)? {
    var captures = Captures()
    guard let route = find(method, path, 1, 0, &captures) else { return nil }
    return (route, captures)
  }

  private func find(
    _ method: Method, _ path: UnsafeBufferPointer<UInt8>, _ start: Int, _ node: Int,
    _ captures: inout Captures
  ) -> Route? {
    var end = start
    while end < path.count, path[end] != 0x2F { end += 1 }
    let isLast = end == path.count
    if let child = literal(node, path, start, end) {
      if isLast {
        if let route = nodes[child].endpoint?.route(method) { return route }
        captures.isClosed = nodes[child].endpoint?.isClosed ?? false
      } else if let route = find(method, path, end + 1, child, &captures) {
        return route
      }
      if captures.isClosed { return nil }
    }
    let child = nodes[node].parameter
    if child >= 0, end > start {
      captures.push(start..<end)
      if isLast {
        if let route = nodes[child].endpoint?.route(method) { return route }
      } else if let route = find(method, path, end + 1, child, &captures) {
        return route
      }
      if captures.isClosed { return nil }
      captures.pop()
    }
    if let route = nodes[node].rest?.route(method) {
      captures.push(start..<path.count)
      return route
    }
    return nil
  }

  /// The methods that any route of the path has.
  func methods(_ path: UnsafeBufferPointer<UInt8>) -> Set<Method> {
    Method.allCases.reduce(into: []) { methods, method in
      if let route = find(method, path) {
        _ = route
        methods.insert(method)
      }
    }
  }

  private func literal(
    _ node: Int, _ path: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int? {
    let literals = nodes[node].literals
    var low = 0
    var high = literals.count
    while low < high {
      let middle = (low + high) / 2
      let order = RouteTree.compare(literals[middle].segment, path, start, end)
      if order == 0 { return literals[middle].node }
      if order < 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return nil
  }

  /// Below 0 where the literal sorts before the segment, as `lexicographicallyPrecedes` does.
  private static func compare(
    _ literal: [UInt8], _ path: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int {
    let count = min(literal.count, end - start)
    for index in 0..<count {
      let difference = Int(literal[index]) - Int(path[start + index])
      if difference != 0 { return difference }
    }
    return literal.count - (end - start)
  }
}

extension Method {
  /// The place of a method in a table.
  var index: Int {
    switch self {
    case .get: 0
    case .head: 1
    case .post: 2
    case .put: 3
    case .patch: 4
    case .delete: 5
    case .options: 6
    case .other: 7
    }
  }
}
