import Records
import RoostCore
import Schema
import Transport

extension RecordRoutes {
  /// Answers an older client: its request is read in the words of `schema`, carried out by `route` as
  /// one of now, and answered in the same words.
  func translated(
    _ request: Request, _ schema: FormerSchema, _ route: (Request) async throws -> Response
  ) async throws -> Response {
    let former = try former(request, schema)
    do {
      return former.answer(try await route(former.request))
    } catch let error as RoostError {
      throw former.refusal(error)
    }
  }

  /// A request of an older client, in the words of now.
  ///
  /// Who may not try it at all hears that first, as everywhere.
  func former(_ request: Request, _ schema: FormerSchema) throws -> FormerRequest {
    let (_, now) = try FormerRequest.collection(of: request, in: schema)
    let caller = try authenticator.caller(of: request)
    if let collection = records.catalogue.collection(named: now.name) {
      switch (request.method, request.parameters.count) {
      case (.post, 1): try records.authorize(.create, collection, by: .caller(caller))
      case (.patch, 2): try records.authorize(.update, collection, by: .caller(caller))
      case (.get, 1), (.head, 1):
        try records.authorize(.read, collection, by: .caller(caller))
      default: break
      }
    }
    return try FormerRequest(request, in: schema)
  }
}
