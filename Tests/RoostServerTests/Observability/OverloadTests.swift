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
      _ = overload.refusal(.health, wait: milliseconds * OverloadTests.ms, at: now)
    }
    return (overload, delays, now)
  }

  @Test(
    arguments: [
      // Wait in milliseconds, and who is refused.
      (20, []), (30, [RequestPriority.exports]), (80, [.writes, .exports]),
      (110, [.reads, .writes, .exports]), (5000, [.reads, .writes, .exports]),
    ] as [(UInt64, [RequestPriority])])
  func whatCanWaitIsRefusedFirst(wait: UInt64, refused: [RequestPriority]) {
    let (overload, _, now) = waiting(wait)
    for priority in RequestPriority.allCases {
      let queue = overload.refusal(priority, wait: wait * OverloadTests.ms, at: now + 1)
      #expect((queue == .loop) == refused.contains(priority), "\(priority.name) at \(wait)")
    }
  }

  @Test func aBurstIsServed() {
    let overload = Overload(milliseconds: 100, database: DatabaseDelays(milliseconds: 100))
    for number in 0..<50 as Range<UInt64> {
      let now = (1000 + number) * OverloadTests.ms
      #expect(overload.refusal(.reads, wait: 500 * OverloadTests.ms, at: now) == nil)
    }
    // But nobody is kept for ten times as long as is tolerated.
    #expect(
      overload.refusal(.reads, wait: 1001 * OverloadTests.ms, at: 1050 * OverloadTests.ms) != nil)
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
    ("/v1/explain", .get, .exports),
  ]) func routesHaveTheirPriority(
    pattern: String, method: Transport.Method, priority: RequestPriority
  ) {
    #expect(RequestPriority.of(RouteName(method: method, pattern: pattern)) == priority)
  }
}
