import Records
package import RoostCore
package import Transport

/// `POST /v1/batch`: up to 100 requests for records and lists in one, all or nothing or each by
/// itself.
package struct BatchRoutes: Sendable {
  private let routes: RecordRoutes
  /// What an operation can ask for: the routes of records and nothing else.
  private let application: Pipeline
  private let body: BodyPolicy
  private let logger: Logger

  /// `bodyBytes` bounds the body of a batch.
  package init(_ routes: RecordRoutes, bodyBytes: Int, logger: Logger) {
    self.routes = routes
    self.logger = logger
    body = .buffered(limit: bodyBytes)
    var router = Router()
    routes.add(to: &router)
    application = Pipeline(router: router, logger: logger)
  }

  /// Adds the route to `router`.
  package func add(to router: inout Router) {
    router.add(.post, "/v1/batch", body: body, isClosed: true) { try await answer($0) }
  }

  private func answer(_ request: Request) async throws -> Response {
    let caller = try routes.authenticator.caller(of: request)
    let key = request.header("idempotency-key")
    let claim = try key.map { try IdempotencyKey.claim($0, of: request, by: caller) }
    let document = try BatchDocument(try JSONBody.read(request), hasKey: claim != nil)
    guard document.isAtomic else { return try await eachByItself(document, request, claim) }
    return try await allOrNothing(document, request, claim)
  }

  /// The request that an operation stands for, and the route that takes it.
  private func request(
    _ operation: BatchOperation, in batch: Request, _ claim: ReceiptClaim? = nil
  ) -> (request: Request, route: RoutedHandler) {
    var fields = operation.fields
    if let authorization = batch.header("authorization") {
      fields.append(("authorization", authorization))
    }
    if let version = batch.header("roost-version") { fields.append(("roost-version", version)) }
    if !operation.body.isEmpty { fields.append(("content-type", "application/json")) }
    let route = application.route(operation.method, operation.path)
    let request = Request(
      method: operation.method, path: operation.path, query: operation.query,
      requestID: batch.requestID, remoteAddress: batch.remoteAddress, isSecure: batch.isSecure,
      head: BatchHead(fields: fields, claim: claim), body: operation.body,
      parameters: route.parameters)
    return (request, route)
  }

  // MARK: Each by itself

  private func eachByItself(
    _ document: BatchDocument, _ batch: Request, _ claim: ReceiptClaim?
  ) async throws -> Response {
    guard let claim else {
      return BatchAnswer.whole(try await results(document, batch, nil))
    }
    // Each operation leaves a receipt of its own with its effect, so that a repeat after a crash
    // goes on where the first one ended; the whole answer takes their place at the end.
    return try await routes.idempotency.once(claim) {
      let results = try await results(document, batch, claim)
      let answer = BatchAnswer.whole(results)
      // What another process has answered as a whole is the answer here too.
      guard isWorthKeeping(results, of: document) else {
        return try await routes.idempotency.answered(claim) ?? answer
      }
      do {
        let parts = zip(results, document.operations).filter { BatchRoutes.hasEffect($0, $1) }
        try await routes.records.leave(Receipt(answer), for: claim, parts: parts.count)
      } catch let error as CancellationError {
        throw error
      } catch {
        if let other = try? await routes.idempotency.answered(claim) { return other }
        logger.warning(
          "the receipt of a batch could not be stored; those of its operations are",
          [("requestId", .string(batch.requestID)), ("cause", .string("\(error)"))])
      }
      return answer
    }
  }

  private func results(
    _ document: BatchDocument, _ batch: Request, _ claim: ReceiptClaim?
  ) async throws -> [Response] {
    var results: [Response] = []
    results.reserveCapacity(document.operations.count)
    let bound = BatchAnswer.maximumBytes(isStored: claim != nil)
    var bytes = 0
    for (index, operation) in document.operations.enumerated() {
      guard bytes < bound else {
        results.append(
          .problem(RecordStore.answerTooLarge(bound), requestID: batch.requestID))
        continue
      }
      let (request, route) = request(operation, in: batch, claim?.part(index))
      let response = try await route.handler(request)
      bytes += BatchAnswer.byteCount(response)
      results.append(response)
    }
    return results
  }

  /// Whether a repeat should get this very answer: something took effect, and nothing failed that
  /// could go well the next time.
  private func isWorthKeeping(_ results: [Response], of document: BatchDocument) -> Bool {
    var hasEffect = false
    for (result, operation) in zip(results, document.operations) {
      if result.status >= 500 || result.headers["Retry-After"] != nil { return false }
      if BatchRoutes.hasEffect(result, operation) { hasEffect = true }
    }
    return hasEffect
  }

  /// Whether an operation changed something, and so left a receipt of its own under a key.
  private static func hasEffect(_ result: Response, _ operation: BatchOperation) -> Bool {
    operation.method != .get && result.status < 300
  }

  // MARK: All or nothing

  private func allOrNothing(
    _ document: BatchDocument, _ batch: Request, _ claim: ReceiptClaim?
  ) async throws -> Response {
    // A batch that only reads has no effect to do once.
    guard let claim, document.operations.contains(where: { $0.method != .get }) else {
      return try await atomic(document, batch, nil)
    }
    return try await routes.idempotency.once(claim) {
      try await atomic(document, batch, claim)
    }
  }

  private func atomic(
    _ document: BatchDocument, _ batch: Request, _ claim: ReceiptClaim?
  ) async throws -> Response {
    let count = document.operations.count
    let (operations, faults) = try await prepare(document, batch)
    guard faults.isEmpty else {
      return BatchAnswer.failed(faults, of: count, requestID: batch.requestID)
    }
    let answer: @Sendable ([OperationOutcome]) -> Response = { outcomes in
      BatchAnswer.whole(zip(operations, outcomes).map { $0.answer($1) })
    }
    let prepared = operations.map(\.prepared)
    let bound = BatchAnswer.maximumBytes(isStored: claim != nil)
    do {
      guard let claim else {
        return answer(try await routes.records.batch(prepared, answerBytes: bound))
      }
      let plan = ReceiptPlan(claim: claim) { Receipt(answer($0)) }
      return Response(
        try await routes.records.batch(prepared, answerBytes: bound, leaving: plan))
    } catch let failure as BatchFailure {
      // What is wrong with the server is no answer to an operation.
      guard failure.error.code.status < 500 else { throw failure.error }
      return BatchAnswer.failed(
        [
          failure.index: BatchFault(
            operations[failure.index].refusal(failure.error), requestID: batch.requestID)
        ], of: count,
        requestID: batch.requestID)
    }
  }

  /// The operations, decoded, or what is wrong with those that cannot be carried out.
  private func prepare(
    _ document: BatchDocument, _ batch: Request
  ) async throws -> (operations: [RecordOperation], faults: [Int: BatchFault]) {
    var operations: [RecordOperation] = []
    var faults: [Int: BatchFault] = [:]
    var lists = 0
    let writes = document.operations.contains { $0.method != .get }
    for (index, operation) in document.operations.enumerated() {
      let (request, route) = request(operation, in: batch)
      do {
        // Every route of records has a parameter; one without is the router's refusal.
        if route.parameters.isEmpty {
          faults[index] = BatchFault(refused: try await route.handler(request))
        } else {
          let ready = try ready(request)
          if ready.prepared.isList { lists += 1 }
          if writes { try BatchRoutes.checkBrief(ready.prepared, lists: lists) }
          operations.append(ready)
        }
      } catch let error as RoostError {
        guard error.code.status < 500 else { throw error }
        faults[index] = BatchFault(error, requestID: batch.requestID)
      }
    }
    return (operations, faults)
  }

  private func ready(_ request: Request) throws -> RecordOperation {
    guard let operation = try routes.operation(request) else {
      throw RoostError(
        .invalid, "An atomic batch takes records and lists only.")
    }
    return operation
  }

  /// Lists that an atomic batch may read while everybody's writes wait for it.
  private static let listsBesideWrites = 10

  private static func checkBrief(_ operation: PreparedOperation, lists: Int) throws {
    guard operation.isBrief else {
      throw RoostError.invalid(
        "?", "unexpected",
        "Beside writes, an atomic batch reads lists in the order of ids, does not count and expands "
          + "nothing: ask for this in a request of its own."
      )
    }
    guard lists <= listsBesideWrites else {
      throw RoostError.invalid(
        "?", "max_items",
        "Beside writes, an atomic batch reads at most \(listsBesideWrites) lists.")
    }
  }
}
