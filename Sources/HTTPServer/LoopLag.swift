/// Works out how long what a loop handles now has waited at most, from when the loop looked at its
/// sockets and how much it did in between.
///
/// A value without clocks and sockets: the loop tells it of each look. Times are nanoseconds of the
/// monotonic clock.
struct LoopLag {
  /// Events of a look; where a look shows so many, there are more.
  static let mostEvents = 256
  /// A loop that handled more events than these asks again before it sleeps.
  static let fewEvents = 4
  /// A wait for events that took longer was a sleep, unless there were many of them.
  private static let sleep: UInt64 = 50_000
  /// A wait that took longer was one: there was nothing to be done.
  private static let rest: UInt64 = 10_000
  /// What looks like a sleep and is longer may have been a pause: a process that has used up its
  /// share of a processor is not woken, whatever comes.
  private static let pause: UInt64 = 5_000_000

  /// Since when what is handled now has waited at most.
  private(set) var arrivedNanoseconds: UInt64 = 0
  /// Connections that had a turn since the last look.
  private(set) var handledCount = 0
  /// Whether there was nothing to be done before the last look. (Many events after a sleep have come
  /// in a pause.)
  private(set) var hasRested = false
  private var lookedNanoseconds: UInt64 = 0
  private var mayHavePaused = false

  /// Tells of a look that showed `count` events.
  ///
  /// `asked` is since when the loop may have slept, nil where it has not. `age` is how long the input
  /// of those who are shown has been there by the kernel; it is asked only where time says nothing.
  ///
  /// Whoever comes while the loop sleeps is served at once. Whoever comes while it works waits for the
  /// rest of what was handled then, without a share of its own: one who asks again as soon as it is
  /// answered waits for nobody. Where a look did not show all, some wait since the look before or since
  /// one before that, and with thousands of connections that goes on for as long as there are more; so
  /// the kernel is asked.
  mutating func note(woken: UInt64, asked: UInt64?, count: Int, age: () -> UInt64) {
    let slept = asked.map { woken > $0 ? woken - $0 : 0 } ?? 0
    hasRested = slept > LoopLag.rest && count <= LoopLag.fewEvents
    if slept > LoopLag.sleep {
      arrivedNanoseconds = woken
    } else if handledCount < LoopLag.mostEvents {
      let others = UInt64(max(0, handledCount - 1))
      let work = woken > lookedNanoseconds ? woken - lookedNanoseconds : 0
      arrivedNanoseconds = woken - work / UInt64(max(1, handledCount)) * others
    } else {
      arrivedNanoseconds = min(lookedNanoseconds, woken &- age())
    }
    // A pause hides in what looks like a sleep, and those who came in it are shown in this look or in
    // the next.
    let hasPaused = slept > LoopLag.pause
    if hasPaused || mayHavePaused, count > LoopLag.fewEvents {
      let age = age()
      if age > LoopLag.pause { arrivedNanoseconds = min(arrivedNanoseconds, woken &- age) }
    }
    mayHavePaused = hasPaused
    handledCount = count
    lookedNanoseconds = woken
  }

  /// Tells of connections that had a turn without an event.
  mutating func noteTurns(_ count: Int) { handledCount += count }
}
