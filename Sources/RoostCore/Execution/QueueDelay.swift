import Synchronization

/// How long a queue makes its users wait, and whether that has become a standing queue.
///
/// The criterion of CoDel (RFC 8289): a burst makes a queue for a moment, and is let through; where
/// every wait was above the target for a whole interval, the queue no longer empties, and what comes
/// next had better be refused. Where `lead` is above 1, the most of the waits decide instead of the
/// shortest: a process that is held to a share of a processor stands still and runs in turns, and in
/// each turn somebody comes who need not wait. No lock: a relaxed load for a short wait, relaxed loads
/// and stores for a long one; that two threads count one of two waits is no harm.
package final class QueueDelay: Sendable {
  private let target: UInt64
  private let interval: UInt64
  private let lead: Int
  /// How many more waits were above the target than not, from 0 to `lead`.
  private let ahead = Atomic<Int>(0)
  /// Since when more were above; 0 while they are not.
  private let aboveSince = Atomic<UInt64>(0)
  /// The last wait while more were above, and when the last above the target was told.
  private let lastWait = Atomic<UInt64>(0)
  private let lastTold = Atomic<UInt64>(0)

  /// Makes a queue that does not stand.
  ///
  /// Times are in nanoseconds; a target of 0 never finds a standing queue. So many short waits as `lead`
  /// end a standing queue, whatever was before.
  package init(target: UInt64, interval: UInt64 = 100_000_000, lead: Int = 1) {
    self.target = target
    self.interval = interval
    self.lead = max(1, lead)
  }

  /// Tells of somebody who waited for `wait` nanoseconds until `now`, of the monotonic clock.
  package func note(_ wait: UInt64, at now: UInt64) {
    guard target != 0 else { return }
    var count = ahead.load(ordering: .relaxed)
    if wait <= target {
      guard count > 0 else { return }
      ahead.store(count - 1, ordering: .relaxed)
      lastWait.store(wait, ordering: .relaxed)
      if count == 1 { aboveSince.store(0, ordering: .relaxed) }
      return
    }
    // After a pause nobody knows what the queue was like meanwhile: it begins anew.
    if aboveSince.load(ordering: .relaxed) == 0 || isOld(now) {
      count = 0
      aboveSince.store(now, ordering: .relaxed)
    }
    if count < lead { ahead.store(count + 1, ordering: .relaxed) }
    lastWait.store(wait, ordering: .relaxed)
    lastTold.store(now, ordering: .relaxed)
  }

  /// Whether the queue stands: since an interval or longer, the waits are above the target.
  package func isStanding(at now: UInt64) -> Bool {
    let since = aboveSince.load(ordering: .relaxed)
    guard since != 0, !isOld(now) else { return false }
    return now > since && now - since >= interval
  }

  /// The last wait while more were above the target, in nanoseconds, and as long as that is news;
  /// else 0.
  package func wait(at now: UInt64) -> UInt64 {
    guard aboveSince.load(ordering: .relaxed) != 0, !isOld(now) else { return 0 }
    return lastWait.load(ordering: .relaxed)
  }

  /// Whether the last long wait is no news any more; another thread may have told of it a moment
  /// after `now` was read.
  private func isOld(_ now: UInt64) -> Bool {
    let told = lastTold.load(ordering: .relaxed)
    return now > told && now - told > interval * 5
  }
}
