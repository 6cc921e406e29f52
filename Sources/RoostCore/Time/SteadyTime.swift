import Synchronization

/// A clock that does not believe in jumps: it follows the wall clock as long as that agrees with the
/// monotonic one, and goes on by the monotonic one when somebody sets the wall clock far away.
///
/// For lifetimes: a clock that is set ten years ahead by mistake must not end everybody's session.
/// Corrections up to the tolerance, as NTP makes them, are followed at once. What a jump changed is
/// believed after a restart. A machine that slept counts as one whose clock jumped.
package final class SteadyTime: TimeSource {
  private struct State {
    /// A moment at which both clocks agreed.
    var wall: Timestamp
    var monotonic: UInt64
    var isApart = false
  }

  private let source: any TimeSource
  private let toleranceMilliseconds: UInt64
  private let logger: Logger
  private let state: Mutex<State>

  package init(_ source: any TimeSource, toleranceSeconds: UInt64 = 3600, logger: Logger) {
    self.source = source
    self.logger = logger
    toleranceMilliseconds = toleranceSeconds * 1000
    state = Mutex(State(wall: source.now(), monotonic: source.monotonicNanoseconds()))
  }

  package func monotonicNanoseconds() -> UInt64 { source.monotonicNanoseconds() }

  package func now() -> Timestamp {
    let wall = source.now()
    let monotonic = source.monotonicNanoseconds()
    let (time, hasChanged) = state.withLock { state in
      // Another thread may have agreed on a later moment between the readings: a small negative.
      let passed = Int64(bitPattern: monotonic &- state.monotonic) / 1_000_000
      let expected = state.wall.adding(milliseconds: passed)
      let difference = wall.milliseconds.subtractingReportingOverflow(expected.milliseconds)
      let isApart =
        difference.overflow || difference.partialValue.magnitude > toleranceMilliseconds
      let hasChanged = isApart != state.isApart
      state.isApart = isApart
      if isApart { return (expected, hasChanged) }
      state.wall = wall
      state.monotonic = monotonic
      return (wall, hasChanged)
    }
    if hasChanged {
      logger.warning(
        "the wall clock jumped: lifetimes go on without it unless it has come back",
        [("wall", .string("\(wall)")), ("used", .string("\(time)"))])
    }
    return time
  }
}
