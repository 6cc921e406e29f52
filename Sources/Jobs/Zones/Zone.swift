/// A time zone: what the clocks on its walls show at each instant.
///
/// Instants are seconds since 1970 in UTC; a wall time is what a clock shows, written as the
/// seconds that UTC would have when it shows the same.
package struct Zone: Sendable, Equatable {
  /// An instant at which the offset changes.
  package struct Transition: Sendable, Equatable {
    package let at: Int64
    /// Seconds east of UTC before and from then on.
    package let before: Int64
    package let after: Int64
  }

  /// The name, such as `Europe/Berlin`.
  package let name: String
  /// When the offset changes, in order, and what it is from then on.
  private let times: [Int64]
  private let offsets: [Int64]
  /// The offset before the first change.
  private let first: Int64
  /// What holds from the last change on; nil where that stays.
  private let rule: ZoneRule?

  /// Universal time, which needs no data.
  package static let utc = Zone(name: "UTC", times: [], offsets: [], first: 0, rule: nil)

  init(name: String, times: [Int64], offsets: [Int64], first: Int64, rule: ZoneRule?) {
    self.name = name
    self.times = times
    self.offsets = offsets
    self.first = first
    self.rule = rule
  }

  /// Seconds east of UTC at an instant.
  package func offset(at instant: Int64) -> Int64 {
    if let rule, times.last.map({ instant >= $0 }) ?? true { return rule.offset(at: instant) }
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= instant { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : offsets[low - 1]
  }

  /// The wall time at an instant.
  package func wall(at instant: Int64) -> Int64 { instant + offset(at: instant) }

  /// The instant at which a wall time is shown.
  ///
  /// Of several the earliest; of a time that the clocks skip, the instant at which they skip it. The
  /// candidates are the wall time less each offset in use around it, and those stay that agree with
  /// themselves.
  package func instant(ofWall wall: Int64) -> Int64 {
    // No offset is larger than 26 hours, so that each candidate lies within.
    let around: Int64 = 2 * 86_400
    let changes = transitions(after: wall - around, upTo: wall + around)
    let used = [offset(at: wall - around)] + changes.map(\.after)
    let candidates = used.map { wall - $0 }.filter { offset(at: $0) == wall - $0 }
    if let earliest = candidates.min() { return earliest }
    let gap = changes.first { $0.at + $0.before <= wall && wall < $0.at + $0.after }
    return gap?.at ?? wall - used[0]
  }

  /// The changes of the offset in a stretch of time, in order.
  package func transitions(after start: Int64, upTo end: Int64) -> [Transition] {
    var instants = times.filter { $0 > start && $0 <= end }
    if let rule {
      let last = times.last ?? Int64.min
      instants += rule.changes(around: start, and: end).filter {
        $0 > max(start, last) && $0 <= end
      }
    }
    return instants.compactMap { at in
      let before = offset(at: at - 1)
      let after = offset(at: at)
      return before == after ? nil : Transition(at: at, before: before, after: after)
    }
  }
}
