import Synchronization
import Testing

@testable import RoostCore

@Suite struct SteadyTimeTests {
  private final class Clocks: TimeSource {
    let wall = Atomic<Int64>(1_800_000_000_000)
    let monotonic = Atomic<UInt64>(5_000_000_000)

    func now() -> Timestamp { Timestamp(milliseconds: wall.load(ordering: .relaxed)) }
    func monotonicNanoseconds() -> UInt64 { monotonic.load(ordering: .relaxed) }

    func pass(seconds: Int) {
      wall.add(Int64(seconds) * 1000, ordering: .relaxed)
      monotonic.add(UInt64(seconds) * 1_000_000_000, ordering: .relaxed)
    }

    func jump(seconds: Int) { wall.add(Int64(seconds) * 1000, ordering: .relaxed) }
  }

  private func steady(_ clocks: Clocks) -> SteadyTime {
    SteadyTime(clocks, toleranceSeconds: 3600, logger: Logger(level: .error))
  }

  private func seconds(_ time: SteadyTime) -> Int64 {
    (time.now().milliseconds - 1_800_000_000_000) / 1000
  }

  @Test func timePassesAsItDoes() {
    let clocks = Clocks()
    let time = steady(clocks)
    for _ in 0..<100 { clocks.pass(seconds: 86_400) }
    #expect(seconds(time) == 8_640_000)
    #expect(time.monotonicNanoseconds() == clocks.monotonicNanoseconds())
  }

  @Test(arguments: [3600, -3600, 1, -1])
  func aCorrectionIsFollowed(_ correction: Int) {
    let clocks = Clocks()
    let time = steady(clocks)
    clocks.jump(seconds: correction)
    #expect(seconds(time) == Int64(correction))
    clocks.pass(seconds: 10)
    #expect(seconds(time) == Int64(correction + 10))
  }

  @Test(arguments: [3601, -3601, 315_360_000, -315_360_000])
  func aJumpIsNotUntilItIsUndone(_ jump: Int) {
    let clocks = Clocks()
    let time = steady(clocks)
    clocks.pass(seconds: 5)
    clocks.jump(seconds: jump)
    #expect(seconds(time) == 5)
    clocks.pass(seconds: 1000)
    #expect(seconds(time) == 1005)
    clocks.jump(seconds: -jump + 60)
    #expect(seconds(time) == 1065)
    clocks.pass(seconds: 1)
    #expect(seconds(time) == 1066)
  }
}
