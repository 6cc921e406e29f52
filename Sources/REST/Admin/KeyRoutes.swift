package import Jobs
package import Queries
package import RoostCore
package import Transport

/// `/v1/admin/keys`: the keys of encrypted fields, for administrators.
package struct KeyRoutes: Sendable {
  private static let body = BodyPolicy.buffered(limit: 1024)

  private let database: any Database
  private let queue: JobQueue
  private let authenticator: Authenticator
  private let job: @Sendable (_ values: Bool) -> NewJob
  private let destroy: @Sendable (UUID, any Transaction) async throws -> Int

  /// `job` is the one that rotates keys; `destroy` destroys those of a person.
  package init(
    _ queue: JobQueue, on database: any Database, authenticator: Authenticator,
    job: @escaping @Sendable (_ values: Bool) -> NewJob,
    destroy: @escaping @Sendable (UUID, any Transaction) async throws -> Int
  ) {
    self.database = database
    self.queue = queue
    self.authenticator = authenticator
    self.job = job
    self.destroy = destroy
  }

  package func add(to router: inout Router) {
    router.add(.post, "/v1/admin/keys/rotate", body: KeyRoutes.body) { try await rotate($0) }
    router.add(.delete, "/v1/admin/users/{id}/keys", body: KeyRoutes.body) { request in
      _ = try authenticator.administrator(of: request)
      let id = try AdminRoutes.id(of: request)
      let destroy = destroy
      let count = try await database.write { try await destroy(id, $0) }
      return AuthRoutes.uncached(.json((["destroyed": .int(Int64(count))] as JSON).encoded))
    }
  }

  /// Answers 202 with the job, one that is under way already included.
  private func rotate(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    var members = try AuthBody(of: request)
    let values = members.flag("values")
    try members.finish()
    return try await AcceptedJob.response(job(values), queue, on: database)
  }
}
