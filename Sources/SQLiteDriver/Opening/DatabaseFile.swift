import Glibc

/// The database's file, kept open beside SQLite's own handles.
final class DatabaseFile: Sendable {
  private let held: HeldDescriptor

  init(_ descriptor: Int32) { held = HeldDescriptor(descriptor) }

  /// Gives the file up; what else refers to this object does not keep it.
  func release() { held.close() }

  /// Locks SQLite's "pending" byte, which every connection of another process must lock for a moment
  /// before it can read (see "File Locking And Concurrency" of SQLite); false when that is taken.
  ///
  /// The lock belongs to this handle (an "open file description" lock), so that nothing else in the
  /// process can lose it. SQLite's `unix-excl` locks the file too, but a read-only connection may
  /// turn that lock into a shared one.
  func lockOut() -> Bool {
    var range = flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = 0x4000_0000
    range.l_len = 1
    // F_OFD_SETLK, which the headers hide from Swift.
    return fcntl(held.value, 37, &range) == 0
  }
}
