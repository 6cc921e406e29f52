import RoostCore
import SyncProtocol

/// A device's hybrid clock and how far its wall clock is off.
struct DeviceClock: Sendable, Equatable {
  private(set) var state = ClockState()
  private(set) var offset = ClockOffset()
  /// The latest that was heard of the server's clock.
  private(set) var seen = HybridTime(rawValue: 0)

  /// Wall clocks beyond this are broken, and would overflow sums.
  private static let bound: Int64 = 1 << 50

  static func within(_ wall: Int64) -> Int64 { min(max(wall, -bound), bound) }

  /// The corrected wall clock.
  func now(_ wall: Int64) -> Int64 { offset.wall(DeviceClock.within(wall)) }

  mutating func tick(_ wall: Int64) -> HybridTime { state.tick(wall: now(wall)) }

  mutating func observe(_ server: HybridTime) {
    state.observe(server)
    seen = max(seen, server)
  }

  /// Measures the offset; gives the shift of stamps, nil where the clock was right.
  mutating func measure(sent: Int64, received: Int64, server: Int64) -> Int64? {
    offset.measure(
      sent: DeviceClock.within(sent), received: DeviceClock.within(received),
      server: DeviceClock.within(server))
  }

  mutating func reset(to last: HybridTime) { state.reset(to: last) }
}
