package import RoostCore
package import Transport

/// `/v1/admin/functions`: the functions of the app and their runs, for administrators.
package struct FunctionRoutes: Sendable {
  /// What is known of functions, as JSON.
  package struct Source: Sendable {
    /// All of them, with their breakers and last runs.
    let list: @Sendable () async throws -> JSON
    /// The newest runs of one; throws 404 where there is no such function.
    let runs: @Sendable (_ name: String, _ limit: Int) async throws -> JSON
    /// Calls one to see whether it answers.
    let test: @Sendable (_ name: String) async throws -> JSON

    package init(
      list: @escaping @Sendable () async throws -> JSON,
      runs: @escaping @Sendable (_ name: String, _ limit: Int) async throws -> JSON,
      test: @escaping @Sendable (_ name: String) async throws -> JSON
    ) {
      self.list = list
      self.runs = runs
      self.test = test
    }
  }

  private static let listed = 200
  private static let body = BodyPolicy.buffered(limit: 1024)

  private let source: Source
  private let authenticator: Authenticator

  package init(_ source: Source, authenticator: Authenticator) {
    self.source = source
    self.authenticator = authenticator
  }

  package func add(to router: inout Router) {
    let body = FunctionRoutes.body
    router.add(.get, "/v1/admin/functions", body: body) { try await list($0) }
    router.add(.get, "/v1/admin/functions/{name}/runs", body: body) { try await runs($0) }
    router.add(.post, "/v1/admin/functions/{name}/test", body: body) { try await test($0) }
  }

  private func list(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let parameters = try QueryParameters(request.query)
    for item in parameters.items {
      throw ListParameters.unknown(item.name, among: [], of: "functions")
    }
    return answer(["items": try await source.list(), "next": nil])
  }

  private func runs(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let parameters = try QueryParameters(request.query)
    for item in parameters.items where item.name != "limit" {
      throw ListParameters.unknown(item.name, among: ["limit"], of: "runs")
    }
    let limit = try parameters.single("limit").map { text in
      guard let limit = Int(text), (1...FunctionRoutes.listed).contains(limit) else {
        throw RoostError.invalid(
          "?limit", "range", "limit is a whole number from 1 to \(FunctionRoutes.listed).")
      }
      return limit
    }
    let name = request.parameters.first ?? ""
    return answer(["items": try await source.runs(name, limit ?? 50), "next": nil])
  }

  private func test(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    var members = try AuthBody(of: request)
    try members.finish()
    return answer(try await source.test(request.parameters.first ?? ""))
  }

  private func answer(_ json: JSON) -> Response { AuthRoutes.uncached(.json(json.encoded)) }
}
