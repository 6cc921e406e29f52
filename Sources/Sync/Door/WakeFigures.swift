package import RoostCore
import Synchronization

/// How long it took from a commit until those who waited for it had their answer.
///
/// The time is that of this process alone: from the end of the commit to the head of the answer.
package final class WakeFigures: Sendable {
  /// Seconds.
  private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
  private let counts = Mutex(DurationCounts(WakeFigures.bounds))

  package init() {}

  package var durations: DurationCounts { counts.withLock { $0 } }

  /// Counts one whose answer was ready so many nanoseconds behind the commit.
  func count(_ nanoseconds: UInt64) {
    counts.withLock { _ = $0.count(nanoseconds) }
  }
}
