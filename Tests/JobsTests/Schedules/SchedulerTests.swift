import Jobs
import Queries
import RoostCore
import Testing

@Suite struct SchedulerTests {
  private func scheduler(
    _ house: JobsHouse, _ expression: String = "30 2 * * *", zone: String = "Europe/Berlin"
  ) throws -> Scheduler {
    Scheduler(
      [
        Schedule(
          "nightly", try CronExpression(expression), in: try ZoneFolder.system.zone(zone),
          kind: "a", payload: ["n": 1])
      ], on: house.database, ambient: house.ambient)
  }

  /// Takes and completes what waits, and returns how much it was.
  private func work(_ house: JobsHouse) async throws -> Int {
    let queue = house.queue
    let jobs = try await house.claim("a", limit: 10)
    for job in jobs {
      try await house.database.write { try await queue.complete(job.id, job.token, in: $0) }
    }
    return jobs.count
  }

  @Test func aNewScheduleBeginsNow() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-06-01T12:00:00Z")
      let scheduler = try scheduler(house)
      #expect(try await scheduler.tick() == 0)
      house.time.set("2026-06-02T00:29:59Z")
      #expect(try await scheduler.tick() == 0)
      house.time.set("2026-06-02T00:30:00Z")
      #expect(try await scheduler.tick() == 1)
      #expect(try await scheduler.tick() == 0)
      #expect(try await work(house) == 1)
    }
  }

  @Test func severalProcessesAndRestartsFireOnce() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-10-24T12:00:00Z")
      let all = try (0..<4).map { _ in try scheduler(house) }
      for scheduler in all { try await scheduler.tick() }
      // 02:30 comes twice on this day.
      for moment in ["2026-10-25T00:30:10Z", "2026-10-25T01:30:10Z", "2026-10-25T02:30:10Z"] {
        house.time.set(moment)
        let added = try await withThrowingTaskGroup(of: Int.self) { group in
          for scheduler in all { group.addTask { try await scheduler.tick() } }
          group.addTask { try await self.scheduler(house).tick() }
          return try await group.reduce(0, +)
        }
        #expect(added == (moment.contains("T00") ? 1 : 0), "\(moment)")
        #expect(try await work(house) == added)
      }
    }
  }

  @Test func whatWasMissedIsDoneOnce() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-06-01T12:00:00Z")
      try await scheduler(house).tick()
      house.time.set("2026-06-20T12:00:00Z")
      #expect(try await scheduler(house).tick() == 1)
      #expect(try await scheduler(house).tick() == 0)
      #expect(try await work(house) == 1)
      let keys = try await house.database.read(.statement) { reader in
        try await reader.all("SELECT local_time FROM roost_schedule_fire") { $0.text(0) }
      }
      #expect(keys == ["2026-06-20T02:30"])
    }
  }

  @Test func aClockThatIsSetBackDoesNotFireAgain() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-06-01T12:00:00Z")
      try await scheduler(house).tick()
      house.time.set("2026-06-02T00:30:00Z")
      #expect(try await scheduler(house).tick() == 1)
      #expect(try await work(house) == 1)
      house.time.set("2026-06-01T20:00:00Z")
      #expect(try await scheduler(house).tick() == 0)
      house.time.set("2026-06-02T00:30:00Z")
      #expect(try await scheduler(house).tick() == 0)
      house.time.set("2026-06-03T00:30:00Z")
      #expect(try await scheduler(house).tick() == 1)
    }
  }

  @Test func aChangedScheduleBeginsAnew() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-06-01T12:00:00Z")
      try await scheduler(house).tick()
      house.time.set("2026-06-05T12:00:00Z")
      #expect(try await scheduler(house, "0 3 * * *").tick() == 0)
      house.time.set("2026-06-06T01:00:00Z")
      #expect(try await scheduler(house, "0 3 * * *").tick() == 1)
    }
  }

  @Test func aRunThatHasNotEndedIsNotDoubled() async throws {
    try await JobsHouse.with { house in
      house.time.set("2026-06-01T12:00:00Z")
      let scheduler = try scheduler(house)
      try await scheduler.tick()
      house.time.set("2026-06-02T12:00:00Z")
      #expect(try await scheduler.tick() == 1)
      house.time.set("2026-06-03T12:00:00Z")
      #expect(try await scheduler.tick() == 0)
      #expect(try await work(house) == 1)
      house.time.set("2026-06-04T12:00:00Z")
      #expect(try await scheduler.tick() == 1)
    }
  }
}
