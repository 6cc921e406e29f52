import HTTPClient
import Jobs
import Records
import RoostCore

/// Answers an action by calling its function, before the transaction in which its answer is carried
/// out on behalf of the caller.
struct FunctionAction: Sendable {
  private static let backoff = Backoff(baseMilliseconds: 100, longestMilliseconds: 2000)

  private let line: FunctionLine
  private let functions: AppFunctions
  private let ambient: Ambient

  init(_ line: FunctionLine, _ functions: AppFunctions, _ ambient: Ambient) {
    self.line = line
    self.functions = functions
    self.ambient = ambient
  }

  /// Calls the function, again where that may help and there is time, each time with one id.
  func answer(_ call: ActionCall) async throws -> ActionOutcome {
    let function = line.function
    let body = FunctionAction.body(call)
    let end =
      ambient.time.monotonicNanoseconds() + UInt64(function.timeoutMilliseconds) * 1_000_000
    var number = 1
    while true {
      let now = ambient.time.monotonicNanoseconds()
      let left = end > now ? Int64((end - now) / 1_000_000) : 0
      let message = FunctionLine.Message(
        .action, operation: call.operationID, attempt: number, body: body)
      let attempt: FunctionLine.Attempt
      do throws(FunctionFailure) {
        attempt = try await line.call(message, within: max(1, left))
      } catch {
        throw error.error(of: function.name)
      }
      let failure: FunctionFailure
      switch attempt.answer {
      case .success(let answer):
        return try await outcome(answer, attempt.run, call)
      case .failure(let given):
        await functions.note(attempt.run)
        failure = given
      }
      guard let pause = pause(after: number, failure, until: end) else {
        ambient.logger.warning(
          "a function failed an action",
          [
            ("function", .string(function.name)), ("cause", .string(failure.reason)),
            ("operation", .string(call.operationID.description)),
          ])
        throw failure.error(of: function.name)
      }
      try await Task.sleep(nanoseconds: UInt64(pause) * 1_000_000)
      number += 1
    }
  }

  private func outcome(
    _ answer: FunctionAnswer, _ run: FunctionRun, _ call: ActionCall
  ) async throws -> ActionOutcome {
    let outcome = ActionOutcome(
      mutations: answer.mutations, result: answer.result.map { .value($0) }, isForeign: true)
    do throws(FunctionFailure) {
      try functions.check(outcome, of: call)
    } catch {
      var refused = run
      refused.outcome = .refused
      refused.error = error.reason
      await functions.note(refused)
      throw error.error(of: line.function.name)
    }
    await functions.note(run)
    return outcome
  }

  /// How long to wait before another attempt; nil where there is to be none, or no time for one.
  private func pause(
    after number: Int, _ failure: FunctionFailure, until end: UInt64
  ) -> Int64? {
    // Where this attempt has opened the breaker the next one would only be told so.
    guard failure.isPassing, number <= line.function.retries, line.room > 0 else { return nil }
    let jitter = FunctionAction.backoff.delay(after: number, random: ambient.random)
    let pause = max(jitter, Int64(failure.retryAfterSeconds ?? 0) * 1000)
    let now = ambient.time.monotonicNanoseconds()
    return now + UInt64(pause) * 1_000_000 < end ? pause : nil
  }

  /// What the function is sent: `{id, kind, name, at, caller, arguments}`.
  private static func body(_ call: ActionCall) -> [UInt8] {
    var caller = JSONObject()
    caller["id"] = call.caller.uid.map { .string($0.description) } ?? .null
    caller["anonymous"] = .bool(call.caller.isAnonymous)
    caller["roles"] = .array(call.roles.sorted().map { .string($0) })
    caller["claims"] = .array(call.caller.claims.sorted().map { .string($0) })
    let body: JSON = [
      "id": .string(call.operationID.description),
      "kind": .string(FunctionRun.Cause.action.rawValue), "name": .string(call.name),
      "at": .string(call.time.description), "caller": .object(caller),
      "arguments": .object(call.arguments),
    ]
    return body.encoded
  }
}
