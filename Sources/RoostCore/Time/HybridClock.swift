import Synchronization

/// A reading of a hybrid logical clock: 48 bits of milliseconds, then 16 bits of a counter.
///
/// Source: Kulkarni, Demirbas et al., "Logical Physical Clocks" (2014).
package struct HybridTime: Hashable, Comparable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package init(milliseconds: Int64, counter: UInt16) {
    rawValue = UInt64(clamping: milliseconds) << 16 | UInt64(counter)
  }

  package var milliseconds: Int64 { Int64(rawValue >> 16) }
  package var counter: UInt16 { UInt16(truncatingIfNeeded: rawValue) }

  package static func < (left: HybridTime, right: HybridTime) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// A hybrid logical clock: never goes back, and stays within a minute of the wall clock.
package final class HybridClock: Sendable {
  /// How far ahead of the wall clock a remote reading may be before it is replaced by a local tick.
  package static let toleranceMilliseconds: Int64 = 60_000

  private let time: any TimeSource
  private let last = Mutex<UInt64>(0)

  package init(time: any TimeSource) { self.time = time }

  /// The time of a local event: greater than every reading given or received before.
  package func tick() -> HybridTime {
    let wall = HybridTime(milliseconds: time.now().milliseconds, counter: 0).rawValue
    return last.withLock { last in
      last = max(wall, last + 1)
      return HybridTime(rawValue: last)
    }
  }

  /// Takes a remote reading into account and returns the reading to store for it: the remote one,
  /// or a local tick when it lies more than `toleranceMilliseconds` in the future.
  package func receive(_ remote: HybridTime) -> HybridTime {
    let wall = time.now().milliseconds
    guard remote.milliseconds <= wall + HybridClock.toleranceMilliseconds else { return tick() }
    last.withLock { $0 = max($0, remote.rawValue) }
    return remote
  }
}
