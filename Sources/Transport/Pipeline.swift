package import RoostCore

/// A router with an ordered list of steps around every handler: what a server serves.
///
/// The steps are wrapped around the handlers once, when the pipeline is made. Errors become problem
/// documents right where they are thrown, in one function, so that a step such as CORS or the
/// access log sees an answer and never an error; only cancellation passes through.
package struct Pipeline: Application {
  private let router: Router
  private let logger: Logger

  /// The first of `middleware` is the outermost; `mark` is inside of them all.
  package init(
    router: Router, middleware: [any Middleware] = [], mark: (any AnswerMark)? = nil,
    logger: Logger
  ) {
    self.logger = logger
    self.router = router.wrapped { handler in
      var wrapped =
        mark.map { Pipeline.marked($0, logger, handler) }
        ?? Pipeline.rendered(logger, handler)
      for step in middleware.reversed() {
        let next = wrapped
        wrapped = Pipeline.rendered(logger) { try await step.handle($0, next: next) }
      }
      return wrapped
    }
  }

  package func route(_ method: Method, _ path: String) -> RoutedHandler {
    router.route(method, path)
  }

  package func answer(to error: any Error, requestID: String) -> Response {
    Pipeline.answer(to: error, requestID: requestID, logger)
  }

  private static func rendered(_ logger: Logger, _ handler: @escaping Handler) -> Handler {
    { request in
      do {
        return try await handler(request)
      } catch let error as CancellationError {
        throw error
      } catch {
        return answer(to: error, requestID: request.requestID, logger)
      }
    }
  }

  /// As `rendered`, with what every answer carries.
  private static func marked(
    _ mark: any AnswerMark, _ logger: Logger, _ handler: @escaping Handler
  ) -> Handler {
    { request in
      if var refusal = mark.refusal(of: request) {
        mark.mark(&refusal, of: request)
        return refusal
      }
      var response: Response
      do {
        response = try await handler(request)
      } catch let error as CancellationError {
        throw error
      } catch {
        response = answer(to: error, requestID: request.requestID, logger)
      }
      mark.mark(&response, of: request)
      return response
    }
  }

  /// The problem document of a `RoostError`; anything else is 500, and told to the log alone.
  private static func answer(
    to error: any Error, requestID: String, _ logger: Logger
  ) -> Response {
    guard let known = error as? RoostError else {
      logger.error(
        "a request failed",
        [("requestId", .string(requestID)), ("error", .string(String(describing: error)))])
      return .problem(
        RoostError(
          .internalError, "Something went wrong here; the log has it under this request's id."),
        requestID: requestID)
    }
    if known.code == .internalError || known.cause != nil {
      logger.error(
        "a request failed",
        [("requestId", .string(requestID)), ("error", .string(known.description))])
    }
    return .problem(known, requestID: requestID)
  }
}
