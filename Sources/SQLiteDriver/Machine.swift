import Glibc

/// What the driver asks of the machine beneath SQLite, replaceable so that faults can be tested.
package struct Machine: Sendable {
  /// Free bytes of the file system that holds a folder, or nil when it does not say.
  package var freeBytes: @Sendable (_ folder: String) -> UInt64? = Machine.freeBytes
  /// A result code of SQLite to take in place of a successful COMMIT's; nil for none.
  package var commitFault: @Sendable () -> Int32? = { nil }
  /// Ends the process at once, without running anything that could still acknowledge a write.
  package var exit: @Sendable (_ status: Int32) -> Void = { _exit($0) }

  /// Nanoseconds of a processor that the calling thread has taken.
  package var threadNanoseconds: @Sendable () -> UInt64 = Machine.threadNanoseconds

  package init() {}

  private static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func freeBytes(_ folder: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    return UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
      .partialValue
  }
}
