package import RoostCore

/// A hybrid logical clock as a value: the wall clock is given to it.
///
/// Source: Kulkarni, Demirbas et al., "Logical Physical Clocks" (2014). `HybridClock` is the same for
/// a server's threads.
package struct ClockState: Sendable, Equatable {
  /// The last reading that was given or received.
  package private(set) var last: HybridTime

  package init(last: HybridTime = HybridTime(rawValue: 0)) { self.last = last }

  /// The time of a local event: after every reading given or received before.
  package mutating func tick(wall milliseconds: Int64) -> HybridTime {
    let wall = HybridTime(milliseconds: ClockState.within(milliseconds), counter: 0)
    let next = HybridTime(rawValue: last.rawValue < .max ? last.rawValue + 1 : .max)
    last = Swift.max(wall, next)
    return last
  }

  /// Server: takes in a reading and returns the one to store for it.
  ///
  /// One that lies more than 60 s ahead of the wall clock is replaced by a tick, not refused.
  package mutating func receive(
    _ remote: HybridTime, wall milliseconds: Int64
  ) -> HybridTime {
    let limit = ClockState.within(milliseconds) + HybridClock.toleranceMilliseconds
    guard remote.milliseconds <= limit else { return tick(wall: milliseconds) }
    last = Swift.max(last, remote)
    return remote
  }

  /// Client: takes in the server's clock, however far it is from the device's own.
  package mutating func observe(_ server: HybridTime) { last = Swift.max(last, server) }

  /// Client: begins anew, after the stamps that were made with a wrong clock were corrected.
  package mutating func reset(to last: HybridTime) { self.last = last }

  private static func within(_ milliseconds: Int64) -> Int64 {
    min(max(0, milliseconds), 1 << 48 - 1)
  }
}

/// The correction of a device's clock, measured at each hello.
package struct ClockOffset: Sendable, Equatable {
  /// What is added to the device's wall clock to have the server's, in milliseconds.
  package private(set) var milliseconds: Int64

  package init(milliseconds: Int64 = 0) { self.milliseconds = milliseconds }

  /// Changes smaller than this are the network's, and leave stamps alone.
  package static let toleranceMilliseconds: Int64 = 1000

  /// Measures: the device's wall clock as the hello went and as the welcome came, and the server's
  /// `now`, which is taken to lie in the middle.
  ///
  /// Returns by how much stamps that the server has not seen must be shifted; nil where the clock was
  /// right.
  package mutating func measure(
    sent: Int64, received: Int64, server: Int64
  ) -> Int64? {
    let middle = sent / 2 + received / 2 + (sent % 2 + received % 2) / 2
    let offset = server - middle
    let shift = offset - milliseconds
    guard shift.magnitude > UInt64(ClockOffset.toleranceMilliseconds) else { return nil }
    milliseconds = offset
    return shift
  }

  /// The corrected wall clock.
  package func wall(_ device: Int64) -> Int64 { device + milliseconds }
}

/// Corrects stamps that a wrong clock gave, in the order in which they were made.
///
/// Each is shifted, but to no later than the server's time now, since it was made before, and to
/// after what its maker had seen of the server and after the one before it.
package struct Restamping: Sendable {
  package let shift: Int64
  /// The server's wall clock now, in milliseconds.
  package let now: Int64
  /// The last corrected reading.
  package private(set) var last: HybridTime

  /// `after` is a reading that every corrected one must follow, such as that of the last mutation
  /// that the server has acknowledged.
  package init(shift: Int64, now: Int64, after: HybridTime = HybridTime(rawValue: 0)) {
    self.shift = shift
    self.now = now
    last = after
  }

  /// The corrected reading; `seen` is the server's clock as the maker knew it when it was made.
  package mutating func correct(
    _ time: HybridTime, seen: HybridTime = HybridTime(rawValue: 0)
  ) -> HybridTime {
    let shifted = min(max(0, time.milliseconds + shift), now)
    let wanted = HybridTime(milliseconds: shifted, counter: time.counter)
    let floor = max(last, seen).rawValue
    last = max(wanted, HybridTime(rawValue: floor < .max ? floor + 1 : .max))
    return last
  }
}
