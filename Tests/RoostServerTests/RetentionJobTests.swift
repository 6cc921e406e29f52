import Jobs
import Queries
import Records
import RoostCore
import RoostServer
import Synchronization
import Testing

@Suite struct RetentionJobTests {
  /// A wall clock that tests move.
  private final class MovedTime: TimeSource {
    private let ahead = Atomic<Int64>(0)
    func now() -> Timestamp {
      SystemTime().now().adding(milliseconds: ahead.load(ordering: .relaxed))
    }
    func monotonicNanoseconds() -> UInt64 { SystemTime().monotonicNanoseconds() }
    func advance(_ by: Int64) { ahead.add(by, ordering: .relaxed) }
  }

  private static let schema = """
    type Tag @collection @allow(ops: [ALL]) @retention(after: "createdAt", for: "P1D") {
      text: String @search
    }
    """

  private func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<3000 {
      if try await condition() { return true }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    return false
  }

  @Test("The night that was missed is made up for, and everybody hears of what went")
  func nightly() async throws {
    let time = MovedTime()
    let house = try await ImportHouse(Self.schema, time: time)
    let app = house.app
    let tags = try #require(app.records.catalogue.collection(named: "tags"))
    for number in 0..<250 {
      _ = try await app.records.create(tags, ["text": .string("t\(number)")], by: .system)
    }
    app.startJobs()
    // The schedule is on record before the clock moves.
    #expect(
      try await eventually {
        try await house.rows("SELECT count(*) FROM roost_schedule", columns: 1) == ["1"]
      })
    time.advance(3 * 86_400_000)
    #expect(
      try await eventually {
        try await house.rows("SELECT count(*) FROM tags", columns: 1) == ["0"]
      })
    #expect(
      try await eventually {
        try await house.rows("SELECT state FROM roost_job", columns: 1) == ["done"]
      })
    #expect(
      try await house.rows("SELECT count(*) FROM roost_log WHERE kind = 3", columns: 1) == ["250"])
    #expect(
      try await eventually {
        try await house.rows("SELECT live FROM roost_collection_count", columns: 1) == ["0"]
      })
    #expect(
      try await house.rows("SELECT count(*) FROM roost_schedule_fire", columns: 1) == ["1"])
    await house.close()
  }
}
