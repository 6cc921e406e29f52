package import Accounts
package import Records
import RoostCore
import Schema
package import Transport

/// `GET /v1/explain`: why a caller may do something, or may not.
///
/// For administrators.
package struct ExplainRoutes: Sendable {
  private static let parameters = ["collection", "op", "id", "as", "filter", "sort", "search"]

  private let records: RecordStore
  private let accounts: AccountStore
  private let authenticator: Authenticator

  package init(records: RecordStore, accounts: AccountStore, authenticator: Authenticator) {
    self.records = records
    self.accounts = accounts
    self.authenticator = authenticator
  }

  /// Adds the route to `router`.
  package func add(to router: inout Router) {
    router.add(.get, "/v1/explain", isClosed: true) { try await explain($0) }
  }

  private func explain(_ request: Request) async throws -> Response {
    let administrator = try authenticator.administrator(of: request)
    let parameters = try QueryParameters(request.query)
    for item in parameters.items where !ExplainRoutes.parameters.contains(item.name) {
      throw ListParameters.unknown(item.name, among: ExplainRoutes.parameters, of: "explain")
    }
    let collection = try collection(try parameters.single("collection"))
    let operation = try operation(try parameters.single("op") ?? "READ")
    let id = try parameters.single("id").map { text in
      guard let id = UUID(text) else {
        throw RoostError.invalid("?id", "type", "id is the id of a record (a UUID).")
      }
      return id
    }
    var caller = administrator
    if let who = try parameters.single("as") { caller = try await self.caller(who) }
    let query = try query(parameters, collection, caller)
    let explanation = try await records.explain(operation, collection, id, query, for: caller)
    let json = explanation.json(operation, collection, id, caller)
    return AuthRoutes.uncached(.json(Array(json.text.utf8)))
  }

  private func caller(_ who: String) async throws -> Caller {
    do {
      return try await accounts.caller(named: who)
    } catch let error as RoostError where error.code == .invalid {
      throw RoostError.invalid(
        "?as", "format", "as is an account's id, its e-mail address, or nobody.")
    }
  }

  /// The list whose statement is explained, with what the caller would ask for.
  private func query(
    _ parameters: QueryParameters, _ collection: CompiledCollection, _ caller: Caller
  ) throws -> ListQuery {
    var query = ListQuery()
    let reader = records.reader(caller)
    if let text = try parameters.single("filter") {
      query.filter = try reader.filter(text, of: collection)
    }
    if let text = try parameters.single("sort") {
      query.sort = try SortParameter(collection: collection, reader: reader).keys(text)
    }
    if let text = try parameters.single("search") {
      query.search = try reader.search(text, of: collection)
    }
    return query
  }

  private func collection(_ name: String?) throws -> CompiledCollection {
    let known = records.catalogue.collections.map(\.name)
    guard let name, !name.isEmpty else {
      throw RoostError.invalid(
        "?collection", "required",
        "Name a collection: /v1/explain?collection=\(known.first ?? "performances")&op=READ.")
    }
    guard let collection = records.catalogue.collection(named: name) else {
      throw RoostError.invalid(
        "?collection", "unknown_collection",
        "There is no collection \"\(name.prefix(60))\"."
          + (nearest(name, among: known).map { " Did you mean \($0)?" } ?? ""))
    }
    return collection
  }

  private func operation(_ text: String) throws -> Schema.Operation {
    let known: [Schema.Operation] = [.read, .create, .update, .delete]
    guard let operation = known.first(where: { $0.rawValue == text.uppercased() }) else {
      throw RoostError.invalid("?op", "enum", "op is READ, CREATE, UPDATE or DELETE.")
    }
    return operation
  }
}
