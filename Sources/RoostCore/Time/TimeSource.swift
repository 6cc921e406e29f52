import Glibc

/// Where the time comes from; injected, so that tests and the simulation own it.
package protocol TimeSource: Sendable {
  /// The wall clock.
  func now() -> Timestamp
  /// Nanoseconds of a clock that never goes back, for time-outs and durations only.
  func monotonicNanoseconds() -> UInt64
}

extension TimeSource {
  /// Nanoseconds that have passed since `moment` of the monotonic clock.
  ///
  /// 0 where the moment has not come: on virtual machines that were paused or moved, the clocks of
  /// two processors may differ, and a thread that changes between them sees time step back.
  package func nanoseconds(since moment: UInt64) -> UInt64 {
    let now = monotonicNanoseconds()
    return now > moment ? now - moment : 0
  }
}

/// The machine's clocks.
package struct SystemTime: TimeSource {
  package init() {}

  package func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  package func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
