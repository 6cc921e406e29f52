import RoostCore
import Testing

@Suite("Delays of queues")
struct QueueDelayTests {
  private let ms: UInt64 = 1_000_000

  @Test func aBurstIsNoStandingQueue() {
    let delay = QueueDelay(target: 20 * ms, interval: 100 * ms)
    for at in stride(from: 1000, to: 1090, by: 10) as StrideTo<UInt64> {
      delay.note(500 * ms, at: at * ms)
      #expect(!delay.isStanding(at: at * ms))
    }
    delay.note(5 * ms, at: 1095 * ms)
    delay.note(500 * ms, at: 1150 * ms)
    #expect(!delay.isStanding(at: 1150 * ms))
  }

  @Test func aQueueStandsWhereEveryWaitOfAnIntervalWasLong() {
    let delay = QueueDelay(target: 20 * ms, interval: 100 * ms)
    for at in stride(from: 1000, through: 1110, by: 10) as StrideThrough<UInt64> {
      delay.note(50 * ms, at: at * ms)
    }
    #expect(delay.isStanding(at: 1110 * ms))
    #expect(delay.wait(at: 1110 * ms) == 50 * ms)
    // One that was served in time ends it.
    delay.note(20 * ms, at: 1111 * ms)
    #expect(!delay.isStanding(at: 1112 * ms))
    #expect(delay.wait(at: 1112 * ms) == 0)
  }

  @Test func whereTheMostDecideAFewInTimeEndNothing() {
    let delay = QueueDelay(target: 20 * ms, interval: 100 * ms, lead: 50)
    // A process that runs in turns: who came in its pause waited, who comes while it runs does not.
    var now: UInt64 = 1000
    for _ in 0..<4 {
      now += 80
      for _ in 0..<10 { delay.note(80 * ms, at: now * ms) }
      for _ in 0..<4 { delay.note(ms, at: now * ms) }
      now += 20
    }
    #expect(delay.isStanding(at: now * ms))
    // One ahead at most by the lead: so many in time end it.
    for _ in 0..<200 { delay.note(80 * ms, at: now * ms) }
    for _ in 0..<49 { delay.note(ms, at: now * ms) }
    #expect(delay.isStanding(at: now * ms))
    delay.note(ms, at: now * ms)
    #expect(!delay.isStanding(at: now * ms))
    // Where the most are in time, it never stands.
    for _ in 0..<100 {
      now += 10
      delay.note(80 * ms, at: now * ms)
      for _ in 0..<2 { delay.note(ms, at: now * ms) }
      #expect(!delay.isStanding(at: now * ms))
    }
  }

  @Test func aThreadThatIsLateWithItsNewsDoesNoHarm() {
    let delay = QueueDelay(target: 20 * ms, interval: 100 * ms)
    for at in stride(from: 1000, through: 1110, by: 10) as StrideThrough<UInt64> {
      delay.note(50 * ms, at: at * ms)
      // Another thread read the clock before, and tells after.
      delay.note(50 * ms, at: at * ms - 1)
    }
    #expect(delay.isStanding(at: 1110 * ms))
    #expect(delay.isStanding(at: 1110 * ms - 1))
  }

  @Test func whatWasLongAgoIsForgotten() {
    let delay = QueueDelay(target: 20 * ms, interval: 100 * ms)
    for at in stride(from: 1000, through: 1200, by: 10) as StrideThrough<UInt64> {
      delay.note(50 * ms, at: at * ms)
    }
    #expect(delay.isStanding(at: 1300 * ms))
    #expect(!delay.isStanding(at: 1800 * ms))
    // After the pause it begins anew.
    delay.note(50 * ms, at: 1900 * ms)
    #expect(!delay.isStanding(at: 1900 * ms))
  }

  @Test func withoutATargetNothingStands() {
    let delay = QueueDelay(target: 0)
    for at in stride(from: 1000, through: 3000, by: 10) as StrideThrough<UInt64> {
      delay.note(5000 * ms, at: at * ms)
    }
    #expect(!delay.isStanding(at: 3000 * ms))
  }
}
