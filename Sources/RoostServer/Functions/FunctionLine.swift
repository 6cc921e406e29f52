package import HTTPClient
package import RoostCore
import Synchronization

/// The line to one function: signs, sends, reads the answer, and leaves the function alone while it
/// fails.
package final class FunctionLine: Sendable {
  /// One call: what came of it, and its record.
  package struct Attempt: Sendable {
    package let answer: Result<FunctionAnswer, FunctionFailure>
    package var run: FunctionRun
  }

  /// What is said to a function.
  package struct Message: Sendable {
    package let cause: FunctionRun.Cause
    package let operation: UUID
    package let attempt: Int
    package let body: [UInt8]

    package init(_ cause: FunctionRun.Cause, operation: UUID, attempt: Int, body: [UInt8]) {
      self.cause = cause
      self.operation = operation
      self.attempt = attempt
      self.body = body
    }
  }

  /// What happened since the process started.
  package struct Figures: Sendable {
    package var outcomes: [FunctionRun.Outcome: Int] = [:]
    package var milliseconds: Int64 = 0
    /// Calls that were put off because the breaker is open, or because too many are under way.
    package var postponed = 0
    /// Changes that called nothing because too many functions followed from one another.
    package var loops = 0
  }

  package let function: AppFunction
  private let client: OutgoingClient
  private let ambient: Ambient
  private let breaker = Mutex(Breaker())
  private let underWay = Mutex(0)
  private let counted = Mutex(Figures())

  package init(_ function: AppFunction, _ client: OutgoingClient, _ ambient: Ambient) {
    self.function = function
    self.client = client
    self.ambient = ambient
  }

  package var figures: Figures { counted.withLock { $0 } }

  /// The state of the breaker, and in how many milliseconds there is another look.
  package var breakerState: (state: Breaker.State, waitMilliseconds: Int64) {
    let now = milliseconds
    return breaker.withLock { ($0.state, $0.state == .closed ? 0 : max(0, $0.until - now)) }
  }

  private var milliseconds: Int64 { Int64(ambient.time.monotonicNanoseconds() / 1_000_000) }

  // MARK: Calling

  /// Takes one of the function's own places, so that a slow one fills no more than these.
  private func enter() throws(FunctionFailure) {
    let (most, name) = (function.concurrency, function.name)
    let isIn = underWay.withLock { count in
      guard count < most else { return false }
      count += 1
      return true
    }
    guard isIn else {
      throw overloaded(
        OutgoingFailure(.overloaded, "\(most) calls of \(name) are under way, its most"))
    }
  }

  private func leave() { underWay.withLock { $0 -= 1 } }

  /// Nothing was sent, which is no matter of the function's.
  private func overloaded(_ failure: OutgoingFailure) -> FunctionFailure {
    counted.withLock { $0.postponed += 1 }
    return FunctionFailure(.transport(failure), "\(function.name): \(failure.reason)")
  }

  /// Whether a call may be made now; throws where the function is left alone.
  private func admit() throws(FunctionFailure) -> Bool {
    let now = milliseconds
    switch breaker.withLock({ $0.admit(at: now) }) {
    case .go: return false
    case .probe: return true
    case .wait(let milliseconds): throw leftAlone(milliseconds)
    }
  }

  private func leftAlone(_ milliseconds: Int64) -> FunctionFailure {
    counted.withLock { $0.postponed += 1 }
    let refusesKey = breaker.withLock { $0.refusesCredentials }
    return FunctionFailure(
      .unavailable(milliseconds: milliseconds, refusesKey: refusesKey),
      "\(function.name) \(FunctionFailure.cause(refusesKey)) and is left alone for "
        + "\(milliseconds) ms")
  }

  /// Throws where a call would be put off now: to be asked before there is work for one.
  func checkBreaker() throws(FunctionFailure) {
    let wait = breakerState.waitMilliseconds
    if wait > 0 { throw leftAlone(wait) }
  }

  /// How many calls there is use for now: none while the function is left alone, then one that tries
  /// it.
  var room: Int {
    let (state, wait) = breakerState
    if state == .closed { return function.concurrency }
    return wait > 0 ? 0 : 1
  }

  /// Calls the function once, within `timeoutMilliseconds` where that is less than its own time.
  ///
  /// Throws where it is left alone or too much is under way; nothing was sent then.
  package func call(
    _ message: Message, within timeoutMilliseconds: Int64? = nil
  ) async throws(FunctionFailure) -> Attempt {
    try enter()
    defer { leave() }
    let isProbe = try admit()
    let startedAt = ambient.time.now()
    let began = milliseconds
    let time = min(timeoutMilliseconds ?? .max, function.timeoutMilliseconds)
    var status: Int?
    let scope = TraceScope.current
    let span = scope?.trace.newSpan()
    var request = request(message, startedAt, time)
    if let scope, let span {
      FunctionLine.follow(&request, scope.context(of: span).text, scope.trace.state)
    } else if let passed = PassedTrace.current {
      FunctionLine.follow(&request, passed.parent, passed.state)
    }
    let asked = scope?.now ?? 0
    defer {
      if let scope, let span {
        scope.trace.record(
          "call " + function.name, .client, id: span, in: scope.span, from: asked, to: scope.now,
          hasFailed: status == nil || (status ?? 0) >= 500)
      }
    }
    var bytes = 0
    let answer: Result<FunctionAnswer, FunctionFailure>
    let outcome: Breaker.Outcome
    do throws(OutgoingFailure) {
      let response = try await client.send(request)
      status = response.status
      bytes = response.body.count
      (answer, outcome) = read(response, message)
    } catch {
      if error.kind == .overloaded {
        let now = milliseconds
        breaker.withLock { $0.record(.neutral, isProbe: isProbe, at: now) }
        throw overloaded(error)
      }
      answer = .failure(FunctionFailure(.transport(error), "\(function.name): \(error.reason)"))
      outcome = error.outcome
    }
    var floor: Int64 = 0
    if case .failure(let failure) = answer, let seconds = failure.retryAfterSeconds {
      floor = Int64(seconds) * 1000
    }
    record(outcome, isProbe, floorMilliseconds: floor)
    let run = FunctionRun(
      id: ambient.newID(), function: function.name, cause: message.cause,
      operation: message.operation, attempt: message.attempt, startedAt: startedAt,
      milliseconds: milliseconds - began, outcome: FunctionLine.outcome(answer), status: status,
      bytes: bytes, mutations: (try? answer.get())?.mutations.count ?? 0,
      error: FunctionLine.reason(answer))
    return Attempt(answer: answer, run: run)
  }

  /// Takes the outcome of a call into account, and says in the log when the function is left alone
  /// from now on.
  private func record(_ outcome: Breaker.Outcome, _ isProbe: Bool, floorMilliseconds: Int64) {
    let now = milliseconds
    let opened = breaker.withLock { breaker -> Breaker? in
      let before = breaker.state
      breaker.record(outcome, isProbe: isProbe, at: now, floorMilliseconds: floorMilliseconds)
      return before != .open && breaker.state == .open ? breaker : nil
    }
    guard let opened else { return }
    ambient.logger.warning(
      opened.refusesCredentials
        ? "a function does not accept the key and is left alone: see its secrets"
        : "a function failed too often and is left alone",
      [
        ("function", .string(function.name)), ("milliseconds", .int(max(0, opened.until - now))),
      ])
  }

  /// Counts a run, when it is known what became of it.
  package func count(_ run: FunctionRun) {
    counted.withLock { figures in
      figures.outcomes[run.outcome, default: 0] += 1
      figures.milliseconds += run.milliseconds
    }
  }

  package func countLoop() { counted.withLock { $0.loops += 1 } }

  /// Has a function go on with the trace of the request that calls it.
  private static func follow(
    _ request: inout OutgoingRequest, _ parent: String, _ state: String?
  ) {
    request.headers.append(("traceparent", parent))
    if let state { request.headers.append(("tracestate", state)) }
  }

  private func request(
    _ message: Message, _ now: Timestamp, _ milliseconds: Int64
  ) -> OutgoingRequest {
    let id = message.operation.description
    let seconds = now.milliseconds / 1000
    var request = OutgoingRequest(
      "POST", function.url,
      headers: [
        ("Content-Type", "application/json"), ("Accept", "application/json"),
        ("User-Agent", "Roost"), ("Roost-Attempt", "\(message.attempt)"),
        ("webhook-id", id), ("webhook-timestamp", "\(seconds)"),
        (
          "webhook-signature",
          function.signer.signatures(id: id, seconds: seconds, body: message.body)
        ),
      ], body: message.body)
    request.timeoutMilliseconds = max(1, milliseconds)
    return request
  }

  // MARK: Reading the answer

  private func read(
    _ response: OutgoingResponse, _ message: Message
  ) -> (Result<FunctionAnswer, FunctionFailure>, Breaker.Outcome) {
    guard (200..<300).contains(response.status) else { return readFailure(response, message) }
    do throws(FunctionFailure) {
      try checkSignature(response, message)
      return (.success(try FunctionAnswer(response)), .success)
    } catch {
      // It answers; that the answer is wrong is no matter of leaving it alone.
      return (.failure(error), .success)
    }
  }

  private func readFailure(
    _ response: OutgoingResponse, _ message: Message
  ) -> (Result<FunctionAnswer, FunctionFailure>, Breaker.Outcome) {
    let status = response.status
    if let refusal = FunctionLine.refusal(response) {
      do throws(FunctionFailure) {
        try checkSignature(response, message)
        return (.failure(refusal), .success)
      } catch {
        return (.failure(error), .success)
      }
    }
    let seconds = response.header("retry-after").flatMap { Int($0) }.map { min(max(0, $0), 3600) }
    let failure = FunctionFailure(
      .status(status), "\(function.name) answered \(status)", retryAfterSeconds: seconds)
    switch status {
    case _ where FunctionFailure.refusesKey(status): return (.failure(failure), .credentials)
    case 500...: return (.failure(failure), .failure)
    default: return (.failure(failure), .success)
    }
  }

  /// The no of a function: one of a few statuses with a message, `{"message": "…"}`.
  private static func refusal(_ response: OutgoingResponse) -> FunctionFailure? {
    let code: ErrorCode
    switch response.status {
    case 400: code = .malformed
    case 403: code = .forbidden
    case 404: code = .notFound
    case 409: code = .conflict
    case 422: code = .invalid
    default: return nil
    }
    guard FunctionAnswer.isJSON(response.header("content-type")),
      let text = (try? JSON.parse(response.body))?["message"]?.string, !text.isEmpty
    else { return nil }
    return FunctionFailure(.refusal(code), String(text.prefix(500)))
  }

  private func checkSignature(
    _ response: OutgoingResponse, _ message: Message
  ) throws(FunctionFailure) {
    let signature = response.header("webhook-signature")
    guard signature != nil || function.requiresSignedAnswers else { return }
    let fault = function.signer.fault(
      id: response.header("webhook-id"), timestamp: response.header("webhook-timestamp"),
      signature: signature, body: response.body, expecting: message.operation.description,
      now: ambient.time.now())
    if let fault {
      throw FunctionFailure(.answer, "the signature of its answer is not right: \(fault)")
    }
  }

  private static func outcome(_ answer: Result<FunctionAnswer, FunctionFailure>)
    -> FunctionRun.Outcome
  {
    guard case .failure(let failure) = answer else { return .answered }
    switch failure.kind {
    case .refusal: return .declined
    case .answer: return .refused
    case .unavailable, .transport, .status: return .failed
    }
  }

  private static func reason(_ answer: Result<FunctionAnswer, FunctionFailure>) -> String? {
    if case .failure(let failure) = answer { failure.reason } else { nil }
  }
}
