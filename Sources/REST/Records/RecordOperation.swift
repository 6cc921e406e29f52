import Records
import RoostCore
import Schema
import Transport

/// A request for a record or a list that was decoded and waits for a transaction, with how its
/// answer comes from the outcome.
struct RecordOperation: Sendable {
  let prepared: PreparedOperation
  let answer: @Sendable (OperationOutcome) -> Response
  /// A refusal while it is carried out, in the words of who asked for it.
  var refusal: @Sendable (RoostError) -> RoostError = { $0 }
}

extension RecordRoutes {
  /// The operation that a request asks for; nil for a route that is more than one operation on a
  /// collection or a record.
  ///
  /// The request has the parameters that the router found. Throws what the route itself would throw
  /// before it carries anything out.
  func operation(_ request: Request) throws -> RecordOperation? {
    guard let schema = formers.schema(of: request) else { return try currentOperation(request) }
    let former = try former(request, schema)
    do {
      guard let operation = try currentOperation(former.request) else { return nil }
      return RecordOperation(prepared: operation.prepared) { outcome in
        former.answer(operation.answer(outcome))
      } refusal: { error in
        former.refusal(error)
      }
    } catch let error as RoostError {
      throw former.refusal(error)
    }
  }

  /// The operation that a request in the words of now asks for.
  private func currentOperation(_ request: Request) throws -> RecordOperation? {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let author = Mutation.Author.caller(caller)
    switch (request.method, request.parameters.count) {
    case (.post, 1):
      try records.authorize(.create, collection, by: author)
      let prepared = try records.prepareCreate(
        collection, try JSONBody.read(request), by: author)
      return RecordOperation(prepared: prepared) { outcome in
        answer(outcome) { created($0, collection) }
      }
    case (.patch, 2):
      try records.authorize(.update, collection, by: author)
      let prepared = try records.prepareUpdate(
        collection, try id(of: request), try JSONBody.read(request),
        expecting: EntityTag.expectation(request.header("if-match")), by: author)
      return RecordOperation(prepared: prepared) { outcome in
        answer(outcome) { answer($0, collection, status: 200) }
      }
    case (.delete, 2):
      let prepared = try records.prepareDelete(
        collection, try id(of: request),
        expecting: EntityTag.expectation(request.header("if-match")), by: author)
      return RecordOperation(prepared: prepared) { outcome in
        answer(outcome) { answer($0, collection, status: 200) }
      }
    case (.get, 2):
      let shown = try shownMembers(request, collection, caller)
      let prepared = try records.prepareRead(
        collection, try id(of: request), shown, by: caller)
      return RecordOperation(prepared: prepared) { outcome in
        answer(outcome) { found($0, collection, shown, to: request) }
      }
    case (.get, 1):
      let (query, context) = try listQuery(request, collection, nil, caller)
      let prepared = try records.prepareList(collection, query, by: caller)
      return RecordOperation(prepared: prepared) { outcome in
        guard case .page(let page) = outcome else { return Response(status: 204) }
        return list(page, context)
      }
    case (.get, 3):
      let (inverse, id) = try inverse(request, collection)
      let (query, context) = try listQuery(
        request, inverse.target, ListQuery.Parent(field: inverse.field, id: id), caller)
      let prepared = try records.prepareRelation(
        inverse, of: collection, id, query, by: caller)
      return RecordOperation(prepared: prepared) { outcome in
        guard case .page(let page) = outcome else { return Response(status: 204) }
        return list(page, context)
      }
    default: return nil
    }
  }

  /// The answer to an outcome that is a record, or nothing.
  private func answer(
    _ outcome: OperationOutcome, _ record: (RenderedRecord) -> Response
  ) -> Response {
    if case .record(let rendered) = outcome { record(rendered) } else { Response(status: 204) }
  }

  /// Answers a write with an `Idempotency-Key`: carried out in a transaction that stores the answer
  /// too, or answered as before.
  func once(_ request: Request, key: String) async throws -> Response {
    let claim: ReceiptClaim
    if let head = request.head as? BatchHead, let given = head.claim {
      claim = given
    } else {
      claim = try IdempotencyKey.claim(
        key, of: request, by: try authenticator.caller(of: request))
    }
    return try await idempotency.once(claim) {
      guard let operation = try operation(request) else {
        throw RoostError(.internalError, "A route without an operation took a key.")
      }
      let plan = ReceiptPlan(claim: claim) { outcomes in
        Receipt(outcomes.first.map { operation.answer($0) } ?? Response(status: 204))
      }
      do {
        return Response(
          try await records.batch([operation.prepared], answerBytes: .max, leaving: plan))
      } catch let failure as BatchFailure {
        throw operation.refusal(failure.error)
      }
    }
  }
}
