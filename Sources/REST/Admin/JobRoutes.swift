package import Jobs
package import Queries
import RoostCore
import Schema
package import Transport

/// `/v1/admin/jobs`: the queue of jobs, for administrators.
package struct JobRoutes: Sendable {
  private static let listed = 200
  private static let body = BodyPolicy.buffered(limit: 1024)
  private static let parameters = ["state", "kind", "limit"]

  private let database: any Database
  private let queue: JobQueue
  private let authenticator: Authenticator

  package init(_ queue: JobQueue, on database: any Database, authenticator: Authenticator) {
    self.queue = queue
    self.database = database
    self.authenticator = authenticator
  }

  package func add(to router: inout Router) {
    let body = JobRoutes.body
    router.add(.get, "/v1/admin/jobs", body: body) { try await list($0) }
    router.add(.get, "/v1/admin/jobs/{id}", body: body) { try await one($0) }
    router.add(.post, "/v1/admin/jobs/{id}/retry", body: body) { request in
      try await change(request) { try await queue.retry($0, in: $1) }
    }
    router.add(.post, "/v1/admin/jobs/{id}/cancel", body: body) { request in
      try await change(request) { _ = try await queue.cancel($0, in: $1) }
    }
  }

  private func list(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let parameters = try QueryParameters(request.query)
    for item in parameters.items where !JobRoutes.parameters.contains(item.name) {
      throw ListParameters.unknown(item.name, among: JobRoutes.parameters, of: "jobs")
    }
    let state = try parameters.single("state").map { text in
      guard let state = JobState(rawValue: text) else {
        let known = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        throw RoostError.invalid("?state", "enum", "state is one of \(known).")
      }
      return state
    }
    let limit = try parameters.single("limit").map { text in
      guard let limit = Int(text), (1...JobRoutes.listed).contains(limit) else {
        throw RoostError.invalid(
          "?limit", "range", "limit is a whole number from 1 to \(JobRoutes.listed).")
      }
      return limit
    }
    let kind = try parameters.single("kind")
    let queue = queue
    let jobs = try await database.read(.statement) { reader in
      try await queue.list(state: state, kind: kind, limit: limit ?? 50, in: reader)
    }
    let answer: JSON = ["items": .array(jobs.map(\.json)), "next": nil]
    return AuthRoutes.uncached(.json(answer.encoded))
  }

  private func one(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    return try await shown(try JobRoutes.id(of: request))
  }

  private func shown(_ id: UUID) async throws -> Response {
    let queue = queue
    let (job, runs) = try await database.read(.snapshot) { reader in
      (try await queue.job(id, in: reader), try await queue.runs(of: id, in: reader))
    }
    var object = job.json.object ?? JSONObject()
    object["runs"] = .array(runs.map(\.json))
    return AuthRoutes.uncached(.json(JSON.object(object).encoded))
  }

  private func change(
    _ request: Request,
    _ body: @escaping @Sendable (UUID, any Transaction) async throws -> Void
  ) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    var members = try AuthBody(of: request)
    try members.finish()
    let id = try JobRoutes.id(of: request)
    try await database.write { try await body(id, $0) }
    return try await shown(id)
  }

  private static func id(of request: Request) throws -> UUID {
    guard let id = request.parameters.first.flatMap({ UUID($0) }) else {
      throw RoostError(.notFound, "There is no job of this id.")
    }
    return id
  }
}
