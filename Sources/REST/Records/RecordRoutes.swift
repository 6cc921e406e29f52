package import Cryptography
package import Records
import RoostCore
import Schema
package import Transport

/// The routes of records: `/v1/{collection}` and `/v1/{collection}/{id}`.
package struct RecordRoutes: Sendable {
  let records: RecordStore
  let authenticator: Authenticator
  let idempotency: Idempotency
  private let cursors: ListCursors
  private let body: BodyPolicy
  private let shapes: [Int64: EntityTag.Shape]

  /// `bodyBytes` bounds the body of a write.
  package init(
    records: RecordStore, authenticator: Authenticator, signer: CursorSigner, bodyBytes: Int
  ) {
    body = .buffered(limit: bodyBytes)
    self.records = records
    idempotency = Idempotency(records)
    shapes = EntityTag.Shape.all(records.catalogue)
    self.authenticator = authenticator
    cursors = ListCursors(signer: signer)
  }

  /// Adds the routes to `router`.
  package func add(to router: inout Router) {
    router.add(.get, "/v1/{collection}") { try await list($0) }
    router.add(.post, "/v1/{collection}", body: body) { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      return try await create(request)
    }
    router.add(.get, "/v1/{collection}/{id}") { try await read($0) }
    router.add(.patch, "/v1/{collection}/{id}", body: body) { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      return try await update(request)
    }
    router.add(.delete, "/v1/{collection}/{id}") { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      return try await delete(request)
    }
  }

  private func list(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let query = try listQuery(request, collection, caller)
    let page = try await records.list(collection, query, by: caller)
    return list(page, query, collection, caller)
  }

  func listQuery(
    _ request: Request, _ collection: CompiledCollection, _ caller: Caller
  ) throws -> ListQuery {
    try ListParameters(collection: collection, cursors: cursors, caller: caller)
      .query(of: request)
  }

  func list(
    _ page: Page, _ query: ListQuery, _ collection: CompiledCollection, _ caller: Caller
  ) -> Response {
    var json = JSONWriter(capacity: page.items.count + 200)
    json.beginObject()
    json.key("items")
    json.raw(page.items)
    json.key("next")
    if let next = page.next {
      json.string(cursors.encode(next, of: query.sort, in: collection, for: caller))
    } else {
      json.null()
    }
    if let count = page.count {
      json.key("count")
      json.int(count)
    }
    json.endObject()
    return .json(json.bytes)
  }

  private func create(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    try records.authorize(.create, collection, by: .caller(caller))
    let record = try await records.create(
      collection, try JSONBody.read(request), by: .caller(caller))
    return created(record, collection)
  }

  func created(_ record: RenderedRecord, _ collection: CompiledCollection) -> Response {
    var response = answer(record, collection, status: 201)
    response.headers.add("Location", "/v1/\(collection.name)/\(record.id)")
    return response
  }

  private func read(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let record = try await records.read(collection, try id(of: request), by: caller)
    return found(record, collection, to: request)
  }

  func found(
    _ record: RenderedRecord, _ collection: CompiledCollection, to request: Request
  ) -> Response {
    let tag = tag(record, collection)
    if let condition = request.header("if-none-match"), tag.matchesWeakly(condition) {
      var response = Response(status: 304)
      response.headers.set("ETag", tag.text)
      return response
    }
    return answer(record, collection, status: 200)
  }

  private func update(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    try records.authorize(.update, collection, by: .caller(caller))
    let record = try await records.update(
      collection, try id(of: request), try JSONBody.read(request),
      expecting: EntityTag.expectation(request.header("if-match")), by: .caller(caller))
    return answer(record, collection, status: 200)
  }

  private func delete(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    try await records.delete(
      collection, try id(of: request),
      expecting: EntityTag.expectation(request.header("if-match")), by: .caller(caller))
    return Response(status: 204)
  }

  func answer(
    _ record: RenderedRecord, _ collection: CompiledCollection, status: Int
  ) -> Response {
    var response = Response.json(record.json, status: status)
    response.headers.add("ETag", tag(record, collection).text)
    return response
  }

  private func tag(_ record: RenderedRecord, _ collection: CompiledCollection) -> EntityTag {
    // All collections of the catalogue were taken in.
    let shape = shapes[collection.number] ?? EntityTag.Shape(collection)
    return EntityTag(version: record.version, shape: shape)
  }

  func collection(of request: Request) throws -> CompiledCollection {
    let name = request.parameters.first ?? ""
    guard let collection = records.catalogue.collection(named: name) else {
      throw RoostError(
        .notFound, "There is no collection \"\(name.prefix(60))\": see GET /schema.graphql.")
    }
    return collection
  }

  func id(of request: Request) throws -> UUID {
    guard request.parameters.count > 1, let id = UUID(request.parameters[1]) else {
      throw RoostError(.notFound, "There is no such record: an id is a UUID.")
    }
    return id
  }
}
