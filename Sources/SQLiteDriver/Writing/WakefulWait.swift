import Glibc
import RoostCore

/// Decides whether a thread looks for its next work for a moment before it sleeps.
///
/// To wake a thread that sleeps on another processor takes some 40 µs in a virtual machine, as much
/// as all of Roost's own work on a lone write. So where one write follows the other soon, as when a
/// client waits for each answer, the writer stays awake for as long as the next one is likely to
/// take. It learns that from the last wait, and looks on only after a batch of one write: where
/// several come together, they find work on the way to sleep anyway. A thread that has to share its
/// processor with those that bring the work must sleep for them.
///
/// Source: as halt polling does for a guest's processor (Linux, `virt/kvm/halt-polling`), with one
/// step in the place of a window that grows and shrinks.
struct WakefulWait {
  /// Nanoseconds that it looks for work at most; a wait beyond them ends the looking.
  static let limit: UInt64 = 120_000

  private let hasOthers: Bool
  private(set) var isDue = false

  init(processors: Int = Processors.available) { hasOthers = processors > 1 }

  /// Nanoseconds of the machine's own clock: one that a test has stopped would have it look for ever.
  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Returns once there is work, or when the limit from `start` on has passed.
  static func look(from start: UInt64, hasWork: () -> Bool) {
    while !hasWork(), now() &- start < limit {}
  }

  /// Learns from a wait of `nanoseconds` after which `writes` came.
  mutating func learn(nanoseconds: UInt64, writes: Int) {
    isDue = hasOthers && writes == 1 && nanoseconds < WakefulWait.limit
  }
}
