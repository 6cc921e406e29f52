import HTTPClient
import Jobs
import Queries
import Records
package import RoostCore
import Schema
import Synchronization

/// The functions of an app at work: what answers actions, follows changes and keeps schedules by
/// calling other servers.
package final class AppFunctions: Sendable {
  /// The lines to the functions, in the order of `roost.yaml`.
  package let lines: [FunctionLine]
  private let client: OutgoingClient?
  private let ambient: Ambient
  private let records = Mutex<RecordStore?>(nil)

  /// A thread for each call that may be under way, so that no function waits for another, within
  /// bounds.
  static func threads(_ book: FunctionBook) -> Int {
    min(max(8, book.functions.reduce(0) { $0 + $1.concurrency }), 64)
  }

  /// No functions at all.
  package static func none(_ ambient: Ambient) -> AppFunctions { AppFunctions(.empty, ambient) }

  package init(_ book: FunctionBook, _ ambient: Ambient) {
    self.ambient = ambient
    guard !book.functions.isEmpty else {
      client = nil
      lines = []
      return
    }
    let client = OutgoingClient(
      AddressGuard(allowsLoopback: book.allowsLoopback), time: ambient.time,
      threads: AppFunctions.threads(book))
    self.client = client
    lines = book.functions.map { FunctionLine($0, client, ambient) }
  }

  package func line(named name: String) -> FunctionLine? {
    lines.first { $0.function.name == name }
  }

  /// The names under which the places of triggers in the log are kept.
  var followerNames: [String] {
    lines.compactMap { line in
      if case .changes = line.function.occasion {
        FunctionSetting.followerName(line.function.name)
      } else {
        nil
      }
    }
  }

  /// Binds the functions to what calls them.
  ///
  /// Throws `RoostError` where something else is bound to the action of a function.
  package func extend(_ extensions: inout AppExtensions) throws {
    let functions = lines.map(\.function)
    let ambient = ambient
    for line in lines {
      let function = line.function
      switch function.occasion {
      case .action:
        guard extensions.actions[function.name] == nil else {
          throw AppFolder.Failure(
            description: "the action \(function.name) has a handler in this program and a function "
              + "in roost.yaml: keep one of them")
        }
        let handler = FunctionAction(line, self, ambient)
        extensions.actions.bind(
          function.name, isPublic: function.isPublic, .function { try await handler.answer($0) })
      case .changes(let changes):
        extensions.jobs.append { FunctionJob(line, $0, ambient) }
        extensions.followers.append { records in
          FunctionTrigger(
            line, changes, among: functions, records, JobQueue(ambient), ambient.logger)
        }
      case .schedule(let expression, let zone):
        extensions.jobs.append { FunctionJob(line, $0, ambient) }
        let others = extensions.schedules
        extensions.schedules = {
          try others() + [
            Schedule(function.jobKind, expression, in: zone, kind: function.jobKind)
          ]
        }
      }
    }
  }

  /// Takes the records that runs are written beside, and begins the followers that are new.
  func begin(_ records: RecordStore) async throws {
    self.records.withLock { $0 = records }
    try await records.beginFollowers(followerNames)
  }

  /// Refuses further calls.
  func stop() { client?.stop() }

  /// Writes a run down; that it cannot be written is told to the log alone.
  func note(_ run: FunctionRun) async {
    line(named: run.function)?.count(run)
    guard let records = records.withLock({ $0 }) else { return }
    do {
      try await records.database.write { try await FunctionRuns.add(run, in: $0) }
    } catch {
      ambient.logger.warning(
        "the run of a function could not be written down",
        [("function", .string(run.function)), ("cause", .string("\(error)"))])
    }
  }

  /// Throws where a mutation is of no collection of the app, or the result not of its type.
  func check(_ outcome: ActionOutcome, of call: ActionCall) throws(FunctionFailure) {
    guard let records = records.withLock({ $0 }) else { return }
    try FunctionWrites.check(outcome.mutations, in: records)
    if let fault = ActionRunner.fault(in: outcome, call, records) {
      throw FunctionFailure(.answer, fault)
    }
  }

  /// The line to a function; throws 404 where there is none of that name.
  func known(_ name: String) throws(RoostError) -> FunctionLine {
    if let line = line(named: name) { return line }
    let names = lines.map(\.function.name)
    throw RoostError(
      .notFound,
      "There is no function \"\(name.prefix(60))\"\(Schema.didYouMean(name, among: names)).")
  }

  /// Calls a function with nothing to do, and changes nothing whatever it answers.
  package func test(_ name: String) async throws -> FunctionRun {
    let line = try known(name)
    let run = try await AppFunctions.test(line, ambient)
    await note(run)
    return run
  }

  static func test(_ line: FunctionLine, _ ambient: Ambient) async throws -> FunctionRun {
    let operation = ambient.newID()
    let body: JSON = [
      "id": .string(operation.description), "kind": .string(FunctionRun.Cause.test.rawValue),
      "name": .string(line.function.name), "at": .string(ambient.time.now().description),
    ]
    let message = FunctionLine.Message(
      .test, operation: operation, attempt: 1, body: body.encoded)
    do throws(FunctionFailure) {
      return try await line.call(message).run
    } catch {
      throw error.error(of: line.function.name)
    }
  }

  /// The functions as an administrator sees them, with their last runs.
  package func listing(_ runs: [FunctionRun]) -> JSON {
    let items = lines.map { line -> JSON in
      let function = line.function
      let breaker = line.breakerState
      let figures = line.figures
      var object = JSONObject()
      object["name"] = .string(function.name)
      object["on"] = .string(function.occasionText)
      object["url"] = .string(function.url.description)
      object["roles"] = .array(function.roles.sorted().map { .string($0) })
      object["timeoutMilliseconds"] = .int(function.timeoutMilliseconds)
      object["retries"] = .int(Int64(function.retries))
      object["breaker"] = [
        "state": .string(breaker.state.rawValue),
        "retryAfterMilliseconds": .int(breaker.waitMilliseconds),
      ]
      var outcomes = JSONObject()
      for outcome in FunctionRun.Outcome.allCases {
        outcomes[outcome.rawValue] = .int(Int64(figures.outcomes[outcome] ?? 0))
      }
      object["sinceStart"] = .object(outcomes)
      object["lastRuns"] = .array(
        runs.filter { $0.function == function.name }.prefix(10).map(\.json))
      return .object(object)
    }
    return .array(items)
  }
}
