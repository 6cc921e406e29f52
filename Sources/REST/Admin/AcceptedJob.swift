import Jobs
import Queries
import RoostCore
import Transport

/// The answer of a route that puts work into the queue: 202 with the job, and where to look for it.
enum AcceptedJob {
  /// Puts `job` into the queue; one like it that is under way already is answered in its place.
  static func response(
    _ job: NewJob, _ queue: JobQueue, on database: any Database
  ) async throws -> Response {
    let listing = try await database.write { transaction in
      let id = try await queue.enqueue(job, in: transaction).id
      return try await queue.job(id, in: transaction)
    }
    var response = AuthRoutes.uncached(.json(listing.json.encoded))
    response.status = 202
    response.headers.set("Location", "/v1/admin/jobs/\(listing.id)")
    return response
  }
}
