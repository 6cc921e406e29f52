import Jobs
import Queries
import RoostCore
import Testing

@Suite struct QueueTests {
  @Test func aJobIsAddedWithWhatCausedItOrNotAtAll() async throws {
    try await JobsHouse.with { house in
      struct Refused: Error {}
      let queue = house.queue
      await #expect(throws: Refused.self) {
        try await house.database.write { transaction in
          try await queue.enqueue(NewJob("a"), in: transaction)
          throw Refused()
        }
      }
      #expect(try await house.claim("a").isEmpty)
      try await house.enqueue(NewJob("a", ["n": 1]))
      let jobs = try await house.claim("a")
      #expect(jobs.map(\.payload) == [["n": 1]])
      #expect(jobs.map(\.attempt) == [1])
    }
  }

  @Test func ofOneKeyAtMostOneIsNotFinished() async throws {
    try await JobsHouse.with { house in
      let first = try await house.enqueue(NewJob("a", key: "k"))
      #expect(try await house.enqueue(NewJob("a", key: "k")) == .known(first.id))
      #expect(try await house.enqueue(NewJob("b", key: "k")) != .known(first.id))
      #expect(try await house.enqueue(NewJob("a", key: "other")) != .known(first.id))
      let all = try await house.claim("a", limit: 10)
      let job = try #require(all.first { $0.id == first.id })
      #expect(try await house.enqueue(NewJob("a", key: "k")) == .known(first.id))
      let queue = house.queue
      try await house.database.write { try await queue.complete(job.id, job.token, in: $0) }
      guard case .added = try await house.enqueue(NewJob("a", key: "k")) else {
        Issue.record("a finished job keeps its key")
        return
      }
    }
  }

  @Test func priorityComesBeforeTimeAndTimeBeforeOrder() async throws {
    try await JobsHouse.with { house in
      let now = house.time.now()
      let later = now.adding(milliseconds: 1)
      for (name, priority, time): (JSON, JobPriority, Timestamp) in [
        ("low", .low, now), ("normal", .normal, now), ("tomorrow", .high, later),
        ("high", .high, now),
      ] {
        try await house.enqueue(NewJob("a", ["n": name], priority: priority, runAfter: time))
      }
      let taken = try await house.claim("a", limit: 10).compactMap { $0.payload["n"]?.string }
      #expect(taken == ["high", "normal", "low"])
      #expect(try await house.claim("a").isEmpty)
      house.time.advance(1)
      #expect(try await house.claim("a").count == 1)
    }
  }

  @Test func nobodyTakesWhatAnotherHas() async throws {
    try await JobsHouse.with { house in
      for _ in 0..<60 { try await house.enqueue(NewJob("a")) }
      let taken = try await withThrowingTaskGroup(of: [LeasedJob].self) { group in
        for number in 0..<12 {
          group.addTask { try await house.claim("a", limit: 7, by: "p\(number)") }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(Set(taken.map(\.id)).count == taken.count)
      let rest = try await house.claim("a", limit: 100)
      #expect(Set((taken + rest).map(\.id)).count == 60)
    }
  }

  @Test func aZombiesCompletionIsRefusedWithItsEffects() async throws {
    try await JobsHouse.with { house in
      let id = try await house.enqueue(NewJob("a")).id
      let zombie = JobContext(
        try #require(try await house.claim("a").first), house.queue, on: house.database)
      house.time.advance(1001)
      #expect(try await house.reap(JobLimits(backoff: Backoff(baseMilliseconds: 0))) == 1)
      let heir = JobContext(
        try #require(try await house.claim("a").first), house.queue, on: house.database)
      #expect(heir.token == zombie.token + 1)
      await #expect(throws: LeaseLost.self) {
        try await zombie.complete(JobsHouse.effect("zombie"))
      }
      await #expect(throws: LeaseLost.self) {
        try await zombie.save(["at": 1], JobsHouse.effect("zombie"))
      }
      await #expect(throws: LeaseLost.self) {
        try await zombie.save { transaction in
          try await JobsHouse.effect("zombie")(transaction)
          return (["at": 1], 1)
        }
      }
      try await heir.complete(JobsHouse.effect("heir"))
      await #expect(throws: LeaseLost.self) {
        try await heir.complete(JobsHouse.effect("again"))
      }
      #expect(try await house.effects() == ["heir"])
      #expect(try await house.job(id).state == .done)
      #expect(try await house.runs(id) == ["1 lost", "2 done"])
    }
  }

  @Test func anEffectThatFailsLeavesTheJobAsItWas() async throws {
    try await JobsHouse.with { house in
      let id = try await house.enqueue(NewJob("a")).id
      let context = JobContext(
        try #require(try await house.claim("a").first), house.queue, on: house.database)
      struct Broken: Error {}
      await #expect(throws: Broken.self) {
        try await context.complete { transaction in
          try await JobsHouse.effect("half")(transaction)
          throw Broken()
        }
      }
      #expect(try await house.effects() == [])
      #expect(try await house.job(id).state == .running)
    }
  }

  @Test func anAttemptCountsWhenItBegins() async throws {
    try await JobsHouse.with { house in
      let limits = JobLimits(attempts: 3, backoff: Backoff(baseMilliseconds: 0))
      let id = try await house.enqueue(NewJob("crash")).id
      for attempt in 1...3 {
        // Each process ends with the job in its hands.
        #expect(try await house.claim("crash").first?.attempt == attempt)
        #expect(try await house.reap(limits) == 0)
        house.time.advance(1001)
        #expect(try await house.reap(limits) == 1)
      }
      let job = try await house.job(id)
      #expect(job.state == .dead)
      #expect(job.error?.contains("3 attempts") == true)
      #expect(try await house.runs(id) == ["1 lost", "2 lost", "3 lost"])
    }
  }

  @Test func jobsAreCancelledWhereverTheyAre() async throws {
    try await JobsHouse.with { house in
      let waiting = try await house.enqueue(NewJob("a")).id
      #expect(try await house.cancel(waiting) == .cancelled)
      #expect(try await house.claim("a").isEmpty)
      let again = await refusal { _ = try await house.cancel(waiting) }
      #expect(again?.code == .conflict)
      let running = try await house.enqueue(NewJob("a")).id
      _ = try await house.claim("a")
      #expect(try await house.cancel(running) == .running)
      #expect(try await house.job(running).isCancelRequested)
      // Whoever had it is gone: the flag counts for the lease that ends.
      house.time.advance(1001)
      try await house.reap()
      #expect(try await house.job(running).state == .cancelled)
      let nobodys = try await house.enqueue(NewJob("a")).id
      _ = try await house.claim("a")
      house.time.advance(1001)
      #expect(try await house.cancel(nobodys) == .cancelled)
      #expect(try await house.runs(nobodys) == ["1 lost"])
      let none = await refusal { _ = try await house.cancel(house.ambient.newID()) }
      #expect(none?.code == .notFound)
    }
  }

  @Test func whatIsDeadRunsAgainWhenSomebodySaysSo() async throws {
    try await JobsHouse.with { house in
      let queue = house.queue
      let id = try await house.enqueue(NewJob("a", key: "k")).id
      let job = try #require(try await house.claim("a").first)
      let refused = await refusal { try await house.retry(id) }
      #expect(refused?.code == .conflict)
      let state = try await house.database.write {
        try await queue.fail(job.id, job.token, .dead("no use"), in: $0)
      }
      #expect(state == .dead)
      #expect(try await house.job(id).error == "no use")
      let other = try await house.enqueue(NewJob("a", key: "k")).id
      let taken = await refusal { try await house.retry(id) }
      #expect(taken?.code == .conflict)
      _ = try await house.cancel(other)
      try await house.retry(id)
      let next = try #require(try await house.claim("a").first)
      #expect(next.id == id)
      #expect(next.attempt == 1)
      #expect(next.token == job.token + 1)
      try await house.database.write { try await queue.complete(id, next.token, in: $0) }
      let done = await refusal { try await house.retry(id) }
      #expect(done?.code == .conflict)
    }
  }

  @Test func aPayloadHasABound() async throws {
    try await JobsHouse.with { house in
      let fits = String(repeating: "x", count: NewJob.payloadBytes - 8)
      try await house.enqueue(NewJob("a", ["n": .string(fits)]))
      let error = await refusal {
        try await house.enqueue(NewJob("a", ["n": .string(fits + "x")]))
      }
      #expect(error?.code == .payloadTooLarge)
    }
  }

  @Test func whatEndedLongAgoIsRemoved() async throws {
    try await JobsHouse.with { house in
      let queue = house.queue
      var ids: [RoostCore.UUID] = []
      for kind in ["done", "dead", "cancelled", "waiting"] {
        ids.append(try await house.enqueue(NewJob(kind)).id)
      }
      for kind in ["done", "dead"] {
        let job = try #require(try await house.claim(kind).first)
        try await house.database.write { transaction in
          if kind == "done" {
            try await queue.complete(job.id, job.token, in: transaction)
          } else {
            _ = try await queue.fail(job.id, job.token, .dead("x"), in: transaction)
          }
        }
      }
      _ = try await house.cancel(ids[2])
      func states() async throws -> [String] {
        try await queue.trim(JobsKept(), on: house.database)
        let list = try await house.database.read(.statement) {
          try await queue.list(limit: 10, in: $0)
        }
        return list.map(\.state.rawValue).sorted()
      }
      #expect(try await states() == ["cancelled", "dead", "done", "waiting"])
      house.time.advance(7 * 86_400_000)
      #expect(try await states() == ["dead", "waiting"])
      #expect(try await house.runs(ids[0]) == ["1 done"])
      house.time.advance(83 * 86_400_000)
      #expect(try await states() == ["waiting"])
      #expect(try await house.runs(ids[0]) == [])
    }
  }

  @Test func runsAreKeptUpToANumber() async throws {
    try await JobsHouse.with { house in
      let queue = house.queue
      for _ in 0..<5 {
        house.time.advance(1)
        try await house.enqueue(NewJob("a"))
        let job = try #require(try await house.claim("a").first)
        try await house.database.write { try await queue.complete(job.id, job.token, in: $0) }
      }
      var kept = JobsKept()
      kept.runs = 2
      try await queue.trim(kept, on: house.database)
      let left = try await house.database.read(.statement) { reader in
        try await reader.first("SELECT count(*) FROM roost_task_runs") { $0.int64(0) }
      }
      #expect(left == 2)
    }
  }

  @Test func countsSayWhatThereIs() async throws {
    try await JobsHouse.with { house in
      for _ in 0..<3 { try await house.enqueue(NewJob("a")) }
      try await house.enqueue(NewJob("b"))
      _ = try await house.claim("a")
      house.time.advance(500)
      let queue = house.queue
      let (counts, waits) = try await house.database.read(.statement) { reader in
        (try await queue.counts(in: reader), try await queue.waits(in: reader).map(\.milliseconds))
      }
      #expect(
        counts.map { "\($0.kind) \($0.state.rawValue) \($0.count)" }
          == ["a running 1", "a waiting 2", "b waiting 1"])
      #expect(waits == [500, 500])
    }
  }
}
