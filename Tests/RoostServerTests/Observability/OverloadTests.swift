import RoostCore
import Testing
import Transport

@testable import RoostServer

@Suite("Overload")
struct OverloadTests {
  private static let ms: UInt64 = 1_000_000

  /// A server whose requests have waited for so long for a while, and the time then.
  private func waiting(
    _ milliseconds: UInt64, tolerated: Int = 100
  ) -> (Overload, DatabaseDelays, now: UInt64) {
    let delays = DatabaseDelays(milliseconds: tolerated)
    let overload = Overload(milliseconds: tolerated, database: delays)
    var now = 1_000 * OverloadTests.ms
    for _ in 0..<15 {
      now += 10 * OverloadTests.ms
      overload.note(milliseconds * OverloadTests.ms, at: now)
    }
    return (overload, delays, now)
  }

  /// For which queue nearly all of a priority are refused that have waited for so many milliseconds,
  /// within the thousand nanoseconds behind `now`; nil where none is.
  ///
  /// While a queue stands one of 32 is let in, by the time at which it was read.
  private func refusal(
    _ overload: Overload, _ priority: RequestPriority, wait: UInt64, at now: UInt64
  ) -> Overload.Queue? {
    let queues = (1...1000).compactMap { later in
      overload.refusal(priority, wait: wait * OverloadTests.ms, at: now + UInt64(later))
    }
    // Of those in time a quarter is refused at first.
    let areInTime = queues.count < 300
    #expect(areInTime || (950...985).contains(queues.count) || queues.count == 1000)
    return areInTime ? nil : queues.first
  }

  @Test(
    arguments: [
      // Wait in milliseconds, and who is refused.
      (1, []), (2, [RequestPriority.exports]), (4, [.writes, .exports]),
      (6, [.reads, .writes, .exports]), (5000, [.reads, .writes, .exports]),
    ] as [(UInt64, [RequestPriority])])
  func whatCanWaitIsRefusedFirst(wait: UInt64, refused: [RequestPriority]) {
    let (overload, _, now) = waiting(30)
    for priority in RequestPriority.allCases {
      let queue = refusal(overload, priority, wait: wait, at: now)
      #expect((queue == .loop) == refused.contains(priority), "\(priority.name) at \(wait)")
    }
  }

  @Test func aBurstIsServed() {
    let overload = Overload(milliseconds: 100, database: DatabaseDelays(milliseconds: 100))
    for number in 0..<50 as Range<UInt64> {
      let now = (1000 + number) * OverloadTests.ms
      overload.note(500 * OverloadTests.ms, at: now)
      #expect(overload.refusal(.reads, wait: 500 * OverloadTests.ms, at: now) == nil)
    }
    // But nobody is kept for ten times as long as is tolerated.
    #expect(
      overload.refusal(.reads, wait: 1001 * OverloadTests.ms, at: 1050 * OverloadTests.ms) != nil)
  }

  @Test func whoComesInTimeIsServedWhileTheQueueStands() {
    let (overload, _, now) = waiting(80)
    for _ in 0..<10 { overload.note(OverloadTests.ms, at: now) }
    for priority in RequestPriority.allCases {
      #expect(refusal(overload, priority, wait: 1, at: now) == nil)
    }
    #expect(refusal(overload, .reads, wait: 80, at: now) == .loop)
  }

  @Test func notAllAreTurnedAwayWhereAllAreLate() {
    let (overload, _, now) = waiting(500)
    func admitted(_ wait: UInt64) -> Int {
      (1...3200).count { later in
        let now = now + UInt64(later)
        let first = overload.refusal(.reads, wait: wait * OverloadTests.ms, at: now)
        // The gate and the door ask of the same request.
        #expect(overload.refusal(.reads, wait: wait * OverloadTests.ms, at: now) == first)
        return first == nil
      }
    }
    #expect((80...120).contains(admitted(500)))
    #expect(admitted(1001) == 0)
  }

  @Test func aQueueThatWaitsForLessThanAQuarterStandsNever() {
    let (overload, _, now) = waiting(24)
    for priority in RequestPriority.allCases {
      #expect(overload.refusal(priority, wait: 24 * OverloadTests.ms, at: now) == nil)
    }
  }

  @Test func aQueueStandsUntilMostAreInTime() {
    var (overload, _, now) = waiting(80)
    func stands() -> Bool { overload.state(of: .loop, at: now).isStanding }
    // A process that runs in turns serves so many in one of them.
    for _ in 0..<600 { overload.note(20 * OverloadTests.ms, at: now) }
    for _ in 0..<500 { overload.note(OverloadTests.ms, at: now) }
    #expect(stands())
    for _ in 0..<12 { overload.note(OverloadTests.ms, at: now) }
    #expect(stands(), "not all who come in time are let in yet")
    // They are once the loops rest again.
    for _ in 0..<40 {
      now += 100 * OverloadTests.ms
      overload.note(20 * OverloadTests.ms, at: now)
      overload.rested()
    }
    for _ in 0..<600 { overload.note(20 * OverloadTests.ms, at: now) }
    for _ in 0..<500 { overload.note(OverloadTests.ms, at: now) }
    #expect(stands())
    for _ in 0..<12 { overload.note(OverloadTests.ms, at: now) }
    #expect(!stands())
    overload.note(20 * OverloadTests.ms, at: now)
    #expect(!stands())
  }

  @Test func aQueueStandsNoMoreWhereNobodyComes() {
    let (overload, _, now) = waiting(80)
    #expect(overload.state(of: .loop, at: now + 150 * OverloadTests.ms).isStanding)
    #expect(!overload.state(of: .loop, at: now + 151 * OverloadTests.ms).isStanding)
    #expect(
      overload.refusal(.reads, wait: 80 * OverloadTests.ms, at: now + 151 * OverloadTests.ms)
        == nil)
  }

  @Test func aQueueOfTheWriterRefusesWritesAlone() {
    let delays = DatabaseDelays(milliseconds: 100)
    let overload = Overload(milliseconds: 100, database: delays)
    var now = 1_000 * OverloadTests.ms
    for _ in 0..<15 {
      now += 10 * OverloadTests.ms
      delays.writes.note(400 * OverloadTests.ms, at: now)
    }
    #expect(overload.refusal(.writes, wait: 0, at: now) == .writes)
    #expect(overload.refusal(.reads, wait: 0, at: now) == nil)
    #expect(overload.refusal(.exports, wait: 0, at: now) == nil)
    #expect(overload.state(of: .writes, at: now).isStanding)
    // One that was served in time ends it.
    delays.writes.note(OverloadTests.ms, at: now + 1)
    #expect(overload.refusal(.writes, wait: 0, at: now + 2) == nil)
  }

  @Test func withoutABoundNobodyIsRefused() {
    let (overload, delays, now) = waiting(60_000, tolerated: 0)
    delays.writes.note(60_000 * OverloadTests.ms, at: now)
    for priority in RequestPriority.allCases {
      #expect(overload.refusal(priority, wait: 60_000 * OverloadTests.ms, at: now) == nil)
    }
  }

  @Test(arguments: [
    ("/health/ready", Transport.Method.get, RequestPriority.health), ("/metrics", .get, .health),
    ("/status", .get, .health), ("/v1/{collection}", .get, .reads),
    ("/v1/{collection}", .post, .writes), ("/v1/sync", .post, .writes),
    ("/v1/admin/jobs", .get, .exports), ("/openapi.json", .get, .exports),
    ("/v1/explain", .get, .exports), ("/v1/administrators", .get, .reads),
    ("/v1/statuses", .get, .reads), ("/healthy", .get, .reads), ("", .options, .reads),
  ]) func routesHaveTheirPriority(
    pattern: String, method: Transport.Method, priority: RequestPriority
  ) {
    #expect(RequestPriority.of(RouteName(method: method, pattern: pattern)) == priority)
  }

  @Test(arguments: [
    ("/v1/songs", Transport.Method.get, false, false, true),
    ("/v1/songs", .post, false, false, true),
    ("/health/ready", .get, false, false, false),
    // The door refuses these: it knows what else the answer has to carry, and the log is behind it.
    ("/v1/songs", .get, true, false, false), ("/v1/songs", .get, false, true, false),
  ]) func theGateRefusesBeforeAnythingIsLookedFor(
    path: String, method: Transport.Method, isFromPage: Bool, isLogged: Bool, isRefused: Bool
  ) {
    let overload = Overload(milliseconds: 100, database: DatabaseDelays(milliseconds: 100))
    let gate = AppGate(overload, isLogged: isLogged)
    func refusal(_ wait: UInt64, at now: UInt64) -> PreparedRefusal? {
      var path = path
      return path.withUTF8 {
        gate.refusal(
          method, path: UnsafeRawBufferPointer($0), wait: wait * OverloadTests.ms,
          at: now * OverloadTests.ms, isFromPage: isFromPage)
      }
    }
    for at in stride(from: 1000, through: 1090, by: 10) as StrideThrough<UInt64> {
      #expect(refusal(80, at: at) == nil, "a burst is served")
    }
    let answers = (1110..<1130).compactMap { refusal(80, at: $0)?.response.status }
    #expect(answers.isEmpty != isRefused && answers.allSatisfy { $0 == 503 })
    #expect((1131..<1151).contains { refusal(1, at: $0) == nil })
    #expect(overload.state(of: .loop, at: 1151 * OverloadTests.ms).isStanding)
  }
}
