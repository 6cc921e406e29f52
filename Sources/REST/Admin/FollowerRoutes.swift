package import Queries
package import Records
package import RoostCore
package import Transport

/// `/v1/admin/followers` and `/v1/admin/rebuild`: what happens after a change, for administrators.
package struct FollowerRoutes: Sendable {
  private static let body = BodyPolicy.buffered(limit: 4096)
  private static let listed = 200

  private let records: RecordStore
  private let runners: [FollowerRunner]
  private let authenticator: Authenticator
  private let time: any TimeSource
  private let enqueue: @Sendable (any Transaction) async throws -> UUID

  /// `enqueue` puts the job that rebuilds into the queue.
  package init(
    _ runners: [FollowerRunner], of records: RecordStore, authenticator: Authenticator,
    time: any TimeSource, enqueue: @escaping @Sendable (any Transaction) async throws -> UUID
  ) {
    self.runners = runners
    self.records = records
    self.authenticator = authenticator
    self.time = time
    self.enqueue = enqueue
  }

  package func add(to router: inout Router) {
    let body = FollowerRoutes.body
    let one = "/v1/admin/followers/{name}"
    router.add(.get, "/v1/admin/followers", body: body) { try await list($0) }
    router.add(.get, "\(one)", body: body) { request in
      _ = try authenticator.administrator(of: request)
      return try await shown(try runner(of: request))
    }
    router.add(.post, "\(one)/replay", body: body) { try await replay($0) }
    router.add(.post, "\(one)/retry", body: body) { request in
      try await change(request) { try await PoisonedEntry.mark(of: $0, at: $1, in: $2) }
    }
    router.add(.post, "\(one)/skip", body: body) { request in
      try await change(request) { try await PoisonedEntry.drop(of: $0, at: $1, in: $2) }
    }
    router.add(.post, "/v1/admin/rebuild", body: body) { try await rebuild($0) }
    router.add(.get, "/v1/admin/rebuild", body: body) { try await findings($0) }
  }

  // MARK: Looking

  private func list(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let all = try await FollowerStatus.all(runners, in: records.database)
    let now = time.now()
    return AuthRoutes.uncached(
      .json((["items": .array(all.map { $0.json(at: now) }), "next": nil] as JSON).encoded))
  }

  private func shown(_ runner: FollowerRunner) async throws -> Response {
    let seen = runner.place
    let (status, entries) = try await records.database.read(.snapshot) { reader in
      (
        try await FollowerStatus.read(runner.follower, seen: seen, in: reader),
        try await PoisonedEntry.all(
          of: runner.name, limit: FollowerRoutes.listed, in: reader)
      )
    }
    var object = status.json(at: time.now()).object ?? JSONObject()
    object["entries"] = .array(
      entries.map { $0.json(records.catalogue, records.database.dialect) })
    return AuthRoutes.uncached(.json(JSON.object(object).encoded))
  }

  // MARK: Changing

  private func replay(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let body = try FollowerRoutes.object(of: request, taking: ["from"])
    guard
      let start = (body["from"]?.string ?? body["from"]?.int.map { "\($0)" })
        .flatMap({ ReplayStart($0) })
    else {
      throw RoostError.invalid(
        "/from", "type",
        "from is a position of the log (120, or 3:120 where it has several parts), a time such as "
          + "2026-01-31T20:00:00Z, or start.")
    }
    let runner = try runner(of: request)
    let records = records
    _ = try await records.database.write { transaction in
      try await records.replay(runner.follower, from: start, in: transaction)
    }
    runner.wake()
    return try await shown(runner)
  }

  private func change(
    _ request: Request,
    _ body: @escaping @Sendable (String, EntryPlace?, any Transaction) async throws -> Int
  ) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let members = try FollowerRoutes.object(of: request, taking: ["position"])
    let place = (members["position"]?.string ?? members["position"]?.int.map { "\($0)" })
      .flatMap { EntryPlace($0) }
    if members["position"] != nil, place == nil {
      throw RoostError.invalid(
        "/position", "type",
        "position is a whole number, or 3:120 where the log has several parts.")
    }
    let runner = try runner(of: request)
    let count = try await records.database.write { transaction in
      try await body(runner.name, place, transaction)
    }
    if let place, count == 0 {
      throw RoostError(
        .notFound, "\(runner.name) has no entry set aside at position \(place.text).")
    }
    runner.retry()
    return try await shown(runner)
  }

  private func rebuild(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    var body = try AuthBody(of: request)
    let collection = body.optionalString("collection")
    let field = body.optionalString("field")
    let isCheck = body.flag("check")
    try body.finish()
    if field != nil, collection == nil {
      throw RoostError.invalid("/collection", "required", "Say of which collection the field is.")
    }
    let (records, enqueue) = (records, enqueue)
    let (definitions, job) = try await records.database.write { transaction in
      let definitions = try await records.beginRebuild(
        collection: collection, field: field, isCheck: isCheck, in: transaction)
      return (definitions, try await enqueue(transaction))
    }
    let answer: JSON = [
      "job": .string(job.description), "derived": .array(definitions.map { .string($0) }),
    ]
    return AuthRoutes.uncached(.json(answer.encoded, status: 202))
  }

  /// What the last check found.
  private func findings(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let records = records
    let (isDue, findings) = try await records.database.read(.snapshot) { reader in
      (
        try await records.isRebuildDue(in: reader), try await records.rebuildFindings(in: reader)
      )
    }
    let answer: JSON = [
      "running": .bool(isDue), "checked": .array(findings.map(\.json)),
    ]
    return AuthRoutes.uncached(.json(answer.encoded))
  }

  // MARK: Reading requests

  private func runner(of request: Request) throws -> FollowerRunner {
    let name = request.parameters.first ?? ""
    guard let runner = runners.first(where: { $0.name == name }) else {
      throw RoostError(
        .notFound,
        "There is no follower \"\(name.prefix(60))\"; there are: "
          + runners.map(\.name).joined(separator: ", ") + ".")
    }
    return runner
  }

  private static func object(of request: Request, taking names: [String]) throws -> JSONObject {
    guard !request.body.isEmpty else { return JSONObject() }
    guard let object = try JSONBody.read(request).object else {
      throw RoostError.invalid("", "type", "The body must be a JSON object.")
    }
    for (name, _) in object where !names.contains(name) {
      throw RoostError.invalid(
        "/" + JSONPointer.escape(name), "unknown_field",
        "There is no field of this name here: leave it out.")
    }
    return object
  }
}
