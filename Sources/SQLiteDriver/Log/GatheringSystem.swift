import CSQLite
import Glibc

/// The system layer (VFS) of the writer's connection: SQLite's own, with its log gathered.
///
/// SQLite writes each page of its log by two calls of the system, the 24 bytes of its head and then
/// the page, about twenty for a commit of one row. They lie one behind the other, so `GatheredFile`
/// makes one call of them, before the sync that makes the commit durable. See
/// `docs/decisions/0009-log-in-one-write.md`.
enum GatheringSystem {
  /// The name under which SQLite knows the layer, or nil when it could not be registered.
  static let name: String? = register()

  /// The layer beneath.
  ///
  /// Proof for nonisolated(unsafe): SQLite's layers live as long as the process and do not change.
  nonisolated(unsafe) static let beneath: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find(
    "unix-excl")

  /// Where, in the memory of a file, what we keep begins: behind the part of the layer beneath.
  static let offset = (Int(beneath?.pointee.szOsFile ?? 0) + 15) & ~15

  private static func register() -> String? {
    guard let beneath else { return nil }
    let name = "roost-excl"
    let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    layer.initialize(to: beneath.pointee)
    // Both live as long as the process: SQLite keeps the addresses.
    layer.pointee.zName = UnsafePointer(strdup(name))
    layer.pointee.pNext = nil
    layer.pointee.szOsFile = Int32(clamping: offset + MemoryLayout<GatheredFile>.size)
    layer.pointee.xOpen = { _, path, file, flags, outFlags in
      GatheringSystem.open(path, file, flags, outFlags)
    }
    return sqlite3_vfs_register(layer, 0) == SQLITE_OK ? name : nil
  }

  private static func open(
    _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    guard let beneath, let file, let open = beneath.pointee.xOpen else { return SQLITE_CANTOPEN }
    let code = open(beneath, path, file, flags, outFlags)
    guard code == SQLITE_OK else { return code }
    if flags & SQLITE_OPEN_MAIN_DB != 0 {
      GatheredFile.attachDatabase(file)
    } else if flags & SQLITE_OPEN_WAL != 0, let path,
      let database = sqlite3_database_file_object(path)
    {
      GatheredFile.attachLog(file, of: database)
    }
    return SQLITE_OK
  }
}
