import CSQLite
import Glibc

/// The way of a log to the disk around the system's page cache, durable with each hand-over.
///
/// Writing a page through the cache and making it durable costs the kernel several microseconds;
/// one call with the flags `O_DIRECT` and `O_DSYNC` gives the disk all pages of a commit at once and
/// comes back when they are durable (open(2); figures in `docs/decisions/0045-direct-log.md`). Such
/// a call takes whole blocks, so the block at each end is written again with what stands in it,
/// which the `LogImage` knows.
///
/// It begins where the log begins anew, at its first byte, and ends where something lies in the way:
/// a log that grows beyond the image, a full disk, a file system that cannot do it. The file is then
/// written by SQLite's own layer until the log begins anew.
///
/// Used by the writer's thread alone.
final class DirectLog {
  /// Blocks of this size are written; file systems ask for 512 to 4096 bytes.
  private static let block = 4096
  // O_DIRECT, which the headers hide from Swift.
  #if arch(arm64)
    private static let direct: Int32 = 0x10000
  #else
    private static let direct: Int32 = 0x4000
  #endif

  let image: LogImage
  private let path: String
  /// -1 once the file system has refused.
  private var descriptor: Int32
  /// Whether what is written goes this way now.
  private(set) var isActive = false
  /// What was taken and not yet handed over.
  private var waiting: Range<Int> = 0..<0
  /// Whether all that went the other way has been made durable.
  var isDurable = false
  /// The call that writes, replaced by tests of its failures.
  var system: (Int32, UnsafeRawPointer, Int, off_t) -> Int = { pwrite($0, $1, $2, $3) }

  /// Fails where the file system has no such way, or the system no memory.
  init?(path: UnsafePointer<CChar>) {
    descriptor = open(path, O_WRONLY | O_DSYNC | O_CLOEXEC | O_NOFOLLOW | DirectLog.direct)
    guard descriptor >= 0 else { return nil }
    guard let image = LogImage() else {
      Glibc.close(descriptor)
      return nil
    }
    self.image = image
    self.path = String(cString: path)
    LogImage.show(image, at: self.path)
  }

  /// Ends it; what waits must have been handed over.
  func close() {
    LogImage.show(nil, at: path)
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
    isActive = false
  }

  /// Whether a write at `offset` would begin the log anew, this way.
  func begins(at offset: Int64) -> Bool { offset == 0 && descriptor >= 0 && !isActive }

  /// Takes a write that is to go this way; false for one that has to go the other.
  ///
  /// Whoever is told false hands over what waits before that write.
  func take(_ source: UnsafeRawPointer, _ count: Int, at offset: Int64) -> Bool {
    if begins(at: offset) { isActive = true }
    guard isActive, image.write(source, count, at: offset) else {
      isActive = false
      return false
    }
    let taken = Int(offset)..<Int(offset) + count
    waiting =
      waiting.isEmpty
      ? taken
      : min(waiting.lowerBound, taken.lowerBound)..<max(waiting.upperBound, taken.upperBound)
    return true
  }

  /// Notes that the file is changed the other way from `offset` on.
  func changesBeside(from offset: Int64) {
    image.cut(at: offset)
    isDurable = false
  }

  /// Makes what waits durable, and answers with SQLite's code.
  ///
  /// After an error what waited is forgotten: the transaction that it belongs to fails.
  /// `SQLITE_NOTFOUND` means that the file system refuses this way: then `beside` is given the
  /// bytes, to be written the other way.
  func handOver(_ beside: (UnsafeRawPointer, Range<Int>) -> Int32) -> Int32 {
    guard !waiting.isEmpty else { return SQLITE_OK }
    let range = waiting
    waiting = 0..<0
    let error = write(range)
    guard error != 0 else { return SQLITE_OK }
    isActive = false
    switch error {
    case EINVAL, EOPNOTSUPP:
      Glibc.close(descriptor)
      descriptor = -1
      let code = beside(UnsafeRawPointer(image.bytes + range.lowerBound), range)
      changesBeside(from: Int64(range.lowerBound))
      return code
    case ENOSPC, EDQUOT:
      image.cut(at: Int64(range.lowerBound))
      return SQLITE_FULL
    default:
      // Whether bytes were refused or could not be made durable is not told apart.
      image.cut(at: Int64(range.lowerBound))
      return SQLITE_IOERR | 4 << 8  // SQLITE_IOERR_FSYNC
    }
  }

  /// Writes the blocks that `range` lies in; an error of the system, or 0.
  private func write(_ range: Range<Int>) -> Int32 {
    let mask = DirectLog.block - 1
    var at = range.lowerBound & ~mask
    let end = (range.upperBound + mask) & ~mask
    while at < end {
      let written = system(descriptor, image.bytes + at, end - at, off_t(at))
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return written == 0 ? EIO : errno }
      // What is left has to begin with a whole block again.
      let next = written == end - at ? end : (at + written) & ~mask
      guard next > at else { return EIO }
      at = next
    }
    return 0
  }
}
