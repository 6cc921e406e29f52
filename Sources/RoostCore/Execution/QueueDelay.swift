import Synchronization

/// How long a queue makes its users wait, and whether that has become a standing queue.
///
/// The criterion of CoDel (RFC 8289): a burst makes a queue for a moment, and is let through; where
/// every wait was above the target for a whole interval, the queue no longer empties, and what comes
/// next had better be refused. No lock: a relaxed load and store for a short wait.
package final class QueueDelay: Sendable {
  private let target: UInt64
  private let interval: UInt64
  /// Since when every wait was above the target; 0 while they are not.
  private let aboveSince = Atomic<UInt64>(0)
  /// The last wait above the target, and when it was told.
  private let lastWait = Atomic<UInt64>(0)
  private let lastTold = Atomic<UInt64>(0)

  /// Both in nanoseconds; a target of 0 never finds a standing queue.
  package init(target: UInt64, interval: UInt64 = 100_000_000) {
    self.target = target
    self.interval = interval
  }

  /// Tells of somebody who waited for `wait` nanoseconds until `now`, of the monotonic clock.
  package func note(_ wait: UInt64, at now: UInt64) {
    guard target != 0 else { return }
    if wait <= target {
      if aboveSince.load(ordering: .relaxed) != 0 { aboveSince.store(0, ordering: .relaxed) }
      return
    }
    let told = lastTold.load(ordering: .relaxed)
    // After a pause nobody knows what the queue was like meanwhile: it begins anew.
    let isAlone = now &- told > interval * 5
    if isAlone || aboveSince.load(ordering: .relaxed) == 0 {
      aboveSince.store(now, ordering: .relaxed)
    }
    lastWait.store(wait, ordering: .relaxed)
    lastTold.store(now, ordering: .relaxed)
  }

  /// Whether the queue stands: all who were told of in an interval waited for longer than the target.
  package func isStanding(at now: UInt64) -> Bool {
    let since = aboveSince.load(ordering: .relaxed)
    guard since != 0, now &- lastTold.load(ordering: .relaxed) <= interval * 5 else { return false }
    return now > since && now - since >= interval
  }

  /// The wait of the last who waited long, in nanoseconds, while that is news; else 0.
  package func wait(at now: UInt64) -> UInt64 {
    guard aboveSince.load(ordering: .relaxed) != 0,
      now &- lastTold.load(ordering: .relaxed) <= interval * 5
    else { return 0 }
    return lastWait.load(ordering: .relaxed)
  }
}
