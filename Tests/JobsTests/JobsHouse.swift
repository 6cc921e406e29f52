import Foundation
import Jobs
import Queries
import RoostCore
import Synchronization
import TestEngine

/// A wall clock that tests move.
final class TestTime: TimeSource {
  private let milliseconds = Mutex<Int64>(1_760_000_000_000)
  func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
  func monotonicNanoseconds() -> UInt64 { SystemTime().monotonicNanoseconds() }
  func advance(_ by: Int64) { milliseconds.withLock { $0 += by } }
  func set(_ text: String) {
    milliseconds.withLock { $0 = Timestamp(text)?.milliseconds ?? $0 }
  }
}

/// A queue over a real database in a folder of its own, with a table for effects.
final class JobsHouse: Sendable {
  let folder = TestEngine.folder("jobs")
  let time = TestTime()
  let signal = JobSignal()
  let ambient: Ambient
  let database: any Database
  let queue: JobQueue

  init() async throws {
    ambient = Ambient(time: time, logger: Logger(level: .error))
    queue = JobQueue(ambient)
    database = try TestEngine.open(folder, ambient: ambient, preCommit: signal)
    try await Migrator.run(
      [
        JobTables.migration(1),
        Migration(2, "effects") { d in
          ["CREATE TABLE effect (number \(d.numberedKey), name \(d.text) NOT NULL)\(d.numbered)"]
        },
      ], on: database)
  }

  func close() async {
    await database.close()
    TestEngine.remove(folder)
  }

  /// Does `body` in a house that is taken down afterwards.
  static func with(_ body: (JobsHouse) async throws -> Void) async throws {
    let house = try await JobsHouse()
    do {
      try await body(house)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  @discardableResult
  func enqueue(_ job: NewJob) async throws -> Enqueued {
    let queue = queue
    return try await database.write { try await queue.enqueue(job, in: $0) }
  }

  func claim(
    _ kind: String, limit: Int = 1, by owner: String = "a", milliseconds: Int64 = 1000
  ) async throws -> [LeasedJob] {
    let (queue, until) = (queue, time.now().adding(milliseconds: milliseconds))
    return try await database.write {
      try await queue.claim(kind, limit: limit, by: owner, until: until, in: $0)
    }
  }

  @discardableResult
  func reap(_ limits: JobLimits = JobLimits(), all: Bool = false) async throws -> Int {
    let queue = queue
    return try await database.write {
      try await queue.reap(all: all, limit: 100, limits: { _ in limits }, in: $0)
    }
  }

  func job(_ id: RoostCore.UUID) async throws -> JobListing {
    let queue = queue
    return try await database.read(.statement) { try await queue.job(id, in: $0) }
  }

  func runs(_ id: RoostCore.UUID) async throws -> [String] {
    let queue = queue
    return try await database.read(.statement) { try await queue.runs(of: id, in: $0) }
      .map { "\($0.attempt) \($0.outcome ?? "open")" }
  }

  func cancel(_ id: RoostCore.UUID) async throws -> JobState {
    let queue = queue
    return try await database.write { try await queue.cancel(id, in: $0) }
  }

  func retry(_ id: RoostCore.UUID) async throws {
    let queue = queue
    try await database.write { try await queue.retry(id, in: $0) }
  }

  /// An effect that would be there twice if it were done twice.
  static func effect(_ name: String) -> @Sendable (any Transaction) async throws -> Void {
    { transaction in
      try await transaction.execute("INSERT INTO effect (name) VALUES (\(name))")
    }
  }

  func effects() async throws -> [String] {
    try await database.read(.statement) { reader in
      try await reader.all("SELECT name FROM effect ORDER BY name") { $0.text(0) }
    }
  }

  func runner(
    _ handlers: [any JobHandler], _ change: (inout RunnerConfiguration) -> Void = { _ in }
  ) -> JobRunner {
    var configuration = RunnerConfiguration()
    configuration.pollMilliseconds = 20
    configuration.heartbeatMilliseconds = 20
    configuration.drainSeconds = 0
    change(&configuration)
    return JobRunner(
      handlers, on: database, signal: signal, ambient: ambient, configuration: configuration)
  }

  /// Waits until `condition` holds, with a generous bound.
  func until(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<3000 {
      if try await condition() { return }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    throw Timeout()
  }

  struct Timeout: Error {}
}

/// A handler made of a closure.
struct TestHandler: JobHandler {
  let kind: String
  var limits = JobLimits(
    attempts: 3, backoff: Backoff(baseMilliseconds: 0, longestMilliseconds: 0))
  let body: @Sendable (JobContext) async throws -> Void

  func run(_ context: JobContext) async throws { try await body(context) }
}

/// The error that `body` throws, as a `RoostError`.
func refusal(_ body: () async throws -> Void) async -> RoostError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? RoostError
  }
}
