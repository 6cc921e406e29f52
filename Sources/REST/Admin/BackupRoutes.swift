package import Jobs
package import Queries
package import RoostCore
package import Transport

/// `/v1/admin/backups`: the backups that are there, and a new one, for administrators.
package struct BackupRoutes: Sendable {
  private static let body = BodyPolicy.buffered(limit: 1024)

  private let database: any Database
  private let queue: JobQueue
  private let authenticator: Authenticator
  private let job: @Sendable () -> NewJob
  private let list: @Sendable () -> [JSON]

  /// `job` is the one that makes a backup, `list` what is there, the newest first.
  package init(
    _ queue: JobQueue, on database: any Database, authenticator: Authenticator,
    job: @escaping @Sendable () -> NewJob, list: @escaping @Sendable () -> [JSON]
  ) {
    self.database = database
    self.queue = queue
    self.authenticator = authenticator
    self.job = job
    self.list = list
  }

  package func add(to router: inout Router) {
    router.add(.get, "/v1/admin/backups", body: BackupRoutes.body) { request in
      _ = try authenticator.administrator(of: request)
      return AuthRoutes.uncached(.json((["items": .array(list())] as JSON).encoded))
    }
    router.add(.post, "/v1/admin/backups", body: BackupRoutes.body) { try await make($0) }
  }

  /// Answers 202 with the job, that of a backup which is being made already included.
  private func make(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    var members = try AuthBody(of: request)
    try members.finish()
    return try await AcceptedJob.response(job(), queue, on: database)
  }
}
