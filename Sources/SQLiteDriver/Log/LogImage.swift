import Glibc
import Synchronization

/// The first bytes of a database's log, as its file has them, in the memory of the process.
///
/// A log that is written around the system's page cache (`DirectLog`) is not in that cache, so who
/// reads it would wait for the disk. The writer's connection keeps the image; it and the readers of
/// the same file take from it what lies in it, and the rest from the file.
///
/// Proof for @unchecked Sendable: `end` is atomic. Bytes are changed by the writer's thread alone,
/// and no reader asks for them meanwhile: SQLite reads a frame of the log only after it was
/// published behind a memory barrier, and overwrites it only when no reader can need it.
final class LogImage: @unchecked Sendable {
  /// Bytes that an image can hold.
  ///
  /// The log is moved into the database after fewer
  /// (`SQLiteConfiguration.checkpointBytes`), and grows beyond them behind a reader that stays.
  static let capacity = 41_943_040

  /// Its bytes, on a page's boundary; pages that were never written take no memory.
  let bytes: UnsafeMutableRawPointer
  /// How many bytes from the log's beginning are as in the file, or as they will be when what was
  /// taken last has been handed over.
  private let end = Atomic(0)

  /// Fails where the system gives no memory.
  init?() {
    let mapped = mmap(
      nil, LogImage.capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
      -1, 0)
    guard let mapped, mapped != UnsafeMutableRawPointer(bitPattern: -1) else { return nil }
    bytes = mapped
  }

  deinit { munmap(bytes, LogImage.capacity) }

  /// Copies `count` bytes from `offset` of the log; false where they are not all in the image.
  func read(_ target: UnsafeMutableRawPointer, _ count: Int, at offset: Int64) -> Bool {
    guard offset >= 0, offset <= Int64(LogImage.capacity),
      Int(offset) + count <= end.load(ordering: .acquiring)
    else { return false }
    target.copyMemory(from: bytes + Int(offset), byteCount: count)
    return true
  }

  // MARK: For the writer

  /// Bytes that it may take of the memory, about.
  var size: Int { end.load(ordering: .relaxed) }

  /// Takes bytes in; false where they would leave a gap or find no room.
  func write(_ source: UnsafeRawPointer, _ count: Int, at offset: Int64) -> Bool {
    let known = end.load(ordering: .relaxed)
    guard offset >= 0, offset <= Int64(known), Int(offset) + count <= LogImage.capacity else {
      return false
    }
    (bytes + Int(offset)).copyMemory(from: source, byteCount: count)
    if Int(offset) + count > known { end.store(Int(offset) + count, ordering: .releasing) }
    return true
  }

  /// Forgets what lies behind `offset`, which only the file knows from now on.
  func cut(at offset: Int64) {
    if offset < Int64(end.load(ordering: .relaxed)) {
      end.store(max(0, Int(offset)), ordering: .releasing)
    }
  }

  /// Forgets all, and gives the memory back; only while no reader can be about to read.
  func clear() {
    cut(at: 0)
    madvise(bytes, LogImage.capacity, MADV_DONTNEED)
  }

  // MARK: The images of the process

  private static let images = Mutex<[String: LogImage]>([:])

  /// The image of the log at `path`, while its writer has it open.
  static func of(_ path: UnsafePointer<CChar>) -> LogImage? {
    let path = String(cString: path)
    return images.withLock { $0[path] }
  }

  /// Shows `image` to those who open the log at `path` from now on, or no image.
  static func show(_ image: LogImage?, at path: String) {
    images.withLock { $0[path] = image }
  }
}
