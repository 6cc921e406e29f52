import CSQLite
import Glibc

/// The system layers (VFS) of a database's connections: SQLite's own, with its log looked after.
///
/// SQLite writes each page of its log by two calls of the system, the 24 bytes of its head and then
/// the page, about twenty for a commit of one row. They lie one behind the other, so `GatheredFile`
/// makes one call of them, before the sync that makes the commit durable, or gives them to the disk
/// directly. See `docs/decisions/0009-log-in-one-write.md` and `0045-direct-log.md`.
enum GatheringSystem {
  /// Of a writer that gathers what it writes to the log, or nil when it could not be registered.
  static let name: String? = register("roost-excl") { _, path, file, flags, outFlags in
    GatheringSystem.open(path, file, flags, outFlags) { GatheringSystem.attach($0, $1, $2, nil) }
  }

  /// The same of a writer whose log goes around the system's page cache where that can be.
  static let directName: String? = register("roost-direct") { _, path, file, flags, outFlags in
    GatheringSystem.open(path, file, flags, outFlags) { path, file, flags in
      let direct = flags & SQLITE_OPEN_WAL != 0 ? DirectLog(path: path) : nil
      GatheringSystem.attach(path, file, flags, direct)
    }
  }

  /// Of the readers beside such a writer.
  static let readerName: String? = register("roost-reader") { _, path, file, flags, outFlags in
    GatheringSystem.open(path, file, flags, outFlags) { path, file, flags in
      if flags & SQLITE_OPEN_WAL != 0, let image = LogImage.of(path) {
        ImagedFile.attach(file, image)
      }
    }
  }

  /// The layer beneath.
  ///
  /// Proof for nonisolated(unsafe): SQLite's layers live as long as the process and do not change.
  nonisolated(unsafe) static let beneath: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find(
    "unix-excl")

  /// Where, in the memory of a file, what we keep begins: behind the part of the layer beneath.
  static let offset = (Int(beneath?.pointee.szOsFile ?? 0) + 15) & ~15

  private typealias File = UnsafeMutablePointer<sqlite3_file>

  private static func register(
    _ name: String,
    _ open:
      @convention(c) (
        UnsafeMutablePointer<sqlite3_vfs>?, UnsafePointer<CChar>?,
        UnsafeMutablePointer<sqlite3_file>?,
        Int32, UnsafeMutablePointer<Int32>?
      ) -> Int32
  ) -> String? {
    guard let beneath else { return nil }
    let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    layer.initialize(to: beneath.pointee)
    // Both live as long as the process: SQLite keeps the addresses.
    layer.pointee.zName = UnsafePointer(strdup(name))
    layer.pointee.pNext = nil
    let kept = max(MemoryLayout<GatheredFile>.size, MemoryLayout<ImagedFile>.size)
    layer.pointee.szOsFile = Int32(clamping: offset + kept)
    layer.pointee.xOpen = open
    return sqlite3_vfs_register(layer, 0) == SQLITE_OK ? name : nil
  }

  /// Opens a file by the layer beneath, and has it attached.
  private static func open(
    _ path: UnsafePointer<CChar>?, _ file: File?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?,
    attach: (UnsafePointer<CChar>, File, Int32) -> Void
  ) -> Int32 {
    guard let beneath, let file, let open = beneath.pointee.xOpen else { return SQLITE_CANTOPEN }
    let code = open(beneath, path, file, flags, outFlags)
    if code == SQLITE_OK, let path { attach(path, file, flags) }
    return code
  }

  private static func attach(
    _ path: UnsafePointer<CChar>, _ file: File, _ flags: Int32, _ direct: DirectLog?
  ) {
    if flags & SQLITE_OPEN_MAIN_DB != 0 {
      GatheredFile.attachDatabase(file)
    } else if flags & SQLITE_OPEN_WAL != 0, let database = sqlite3_database_file_object(path) {
      GatheredFile.attachLog(file, of: database, direct)
    }
  }
}
