package import Cryptography
package import Records
import RoostCore
import Rules
package import Schema
package import Transport

/// The routes of records: `/v1/{collection}` and `/v1/{collection}/{id}`.
package struct RecordRoutes: Sendable {
  let records: RecordStore
  let authenticator: Authenticator
  let idempotency: Idempotency
  let formers: FormerVersions
  private let cursors: ListCursors
  private let body: BodyPolicy
  private let shapes: [Int64: EntityTag.Shape]
  private let hasDerived: Bool

  /// `bodyBytes` bounds the body of a write; `formers` are the older versions whose clients are
  /// answered in their own words.
  package init(
    records: RecordStore, authenticator: Authenticator, signer: CursorSigner, bodyBytes: Int,
    formers: FormerVersions = .none
  ) {
    self.formers = formers
    body = .buffered(limit: bodyBytes)
    self.records = records
    idempotency = Idempotency(records)
    shapes = EntityTag.Shape.all(records.catalogue)
    hasDerived = records.catalogue.collections.contains { $0.model.isDerived }
    self.authenticator = authenticator
    cursors = ListCursors(signer: signer)
  }

  /// Adds the routes to `router`.
  package func add(to router: inout Router) {
    router.add(.get, "/v1/{collection}") { request in
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await list($0) }
      }
      return try await list(request)
    }
    router.add(.post, "/v1/{collection}", body: body) { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await create($0) }
      }
      return try await create(request)
    }
    router.add(.get, "/v1/{collection}/{id}") { request in
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await read($0) }
      }
      return try await read(request)
    }
    router.add(.get, "/v1/{collection}/{id}/{relation}") { request in
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await relation($0) }
      }
      return try await relation(request)
    }
    router.add(.patch, "/v1/{collection}/{id}", body: body) { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await update($0) }
      }
      return try await update(request)
    }
    router.add(.delete, "/v1/{collection}/{id}") { request in
      if let key = request.header("idempotency-key") {
        return try await once(request, key: key)
      }
      if let schema = formers.schema(of: request) {
        return try await translated(request, schema) { try await delete($0) }
      }
      return try await delete(request)
    }
  }

  private func list(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let (query, context) = try listQuery(request, collection, nil, caller)
    let asOf = try await freshness(of: collection)
    let page = try await records.list(collection, query, by: caller, from: ReadPositions.source)
    return list(page, context).refreshed(at: asOf)
  }

  /// The records on the other side of an inverse relation of a record that the caller sees.
  private func relation(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let (inverse, id) = try inverse(request, collection)
    let (query, context) = try listQuery(
      request, inverse.target, ListQuery.Parent(field: inverse.field, id: id), caller)
    let asOf = try await freshness(of: inverse.target)
    let page = try await records.list(
      inverse, of: collection, id, query, by: caller, from: ReadPositions.source)
    return list(page, context).refreshed(at: asOf)
  }

  /// As of when derived data of a collection are, brought in step where the schema asks for it.
  private func freshness(of collection: CompiledCollection) async throws -> Timestamp? {
    guard collection.model.isDerived else { return nil }
    return try await records.freshness(of: collection)
  }

  /// The relation that a request names, and whose.
  func inverse(
    _ request: Request, _ collection: CompiledCollection
  ) throws -> (InverseRelation, UUID) {
    let name = request.parameters.count > 2 ? request.parameters[2] : ""
    guard let inverse = records.catalogue.inverse(name, of: collection) else {
      throw RoostError(
        .notFound,
        collection.index(of: name) == nil
          ? "\(collection.model.typeName) has no relation \"\(name.prefix(60))\"."
          : "\(name) is a field of \(collection.model.typeName): read it with the record, with "
            + "expand=\(name) if it is a relation.")
    }
    return (inverse, try id(of: request))
  }

  /// The list that a request asks for, and what its cursors belong to.
  func listQuery(
    _ request: Request, _ collection: CompiledCollection, _ parent: ListQuery.Parent?,
    _ caller: Caller
  ) throws -> (ListQuery, ListCursors.Context) {
    if parent == nil { try records.authorize(.read, collection, by: .caller(caller)) }
    return try ListParameters(
      collection: collection, cursors: cursors, reader: records.reader(caller), parent: parent
    ).query(of: request)
  }

  func list(_ page: Page, _ context: ListCursors.Context) -> Response {
    var json = JSONWriter(capacity: 256)
    json.beginObject()
    json.key("next")
    if let next = page.next {
      json.string(cursors.encode(next, context))
    } else {
      json.null()
    }
    if let count = page.count {
      json.key("count")
      json.int(count)
    }
    json.endObject()
    // The page is long: it is copied once, before what was written of it.
    let rest = json.bytes.dropFirst()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(page.items.count + rest.count + 12)
    bytes.append(contentsOf: "{\"items\":".utf8)
    bytes.append(contentsOf: page.items)
    bytes.append(UInt8(ascii: ","))
    bytes.append(contentsOf: rest)
    return .json(bytes)
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
    // Joined, which takes half of what an interpolation does.
    response.headers.add("Location", "/v1/" + collection.name + "/" + record.id.description)
    return response
  }

  private func read(_ request: Request) async throws -> Response {
    let collection = try collection(of: request)
    let caller = try authenticator.caller(of: request)
    let shown = try shownMembers(request, collection, caller)
    let asOf = try await freshness(of: collection)
    let record = try await records.read(
      collection, try id(of: request), shown, by: caller, from: ReadPositions.source)
    return found(record, collection, shown, to: request).refreshed(at: asOf)
  }

  /// What of the record a request asks for.
  func shownMembers(
    _ request: Request, _ collection: CompiledCollection, _ caller: Caller
  ) throws -> ShownMembers {
    try ShownParameters(collection: collection, reader: records.reader(caller))
      .members(of: request)
  }

  func found(
    _ record: RenderedRecord, _ collection: CompiledCollection, _ shown: ShownMembers,
    to request: Request
  ) -> Response {
    let tag = tag(record, collection, shown.isPlain ? "" : request.query ?? "")
    if let condition = request.header("if-none-match"), tag.matchesWeakly(condition) {
      var response = Response(status: 304)
      response.headers.set("ETag", tag.text)
      return response
    }
    return answer(record, tag, status: 200)
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
    answer(record, tag(record, collection), status: status)
  }

  private func answer(_ record: RenderedRecord, _ tag: EntityTag, status: Int) -> Response {
    var response = Response.json(record.json, status: status)
    response.headers.add("ETag", tag.text)
    return response
  }

  /// The tag of a record as it is answered; `query` says what of it was asked for.
  private func tag(
    _ record: RenderedRecord, _ collection: CompiledCollection, _ query: String = ""
  ) -> EntityTag {
    // All collections of the catalogue were taken in.
    let shape = shapes[collection.number] ?? EntityTag.Shape(collection)
    return EntityTag(
      version: record.version,
      shape: shape.part(
        members: record.members, query: query,
        expanded: derives(collection, record) ? record.expanded + record.json : record.expanded))
  }

  /// Whether the bytes of a record may change while its version stays: with derived fields of its own,
  /// or of records that came with it.
  private func derives(_ collection: CompiledCollection, _ record: RenderedRecord) -> Bool {
    collection.model.isDerived || !record.expanded.isEmpty && hasDerived
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

extension Response {
  /// The answer with `Roost-Refreshed-At`: every change up to then is in its derived data.
  fileprivate func refreshed(at time: Timestamp?) -> Response {
    guard let time else { return self }
    var response = self
    response.headers.set("Roost-Refreshed-At", time.description)
    return response
  }
}
