package import RoostCore

/// A router with an ordered list of steps around every handler: what a server serves.
///
/// The steps are wrapped around the handlers once, when the pipeline is made. Errors become problem
/// documents right where they are thrown, in one function, so that a step such as CORS or the
/// access log sees an answer and never an error; only cancellation passes through.
package struct Pipeline: Application {
  private let router: Router
  private let marks: [any AnswerMark]
  private let logger: Logger

  /// The first of `middleware` is the outermost but for the doors; `marks` are inside of them all,
  /// the last one seeing what the others made of an answer.
  ///
  /// What a door refuses is marked too.
  package init(
    router: Router, middleware: [any Middleware] = [], marks: [any AnswerMark] = [],
    doors: (any DoorMaker)? = nil, logger: Logger
  ) {
    self.logger = logger
    self.marks = marks
    self.router = router.wrapped { name, handler in
      let door = doors?.door(name)
      // A layer around every handler costs: without steps in between the door is in that of the marks.
      let inner = Around(
        marks: marks, ofRefusals: marks, door: middleware.isEmpty ? door : nil, logger: logger)
      var wrapped = inner.wrap(handler)
      for step in middleware.reversed() {
        let next = wrapped
        wrapped = Pipeline.rendered(logger) { try await step.handle($0, next: next) }
      }
      if let door, !middleware.isEmpty {
        wrapped = Around(marks: [], ofRefusals: marks, door: door, logger: logger).wrap(wrapped)
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

  package func answer(to error: any Error, request: Request) -> Response {
    var response = Pipeline.answer(to: error, requestID: request.requestID, logger)
    for mark in marks { mark.mark(&response, of: request) }
    return response
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

  /// What is wrapped around a handler in one layer: its door, what every answer carries, and the
  /// problem documents of errors.
  private struct Around: Sendable {
    let marks: [any AnswerMark]
    /// Of what the door refuses, which no inner layer sees.
    let ofRefusals: [any AnswerMark]
    let door: (any RouteDoor)?
    let logger: Logger

    func wrap(_ handler: @escaping Handler) -> Handler {
      if let door { return doored(door, handler) }
      guard !marks.isEmpty else { return Pipeline.rendered(logger, handler) }
      return { request in try await answered(request, handler) }
    }

    private func doored(_ door: any RouteDoor, _ handler: @escaping Handler) -> Handler {
      { request in
        let entry = door.enter(request)
        var response: Response
        do {
          if let refusal = entry.refusal {
            response = refusal
            for mark in ofRefusals { mark.mark(&response, of: request) }
          } else if let scope = entry.scope {
            response = try await TraceScope.$current.withValue(scope) {
              try await answered(request, handler)
            }
          } else if let passed = entry.passed {
            response = try await PassedTrace.$current.withValue(passed) {
              try await answered(request, handler)
            }
          } else {
            response = try await answered(request, handler)
          }
        } catch {
          door.abandon(entry, request)
          throw error
        }
        door.leave(entry, request, &response)
        return response
      }
    }

    private func answered(_ request: Request, _ handler: Handler) async throws -> Response {
      for mark in marks {
        guard var refusal = mark.refusal(of: request) else { continue }
        for mark in marks { mark.mark(&refusal, of: request) }
        return refusal
      }
      var response: Response
      do {
        response = try await handler(request)
      } catch let error as CancellationError {
        throw error
      } catch {
        response = Pipeline.answer(to: error, requestID: request.requestID, logger)
      }
      for mark in marks { mark.mark(&response, of: request) }
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
