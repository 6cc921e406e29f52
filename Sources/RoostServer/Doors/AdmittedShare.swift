import Synchronization

/// Which share of those who come in time is let in while the queue before the loops stands: as many as
/// leave the loops a moment of rest.
///
/// How long somebody has waited at a socket says nothing of those who have no connection yet, and wait
/// in their clients for one that is free. A loop that never rests is behind with what is seen or with
/// what is not: less is let in then, until it rests again (additive increase, multiplicative decrease:
/// Chiu and Jain 1989). A refusal costs a sixth of an answer, so there is such a share, unless the
/// refusals alone are too much.
///
/// Relaxed loads and stores but for one exchange an interval, no lock.
final class AdmittedShare: Sendable {
  /// A turn of a process that is held to a share of a processor, with the usual period.
  private static let interval: UInt64 = 100_000_000
  /// Parts of a whole.
  private static let whole: UInt64 = 1024
  /// What is let in at first, and after a second in which nobody asked.
  private static let first: UInt64 = 768
  /// Somebody is let in always: by them it is seen that things are better.
  private static let least: UInt64 = 16

  /// Of those who are late.
  private static let mostLate: UInt64 = 32
  private static let leastLate: UInt64 = 12

  private let share = Atomic<UInt64>(first)
  private let began = Atomic<UInt64>(0)
  private let hasRested = Atomic<Bool>(false)
  /// Intervals in a row in which a loop has rested.
  private let restedIntervals = Atomic<UInt64>(0)
  /// After so many of them the flood is over, and each step is twice the one before.
  private static let steadyIntervals: UInt64 = 8

  /// Tells that a loop had nothing to do for a moment.
  func rested() {
    if !hasRested.load(ordering: .relaxed) { hasRested.store(true, ordering: .relaxed) }
  }

  /// Whether everybody is let in.
  var isWhole: Bool { share.load(ordering: .relaxed) == AdmittedShare.whole }

  /// Whether the request that was read at `now` of the monotonic clock, in nanoseconds, is among those
  /// that are let in.
  func admits(at now: UInt64) -> Bool {
    AdmittedShare.chance(at: now, of: AdmittedShare.whole) < share.load(ordering: .relaxed)
  }

  /// Whether the request that was read at `now` is among those that are let in though they are late:
  /// one in 32 at most, and fewer as the share of the others falls.
  func admitsLate(at now: UInt64) -> Bool {
    let ofWhole = min(
      AdmittedShare.mostLate, max(AdmittedShare.leastLate, share.load(ordering: .relaxed) / 8))
    return AdmittedShare.chance(at: now, of: AdmittedShare.whole) < ofWhole
  }

  /// A number below `parts`, a power of two, that is always the same for the same moment: the gate and
  /// the door ask of the same request.
  ///
  /// Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4), whose upper bits are the best.
  static func chance(at now: UInt64, of parts: UInt64) -> UInt64 {
    (now &* 0x9E37_79B9_7F4A_7C15) >> UInt64(64 - parts.trailingZeroBitCount)
  }

  /// Takes a step, once an interval; to be called for each request while the queue stands.
  func adjust(at now: UInt64) {
    let start = began.load(ordering: .relaxed)
    guard now > start, now - start >= AdmittedShare.interval,
      began.compareExchange(expected: start, desired: now, ordering: .relaxed).exchanged
    else { return }
    let isRested = hasRested.exchange(false, ordering: .relaxed)
    let current = share.load(ordering: .relaxed)
    let inRow = isRested ? restedIntervals.load(ordering: .relaxed) + 1 : 0
    restedIntervals.store(inRow, ordering: .relaxed)
    let next: UInt64
    if now - start >= AdmittedShare.interval * 10 {
      next = AdmittedShare.first
    } else if isRested {
      let doublings = inRow - min(inRow, AdmittedShare.steadyIntervals)
      next = min(AdmittedShare.whole, current + (current / 32 + 4) << min(8, doublings))
    } else {
      next = max(AdmittedShare.least, current - current / 4)
    }
    share.store(next, ordering: .relaxed)
  }
}
