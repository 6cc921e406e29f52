import RoostCore
import Testing

@testable import SyncProtocol

@Suite struct ClockTests {
  private struct Wall: TimeSource {
    let milliseconds: Int64
    func now() -> Timestamp { Timestamp(milliseconds: milliseconds) }
    func monotonicNanoseconds() -> UInt64 { 0 }
  }

  @Test func textsAndBytesSortAsStampsDo() throws {
    var dice = Dice(1)
    let stamps = (0..<200).map { _ in
      Stamp(
        time: HybridTime(rawValue: dice.next() >> UInt64(dice.roll(0...60))),
        client: UUID(high: dice.next(), low: dice.next()))
    }
    for stamp in stamps {
      #expect(Stamp(stamp.description) == stamp)
      #expect(Stamp(bytes: stamp.bytes) == stamp)
    }
    let sorted = stamps.sorted()
    #expect(sorted.map(\.description) == stamps.map(\.description).sorted())
    let bytes = stamps.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
    #expect(sorted.map(\.bytes) == bytes)
  }

  @Test func theValueAndTheServersClockAgree() {
    for wall in [0, 1_700_000_000_000, 1_700_000_000_001] as [Int64] {
      let clock = HybridClock(time: Wall(milliseconds: wall))
      var state = ClockState()
      #expect(clock.tick() == state.tick(wall: wall))
      for ahead in [0, 59_999, 60_000, 60_001, 1 << 40] as [Int64] {
        let remote = HybridTime(milliseconds: wall + ahead, counter: 3)
        #expect(clock.receive(remote) == state.receive(remote, wall: wall))
        #expect(clock.tick() == state.tick(wall: wall))
      }
    }
  }

  @Test func noClockTraps() {
    var state = ClockState(last: HybridTime(rawValue: .max))
    for wall in [Int64.min, -1, .max] {
      _ = state.tick(wall: wall)
      _ = state.receive(HybridTime(rawValue: .max), wall: wall)
    }
    #expect(state.last == HybridTime(rawValue: .max))
    var offset = ClockOffset()
    _ = offset.measure(sent: .max >> 2, received: .max >> 2, server: 0)
    var restamping = Restamping(shift: offset.milliseconds, now: 0)
    #expect(restamping.correct(HybridTime(rawValue: .max)).milliseconds == 0)
  }

  @Test func restampedMutationsKeepTheirOrder() {
    for seed in 0..<300 {
      var dice = Dice(seed)
      var device = ClockState()
      let wrong = Int64(dice.roll(-9_000_000...9_000_000))
      let now: Int64 = 1_700_000_000_000
      var made: [(time: HybridTime, seen: HybridTime, at: Int64)] = []
      var seen = HybridTime(rawValue: 0)
      for step in 0..<10 {
        let at = now - 10_000 + Int64(step) * 900
        if dice.chance(0.2) {
          seen = HybridTime(milliseconds: at - 5, counter: 0)
          device.observe(seen)
        }
        made.append((device.tick(wall: at + wrong), seen, at))
      }
      var offset = ClockOffset()
      guard
        let shift = offset.measure(sent: now + wrong - 40, received: now + wrong + 40, server: now)
      else { continue }
      var restamping = Restamping(shift: shift, now: now)
      var last = HybridTime(rawValue: 0)
      for mutation in made {
        let corrected = restamping.correct(mutation.time, seen: mutation.seen)
        #expect(corrected > last && corrected > mutation.seen)
        #expect(corrected.milliseconds <= now)
        last = corrected
      }
    }
  }
}
