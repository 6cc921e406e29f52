package import Records
import RoostCore
import Schema
package import Transport

/// `POST /v1/actions/{name}`: a named transaction of the app, its arguments as a JSON object.
package struct ActionRoutes: Sendable {
  private let routes: RecordRoutes
  private let runner: ActionRunner
  private let body: BodyPolicy
  private let figures: ActionFigures?

  /// `bodyBytes` bounds the arguments; `figures` count the calls.
  package init(
    _ routes: RecordRoutes, _ runner: ActionRunner, bodyBytes: Int, figures: ActionFigures? = nil
  ) {
    self.figures = figures
    self.routes = routes
    self.runner = runner
    body = .buffered(limit: bodyBytes)
  }

  /// Adds the route to `router`.
  package func add(to router: inout Router) {
    guard let figures else {
      router.add(.post, "/v1/actions/{name}", body: body) { try await answer($0) }
      return
    }
    router.add(.post, "/v1/actions/{name}", body: body) { request in
      let name = request.parameters.first ?? ""
      let start = figures.now
      do {
        let response = try await answer(request)
        figures.count(name, since: start)
        return response
      } catch {
        figures.count(name, since: start, failure: error)
        throw error
      }
    }
  }

  private func answer(_ request: Request) async throws -> Response {
    let caller = try routes.authenticator.caller(of: request)
    let name = request.parameters.first ?? ""
    _ = try runner.action(name, for: caller)
    if let query = request.query, !query.isEmpty {
      throw RoostError.invalid(
        "?", "unknown_parameter", "An action takes its arguments in the body, and no query.")
    }
    if let key = request.header("idempotency-key") {
      return try await once(request, key, name, caller)
    }
    let words = words(of: request, name)
    let prepared = try runner.prepare(name, try ActionRoutes.arguments(request), by: caller)
    return .json(ActionRoutes.document(words(try await runner.run(prepared))))
  }

  /// Carries a call out once, however often it is sent with its key.
  private func once(
    _ request: Request, _ key: String, _ name: String, _ caller: Caller
  ) async throws -> Response {
    let claim = try IdempotencyKey.claim(key, of: request, by: caller)
    // The body is part of it: a call that was refused may be corrected under its key, and what a
    // function has done for the first body must not pass for the answer to the second.
    let operation = OperationID.named(
      claim.key, of: claim.principal, in: claim.route, saying: claim.fingerprint)
    let words = words(of: request, name)
    return try await routes.idempotency.once(claim) {
      let prepared = try runner.prepare(
        name, try ActionRoutes.arguments(request), by: caller, operationID: operation)
      return Response(
        try await runner.run(prepared, leaving: claim) { result in
          Receipt(status: 200, headers: [], body: ActionRoutes.document(words(result)))
        })
    }
  }

  /// What writes a result in the words of the caller's version: the records in it, where that is an
  /// older one.
  private func words(of request: Request, _ name: String) -> @Sendable ([UInt8]) -> [UInt8] {
    guard let schema = routes.formers.schema(of: request),
      let result = schema.model.action(named: name)?.result,
      let type = result.recordType, let collection = schema.collection(ofType: type)
    else { return { $0 } }
    return { bytes in
      guard let json = try? JSON.parse(bytes, maxDepth: 256) else { return bytes }
      let records = FormerAnswer(schema: schema)
      var lost: Set<String> = []
      guard let list = json.array else {
        return records.record(json, of: collection, nil, &lost).encoded
      }
      return JSON.array(list.map { records.record($0, of: collection, nil, &lost) }).encoded
    }
  }

  /// The arguments; a request without a body has none.
  private static func arguments(_ request: Request) throws -> JSON {
    request.body.isEmpty ? .object(JSONObject()) : try JSONBody.read(request)
  }

  private static func document(_ result: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(result.count + 12)
    bytes.append(contentsOf: "{\"result\":".utf8)
    bytes.append(contentsOf: result)
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }
}
