import Jobs
import Queries
import Records
import RoostCore

/// Calls a function for a change or a schedule, and does what it asks for in the transaction that
/// ends the job: once, whoever answers how often, and not at all for whom the lease is lost.
struct FunctionJob: JobHandler {
  private let line: FunctionLine
  private let records: RecordStore
  private let ambient: Ambient
  let kind: String
  let limits: JobLimits

  init(_ line: FunctionLine, _ records: RecordStore, _ ambient: Ambient) {
    let function = line.function
    self.line = line
    self.records = records
    self.ambient = ambient
    kind = function.jobKind
    limits = JobLimits(
      concurrency: function.concurrency, attempts: function.retries + 1,
      seconds: Int(function.timeoutMilliseconds / 1000) + 30,
      backoff: Backoff(baseMilliseconds: 1000, longestMilliseconds: 600_000))
  }

  /// The lane rests while the function is left alone: its jobs stay where they are.
  var room: Int { line.room }

  func run(_ context: JobContext) async throws {
    let call = try FunctionCall(context.job, line.function)
    do throws(FunctionFailure) { try line.checkBreaker() } catch { throw postponed(error) }
    let body = try await call.body(records, at: ambient.time.now())
    try context.proceed()
    let message = FunctionLine.Message(
      call.cause, operation: call.operation, attempt: context.job.attempt, body: body)
    let attempt: FunctionLine.Attempt
    do throws(FunctionFailure) {
      attempt = try await line.call(message)
    } catch {
      throw postponed(error)
    }
    if let interruption = FunctionJob.ending(attempt, context) {
      var run = attempt.run
      run.outcome = .failed
      run.error = "the job was stopped before the answer came"
      try await note(run)
      throw interruption
    }
    switch attempt.answer {
    case .failure(let failure):
      try await note(attempt.run)
      throw job(failure)
    case .success(let answer): try await carryOut(answer, attempt.run, call, context)
    }
  }

  /// Why an answer is not heard: the job was cancelled, has lost its lease, or took too long.
  ///
  /// An answer that comes while the process stops is carried out all the same: the token of the lease
  /// sees to it that it counts once. What failed then is for the next process to try.
  private static func ending(
    _ attempt: FunctionLine.Attempt, _ context: JobContext
  ) -> JobInterruption? {
    do {
      try context.proceed()
      return nil
    } catch {
      guard let interruption = error as? JobInterruption else { return .stopping }
      if interruption == .stopping, case .success = attempt.answer { return nil }
      return interruption
    }
  }

  private func carryOut(
    _ answer: FunctionAnswer, _ run: FunctionRun, _ call: FunctionCall, _ context: JobContext
  ) async throws {
    var done = run
    done.outcome = .done
    let completed = done
    do {
      try FunctionWrites.check(answer.mutations, in: records)
      let writes = FunctionWrites(
        mutations: answer.mutations, caller: call.caller, operation: call.operation)
      let records = records
      try await context.complete { transaction in
        try await writes.carryOut(records, in: transaction)
        try await FunctionRuns.add(completed, in: transaction)
      }
      line.count(completed)
    } catch let refused as FunctionWrites.Refused {
      try await refuse(run, refused.reason)
      switch refused.error.code {
      // Somebody was faster: the function may decide again, on what there is now.
      case .conflict, .preconditionFailed: throw JobFailure.later(refused.reason, afterSeconds: 0)
      case .overloaded, .storageFull, .draining, .timeout: throw refused.error
      default: throw JobFailure.permanent(refused.reason)
      }
    } catch let failure as FunctionFailure {
      try await refuse(run, failure.reason)
      throw JobFailure.permanent(failure.reason)
    }
  }

  private func refuse(_ run: FunctionRun, _ reason: String) async throws {
    var refused = run
    refused.outcome = .refused
    refused.error = reason
    try await note(refused)
  }

  private func note(_ run: FunctionRun) async throws {
    line.count(run)
    try await records.database.write { try await FunctionRuns.add(run, in: $0) }
  }

  private func job(_ failure: FunctionFailure) -> JobFailure {
    guard failure.isPassing else { return .permanent(failure.reason) }
    return .later(failure.reason, afterSeconds: failure.retryAfterSeconds ?? 0)
  }

  /// Not tried at all: when the breaker looks again, or in a moment where too much is under way,
  /// and a little later than others that wait.
  private func postponed(_ failure: FunctionFailure) -> JobFailure {
    guard let milliseconds = failure.untriedMilliseconds else { return job(failure) }
    let spread = Int64(ambient.random.next() % 2000)
    return .postponed(failure.reason, afterMilliseconds: milliseconds + spread)
  }
}

/// What a job of a function is about.
struct FunctionCall: Sendable {
  let cause: FunctionRun.Cause
  let operation: UUID
  let caller: Caller
  private let function: AppFunction
  private let change: JSON?
  private let at: Timestamp?

  init(_ job: LeasedJob, _ function: AppFunction) throws {
    self.function = function
    if let change = job.payload["change"] {
      guard let operation = job.payload["operation"]?.string.flatMap({ UUID($0) }) else {
        throw JobFailure.permanent("the job says nothing of its operation")
      }
      cause = .trigger
      self.operation = operation
      self.change = change
      at = change["at"]?.string.flatMap { Timestamp($0) }
      let depth = Int(clamping: change["depth"]?.int ?? 1)
      caller = function.caller(depth: min(max(1, depth), AppFunction.deepest))
    } else {
      cause = .schedule
      operation = AppFunction.operationID(function.name, "job/\(job.id)")
      change = nil
      // A version 7 id begins with the time at which the job was put into the queue.
      at = Timestamp(milliseconds: Int64(job.id.high >> 16))
      caller = function.caller(depth: 1)
    }
  }

  /// What the function is sent: `{id, kind, name, at, change?}`.
  ///
  /// The record is as it is now and as the function's roles see it; null where they see none.
  func body(_ records: RecordStore, at now: Timestamp) async throws -> [UInt8] {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("id")
    json.string(operation.description)
    json.key("kind")
    json.string(cause.rawValue)
    json.key("name")
    json.string(function.name)
    json.key("at")
    json.string((at ?? now).description)
    if let change {
      json.key("change")
      try await write(change, records, to: &json)
    }
    json.endObject()
    return json.bytes
  }

  private func write(
    _ change: JSON, _ records: RecordStore, to json: inout JSONWriter
  ) async throws {
    json.beginObject()
    for key in ["collection", "operation", "id", "version"] {
      json.key(key)
      json.value(change[key] ?? .null)
    }
    let (record, members) = try await record(change, records)
    if let changed = change["changed"]?.array {
      json.key("changed")
      let visible = changed.compactMap(\.string).filter { members.contains($0) }
      json.value(.array(visible.map { .string($0) }))
    }
    json.key("record")
    if let record { json.raw(record) } else { json.null() }
    json.endObject()
  }

  private func record(
    _ change: JSON, _ records: RecordStore
  ) async throws -> (json: [UInt8]?, members: Set<String>) {
    guard change["operation"]?.string != "delete", let name = change["collection"]?.string,
      let collection = records.catalogue.collection(named: name),
      let id = change["id"]?.string.flatMap({ UUID($0) })
    else { return (nil, []) }
    do {
      let found = try await records.read(collection, id, by: caller)
      let json = try JSON.parse(found.json)
      return (found.json, Set((json.object ?? JSONObject()).members.map(\.key)))
    } catch let error as RoostError
      where [.notFound, .forbidden, .unauthenticated].contains(error.code)
    {
      return (nil, [])
    }
  }
}
