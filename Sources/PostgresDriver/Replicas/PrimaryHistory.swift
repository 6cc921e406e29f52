/// Where the primary's log was at the last looks, by which the time is known that a standby is behind.
///
/// No clock of another machine takes part: a standby that has what the primary had at a look is at
/// most as old as that look.
struct PrimaryHistory {
  private struct Look {
    /// When the look began, of the monotonic clock in nanoseconds.
    var time: UInt64
    let bytes: UInt64
  }

  private let span: UInt64
  private var looks: [Look] = []
  private(set) var timeline: UInt32?

  /// `span` is how far back a standby may be and still be measured, in nanoseconds.
  init(span: UInt64) { self.span = span }

  /// The log's end at the last look.
  var bytes: UInt64? { looks.last?.bytes }

  mutating func add(_ place: ServerPlace, at time: UInt64) {
    if place.timeline != timeline {
      looks = []
      timeline = place.timeline
    }
    if let last = looks.last, place.bytes <= last.bytes {
      // Nothing was written in between.
      looks[looks.count - 1].time = time
    } else {
      looks.append(Look(time: time, bytes: place.bytes))
    }
    // One that is older than the span stays as what came before it.
    while looks.count > 1, looks[1].time + span < time { looks.removeFirst() }
  }

  /// The last time of which it is known that a standby at `bytes` has all that there was; nil when it
  /// is behind everything that is known.
  func time(coveredBy bytes: UInt64) -> UInt64? {
    looks.last { $0.bytes <= bytes }?.time
  }
}
