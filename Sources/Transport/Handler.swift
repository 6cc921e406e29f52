/// Answers a request.
///
/// An error that it throws becomes a problem document.
package typealias Handler = @Sendable (Request) async throws -> Response

/// One step around every handler, such as the access log; steps form one ordered list.
package protocol Middleware: Sendable {
  func handle(_ request: Request, next: Handler) async throws -> Response
}

/// What every answer carries, and which requests are refused for it; awaits nothing, because a step
/// around every handler costs each request twice as much.
package protocol AnswerMark: Sendable {
  /// The answer to a request that is not let through; nil for one that is.
  func refusal(of request: Request) -> Response?
  /// Adds to the answer of `request`, whatever it is.
  func mark(_ response: inout Response, of request: Request)
}

/// How a route takes its body.
package enum BodyPolicy: Sendable, Equatable {
  /// Read whole before the handler starts, up to so many bytes.
  case buffered(limit: Int)
  /// Read by the handler, up to so many bytes.
  case streamed(limit: Int)
}

/// What a server serves: it finds the route of a head before the body is read.
package protocol Application: Sendable {
  /// The route for a method and an undecoded path. A path that is unknown, or known with other
  /// methods only, has a route too: one that throws the error.
  func route(_ method: Method, _ path: String) -> RoutedHandler
  /// The problem document for an error; also called for requests that never became one, such as a
  /// malformed head.
  func answer(to error: any Error, requestID: String) -> Response
  /// The same for a request whose head was read but whose handler does not run, such as one with too
  /// large a body.
  func answer(to error: any Error, request: Request) -> Response
}

extension Application {
  package func answer(to error: any Error, request: Request) -> Response {
    answer(to: error, requestID: request.requestID)
  }
}

/// A route that was found: what takes its body, its parameters, and what answers.
package struct RoutedHandler: Sendable {
  package let body: BodyPolicy
  package let parameters: [String]
  package let handler: Handler

  package init(body: BodyPolicy, parameters: [String], handler: @escaping Handler) {
    self.body = body
    self.parameters = parameters
    self.handler = handler
  }
}
