package import RoostCore

/// Writes a line for each answer: method, path, client's address, status, duration and the request's id.
///
/// Off unless it is in the list of steps. The query is left out, since it may hold what is private.
package struct AccessLog: Middleware {
  private let logger: Logger
  private let time: any TimeSource

  package init(logger: Logger, time: any TimeSource) {
    self.logger = logger
    self.time = time
  }

  package func handle(_ request: Request, next: Handler) async throws -> Response {
    let start = time.monotonicNanoseconds()
    let response = try await next(request)
    let microseconds = (time.monotonicNanoseconds() &- start) / 1000
    logger.info(
      "request answered",
      [
        ("method", .string(request.method.rawValue)), ("path", .string(request.path)),
        ("address", .string(request.remoteAddress)),
        ("status", .int(Int64(response.status))),
        ("durationMicroseconds", .int(Int64(clamping: microseconds))),
        ("requestId", .string(request.requestID)),
      ])
    return response
  }
}
