import Queries
import Records
import RoostCore
import Testing

@testable import Jobs
@testable import RoostServer

@Suite("Jobs and actions of functions")
struct FunctionJobTests {
  private static let creation =
    #"{"mutations": [{"create": "bookings", "values": {"title": "made"}}]}"#

  @Test(
    "An answer that comes while the process stops is carried out, one of a cancelled job is not",
    arguments: [JobInterruption.stopping, .cancelled, .leaseLost])
  func drains(_ interruption: JobInterruption) async throws {
    let gate = ThreadGate()
    let creation = Self.creation
    try await FunctionHouse.with([
      "nightly": "on: {schedule: \"0 3 * * *\", zone: UTC}\nroles: [steward]"
    ]) {
      _ in
      gate.wait()
      return FunctionServer.Answer(body: creation)
    } _: { house, server in
      defer { gate.open() }
      let (records, ambient) = (house.app.records, house.app.ambient)
      let line = try #require(house.functions.line(named: "nightly"))
      let job = FunctionJob(line, records, ambient)
      let queue = JobQueue(ambient)
      let leased = try await records.database.write { transaction in
        try await queue.enqueue(NewJob(job.kind), in: transaction)
        return try await queue.claim(
          job.kind, limit: 1, by: "a", until: ambient.time.now().adding(milliseconds: 60_000),
          in: transaction)
      }
      let context = JobContext(try #require(leased.first), queue, on: records.database)
      async let end = FunctionJobTests.interruption { try await job.run(context) }
      try await house.until { server.calls.count == 1 }
      context.interrupt(interruption)
      gate.open()
      let isCarriedOut = interruption == .stopping
      #expect(await end == (isCarriedOut ? nil : interruption))
      #expect(context.isCompleted == isCarriedOut)
      #expect(try await house.runs().map(\.outcome) == [isCarriedOut ? .done : .failed])
    }
  }

  private static func interruption(_ body: () async throws -> Void) async -> JobInterruption? {
    do {
      try await body()
      return nil
    } catch {
      return error as? JobInterruption
    }
  }

  @Test("What was called for once is not called for again by a replay")
  func replays() async throws {
    try await FunctionHouse.with(["audit": "on: [bookings.create]"]) { _ in
      FunctionServer.Answer()
    } _: { house, _ in
      let records = house.app.records
      let line = try #require(house.functions.line(named: "audit"))
      guard case .changes(let changes) = line.function.occasion else { return }
      let trigger = FunctionTrigger(
        line, changes, among: [line.function], records, JobQueue(house.app.ambient),
        house.app.ambient.logger)
      let refusal = await #expect(throws: RoostError.self) {
        try await records.database.write { transaction in
          _ = try await records.replay(trigger, from: .beginning, in: transaction)
        }
      }
      #expect(refusal?.code == .conflict)
    }
  }

  @Test(
    "A result of another type is the function's fault, and stands in its run",
    arguments: [
      ("total", #"{"result": 3}"#, true, FunctionRun.Outcome.answered),
      ("total", #"{"result": "x"}"#, false, .refused),
      ("total", "{}", false, .refused),
      ("book", #"{"result": 3}"#, false, .refused),
      ("book", "{}", false, .refused),
      ("book", creation, true, .answered),
      ("book", #"{"result": "018f0000-0000-7000-8000-000000000001"}"#, false, .answered),
    ])
  func results(
    _ action: String, _ body: String, _ isGood: Bool, _ outcome: FunctionRun.Outcome
  ) async throws {
    try await FunctionHouse.with([action: "on: action\nretries: 0"]) { _ in
      FunctionServer.Answer(body: body)
    } _: { house, _ in
      let actions = house.app.actions
      let caller = Caller(uid: house.app.ambient.newID(), roles: [])
      let call = try actions.prepare(action, [:], by: caller)
      if isGood {
        _ = try await actions.run(call)
      } else {
        let error = await #expect(throws: RoostError.self) { _ = try await actions.run(call) }
        #expect(error?.code == .functionFailed)
      }
      #expect(try await house.runs().map(\.outcome) == [outcome])
    }
  }
}
