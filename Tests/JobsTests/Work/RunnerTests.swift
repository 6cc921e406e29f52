import Jobs
import Queries
import RoostCore
import Synchronization
import Testing

@Suite struct RunnerTests {
  @Test func jobsAreDoneOnceEach() async throws {
    try await JobsHouse.with { house in
      let runner = house.runner([
        TestHandler(kind: "a") { context in
          let name = context.payload["n"]?.string ?? ""
          try await context.complete(JobsHouse.effect(name))
        }
      ])
      runner.start()
      let names = (100..<200).map(String.init)
      for name in names { try await house.enqueue(NewJob("a", ["n": .string(name)])) }
      try await house.until { try await house.effects().count >= 100 }
      await runner.stop()
      #expect(try await house.effects() == names)
      #expect(runner.figures.ended["a"] == ["done": 100])
      #expect(runner.figures.running == [:])
    }
  }

  @Test func aJobOfThisProcessIsTakenAtOnce() async throws {
    try await JobsHouse.with { house in
      let runner = house.runner([TestHandler(kind: "a") { _ in }]) {
        // Nothing but the commit can wake it in time.
        $0.pollMilliseconds = 3_600_000
        $0.heartbeatMilliseconds = 3_600_000
      }
      runner.start()
      let id = try await house.enqueue(NewJob("a")).id
      try await house.until { try await house.job(id).state == .done }
      let next = try await house.enqueue(NewJob("a")).id
      try await house.until { try await house.job(next).state == .done }
      await runner.stop()
    }
  }

  @Test func aLaneThatRestsLeavesItsJobsUntouched() async throws {
    try await JobsHouse.with { house in
      let resting = RestingHandler(kind: "resting")
      let runner = house.runner([resting, TestHandler(kind: "a") { _ in }])
      runner.start()
      let id = try await house.enqueue(NewJob("resting")).id
      for _ in 0..<5 {
        let other = try await house.enqueue(NewJob("a")).id
        try await house.until { try await house.job(other).state == .done }
      }
      #expect(try await house.runs(id) == [])
      resting.places.withLock { $0 = 1 }
      try await house.until { try await house.job(id).state == .done }
      #expect(try await house.runs(id) == ["1 done"])
      await runner.stop()
    }
  }

  @Test func aPoisonedJobHarmsNoOther() async throws {
    try await JobsHouse.with { house in
      struct Poison: Error {}
      let gate = Gate()
      let runner = house.runner([
        TestHandler(kind: "mixed") { context in
          if context.payload["poison"] != nil { throw Poison() }
          try await context.complete(JobsHouse.effect("mixed"))
        },
        TestHandler(kind: "stuck", limits: JobLimits(concurrency: 2)) { _ in await gate.wait() },
        TestHandler(kind: "other") { context in
          try await context.complete(JobsHouse.effect("other"))
        },
      ])
      for _ in 0..<5 { try await house.enqueue(NewJob("stuck")) }
      let poison = try await house.enqueue(NewJob("mixed", ["poison": true], priority: .high)).id
      for _ in 0..<10 {
        try await house.enqueue(NewJob("mixed"))
        try await house.enqueue(NewJob("other"))
      }
      runner.start()
      try await house.until { try await house.effects().count == 20 }
      try await house.until { try await house.job(poison).state == .dead }
      #expect(runner.figures.running["stuck"] == 2)
      #expect(try await house.runs(poison) == ["1 failed", "2 failed", "3 failed"])
      #expect(try await house.job(poison).error?.contains("Poison") == true)
      gate.open()
      await runner.stop()
    }
  }

  @Test func handlersSayWhatIsToBecomeOfTheirJobs() async throws {
    try await JobsHouse.with { house in
      let runner = house.runner([
        TestHandler(kind: "permanent") { _ in throw JobFailure.permanent("no such thing") },
        TestHandler(kind: "later") { _ in throw JobFailure.later("closed", afterSeconds: 60) },
        TestHandler(kind: "postponed", limits: JobLimits(attempts: 1)) { _ in
          throw JobFailure.postponed("left alone", afterMilliseconds: 60_000)
        },
      ])
      runner.start()
      let permanent = try await house.enqueue(NewJob("permanent")).id
      let later = try await house.enqueue(NewJob("later")).id
      try await house.until { try await house.job(permanent).state == .dead }
      try await house.until { try await house.job(later).error == "closed" }
      let postponed = try await house.enqueue(NewJob("postponed")).id
      try await house.until { try await house.job(postponed).error == "left alone" }
      await runner.stop()
      // No attempt is spent, so even the last one is still there.
      let left = try await house.job(postponed)
      #expect(left.state == .waiting)
      #expect(left.attempts == 0)
      #expect(left.runAfter >= house.time.now().adding(milliseconds: 60_000))
      #expect(try await house.runs(postponed) == ["1 released"])
      #expect(try await house.job(permanent).error == "no such thing")
      #expect(try await house.job(permanent).attempts == 1)
      let job = try await house.job(later)
      #expect(job.state == .waiting)
      #expect(job.runAfter >= house.time.now().adding(milliseconds: 60_000))
    }
  }

  @Test func aRunningJobSeesThatItIsCancelled() async throws {
    try await JobsHouse.with { house in
      let runner = house.runner([
        TestHandler(kind: "long") { context in
          while true {
            try context.proceed()
            try await Task.sleep(nanoseconds: 5_000_000)
          }
        }
      ])
      runner.start()
      let id = try await house.enqueue(NewJob("long")).id
      try await house.until { try await house.job(id).state == .running }
      #expect(try await house.cancel(id) == .running)
      try await house.until { try await house.job(id).state == .cancelled }
      #expect(try await house.runs(id) == ["1 cancelled"])
      await runner.stop()
    }
  }

  @Test func progressAndCheckpointsAreKept() async throws {
    try await JobsHouse.with { house in
      let handler = TestHandler(kind: "steps") { context in
        var at = context.checkpoint?["at"]?.int ?? 0
        while at < 6 {
          at += 1
          let step = at
          try await context.save(["at": .int(step)], JobsHouse.effect("step \(step)"))
          context.progress(step, of: 6)
          // Once in the middle it fails; the next attempt goes on behind.
          if step == 3, context.job.attempt == 1 { throw JobFailure.later("x", afterSeconds: 0) }
        }
      }
      let runner = house.runner([handler])
      runner.start()
      let id = try await house.enqueue(NewJob("steps")).id
      try await house.until { try await house.job(id).state == .done }
      await runner.stop()
      #expect(try await house.effects() == (1...6).map { "step \($0)" })
      #expect(try await house.job(id).progress == ["done": 6, "total": 6])
      #expect(try await house.runs(id) == ["1 failed", "2 done"])
    }
  }

  @Test func aHeartbeatForAnAttemptThatEndedStopsNotTheNextOne() async throws {
    try await JobsHouse.with { house in
      let handler = TestHandler(
        kind: "again",
        limits: JobLimits(
          attempts: 100, backoff: Backoff(baseMilliseconds: 0, longestMilliseconds: 0))
      ) { context in
        for step in 0..<3 { try await context.save(["at": .int(Int64(step))]) }
        try context.proceed()
        if context.job.attempt < 60 { throw JobFailure.later("x", afterSeconds: 0) }
      }
      let runner = house.runner([handler])
      runner.start()
      let pulse = Task { while !Task.isCancelled { await runner.heartbeat() } }
      let id = try await house.enqueue(NewJob("again")).id
      try await house.until { try await house.job(id).state == .done }
      pulse.cancel()
      await pulse.value
      await runner.stop()
      #expect(try await house.runs(id) == (1..<60).map { "\($0) failed" } + ["60 done"])
      #expect(runner.figures.ended["again"] == ["failed": 59, "done": 1])
      let queue = house.queue
      let messages = try await house.database.read(.statement) { reader in
        try await queue.runs(of: id, in: reader).compactMap(\.message)
      }
      #expect(messages == Array(repeating: "x", count: 59))
    }
  }

  @Test func whatAStoppingProcessGivesBackDoesNotCount() async throws {
    try await JobsHouse.with { house in
      let handler = TestHandler(kind: "long") { context in
        if context.checkpoint != nil { return }
        try await context.save(["at": 1])
        while true {
          try context.proceed()
          try await Task.sleep(nanoseconds: 5_000_000)
        }
      }
      let first = house.runner([handler])
      first.start()
      let id = try await house.enqueue(NewJob("long")).id
      try await house.until { try await house.job(id).state == .running }
      try await Task.sleep(nanoseconds: 50_000_000)
      await first.stop()
      let job = try await house.job(id)
      #expect(job.state == .waiting)
      #expect(job.attempts == 0)
      let second = house.runner([handler])
      second.start()
      try await house.until { try await house.job(id).state == .done }
      await second.stop()
      #expect(try await house.runs(id) == ["1 released", "1 done"])
    }
  }

  @Test func aLeaseIsKeptWhileItsJobRuns() async throws {
    try await JobsHouse.with { house in
      let gate = Gate()
      let runner = house.runner([TestHandler(kind: "slow") { _ in await gate.wait() }])
      runner.start()
      let id = try await house.enqueue(NewJob("slow")).id
      try await house.until { try await house.job(id).state == .running }
      for _ in 0..<5 {
        // Each time most of a lease passes, and the heartbeat has a moment to renew it.
        let before = try await house.job(id).leaseUntil
        house.time.advance(20_000)
        try await house.until { try await house.job(id).leaseUntil != before }
        #expect(try await house.reap() == 0)
      }
      gate.open()
      try await house.until { try await house.job(id).state == .done }
      await runner.stop()
    }
  }

  @Test func anAttemptThatLostItsLeaseTakesNotTheNextOneOffTheBooks() async throws {
    try await JobsHouse.with { house in
      let gates = [Gate(), Gate()]
      let limits = JobLimits(
        concurrency: 2, attempts: 5,
        backoff: Backoff(baseMilliseconds: 0, longestMilliseconds: 0))
      let runner = house.runner([
        TestHandler(kind: "slow", limits: limits) { context in
          await gates[min(context.job.attempt, 2) - 1].wait()
        }
      ])
      runner.start()
      let id = try await house.enqueue(NewJob("slow")).id
      try await house.until { try await house.job(id).state == .running }
      // The clock jumps: the lease is taken away, and the same process has the next attempt.
      house.time.advance(60_000)
      #expect(try await house.reap(limits) == 1)
      runner.wake()
      try await house.until { try await house.job(id).attempts == 2 }
      gates[0].open()
      try await house.until { runner.figures.ended["slow"]?["lost"] == 1 }
      #expect(runner.figures.running["slow"] == 1)
      let before = try await house.job(id).leaseUntil
      house.time.advance(20_000)
      await runner.heartbeat()
      #expect(try await house.job(id).leaseUntil != before)
      gates[1].open()
      try await house.until { try await house.job(id).state == .done }
      await runner.stop()
      #expect(try await house.runs(id).last == "2 done")
    }
  }

  @Test func anAttemptThatTakesTooLongIsEnded() async throws {
    try await JobsHouse.with { house in
      let limits = JobLimits(attempts: 1, seconds: 0)
      let runner = house.runner([
        TestHandler(kind: "slow", limits: limits) { _ in
          try await Task.sleep(nanoseconds: 3_600_000_000_000)
        }
      ])
      runner.start()
      let id = try await house.enqueue(NewJob("slow")).id
      try await house.until { try await house.job(id).state == .dead }
      #expect(try await house.job(id).error?.contains("took longer than 0 s") == true)
      await runner.stop()
    }
  }
}

/// Something that tests open.
final class Gate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>(
    (false, []))

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state -> Bool in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// A handler whose lane has room as the test says.
final class RestingHandler: JobHandler {
  let kind: String
  let places = Mutex(0)
  var room: Int { places.withLock { $0 } }

  init(kind: String) { self.kind = kind }

  func run(_ context: JobContext) async throws {}
}
