import CSQLite
import Glibc
import Synchronization

/// The system layer (VFS) of databases on memory disks.
enum MemorySystem {
  /// The name under which SQLite knows the layer, or nil when it could not be registered.
  static let name: String? = register()

  private static func register() -> String? {
    guard let beneath = sqlite3_vfs_find(nil) else { return nil }
    let name = "roost-memory"
    let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    layer.initialize(to: beneath.pointee)
    // Both live as long as the process: SQLite keeps the addresses.
    layer.pointee.zName = UnsafePointer(strdup(name))
    layer.pointee.pNext = nil
    layer.pointee.iVersion = 1
    layer.pointee.szOsFile = Int32(clamping: MemoryLayout<MemoryHandle>.size)
    layer.pointee.xOpen = { _, path, file, flags, outFlags in
      MemorySystem.open(path, file, flags, outFlags)
    }
    layer.pointee.xDelete = { _, path, _ in
      guard let path, let place = MemoryDisk.find(path) else { return SQLITE_OK }
      if place.disk.isDead { return SQLITE_IOERR }
      place.disk.remove(place.name)
      return SQLITE_OK
    }
    layer.pointee.xAccess = { _, path, _, answer in
      guard let path, let answer else { return SQLITE_MISUSE }
      let file = MemoryDisk.find(path).flatMap { $0.disk.file($0.name, makes: false) }
      // An empty file counts as none, as it does for SQLite's own layers.
      answer.pointee = (file?.content.isEmpty ?? true) ? 0 : 1
      return SQLITE_OK
    }
    layer.pointee.xFullPathname = { _, path, count, target in
      guard let path, let target, strlen(path) < Int(count) else { return SQLITE_CANTOPEN }
      strcpy(target, path)
      return SQLITE_OK
    }
    return sqlite3_vfs_register(layer, 0) == SQLITE_OK ? name : nil
  }

  private static func open(
    _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    guard let file else { return SQLITE_CANTOPEN }
    file.pointee.pMethods = nil
    let handle: MemoryHandle
    if let path {
      guard let (disk, name) = MemoryDisk.find(path), !disk.isDead,
        let found = disk.file(name, makes: flags & SQLITE_OPEN_CREATE != 0)
      else { return SQLITE_CANTOPEN }
      handle = MemoryHandle(found, name, on: disk)
    } else {
      handle = MemoryHandle(MemoryFile([]), "", on: nil)
    }
    UnsafeMutableRawPointer(file).bindMemory(to: MemoryHandle.self, capacity: 1)
      .initialize(to: handle)
    outFlags?.pointee = flags
    return SQLITE_OK
  }

  /// The methods of files, for as long as the process lives.
  ///
  /// Proof for nonisolated(unsafe): written once, before anybody has the address.
  nonisolated(unsafe) static let methods: UnsafePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    var table = sqlite3_io_methods()
    table.iVersion = 2
    fillBytes(&table)
    fillLocks(&table)
    methods.initialize(to: table)
    return UnsafePointer(methods)
  }()

  private static func fillBytes(_ table: inout sqlite3_io_methods) {
    table.xClose = { file in
      guard let file else { return SQLITE_MISUSE }
      let handle = UnsafeMutableRawPointer(file).assumingMemoryBound(to: MemoryHandle.self)
      handle.pointee.letGo()
      handle.deinitialize(count: 1)
      return SQLITE_OK
    }
    table.xRead = { file, target, count, offset in
      MemoryHandle.with(file) { $0.read(target, Int(count), Int(offset)) }
    }
    table.xWrite = { file, source, count, offset in
      MemoryHandle.with(file) { $0.write(source, Int(count), Int(offset)) }
    }
    table.xTruncate = { file, size in MemoryHandle.with(file) { $0.truncate(Int(size)) } }
    table.xSync = { file, _ in MemoryHandle.with(file) { $0.sync() } }
    table.xFileSize = { file, size in
      MemoryHandle.with(file) { handle in
        guard handle.isAlive else { return SQLITE_IOERR }
        size?.pointee = Int64(handle.file.content.count)
        return SQLITE_OK
      }
    }
    table.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    table.xSectorSize = { _ in 4096 }
    table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
  }

  private static func fillLocks(_ table: inout sqlite3_io_methods) {
    table.xLock = { file, level in MemoryHandle.with(file) { $0.lock(level) } }
    table.xUnlock = { file, level in MemoryHandle.with(file) { $0.unlock(level) } }
    table.xCheckReservedLock = { file, answer in
      MemoryHandle.with(file) { handle in
        answer?.pointee = handle.file.isReserved ? 1 : 0
        return SQLITE_OK
      }
    }
    table.xShmMap = { file, number, size, makes, answer in
      MemoryHandle.with(file) { handle in
        guard handle.isAlive else { return SQLITE_IOERR }
        let region = handle.file.region(Int(number), size: Int(size), makes: makes != 0)
        if region == nil, makes != 0 { return SQLITE_NOMEM }
        answer?.pointee = region
        return SQLITE_OK
      }
    }
    table.xShmLock = { file, start, count, flags in
      MemoryHandle.with(file) { $0.lockShared(Int(start)..<Int(start + count), flags) }
    }
    table.xShmBarrier = { _ in }
    table.xShmUnmap = { file, _ in
      MemoryHandle.with(file) { handle in
        handle.leaveShared()
        return SQLITE_OK
      }
    }
  }
}

/// A file as a connection has it open; the first member is what SQLite sees.
struct MemoryHandle {
  private var base: sqlite3_file
  private(set) var file: MemoryFile
  let name: String
  private let disk: MemoryDisk?
  /// The life of the disk in which it was opened or rose; none while it rests.
  private var life: Int
  private let number: Int
  private var level = SQLITE_LOCK_NONE
  private var shared: UInt8 = 0

  private static let numbers = Atomic<Int>(0)

  init(_ file: MemoryFile, _ name: String, on disk: MemoryDisk?) {
    base = sqlite3_file(pMethods: MemorySystem.methods)
    self.file = file
    self.name = name
    file.openHandles += 1
    self.disk = disk
    life = disk?.life ?? 0
    number = MemoryHandle.numbers.add(1, ordering: .relaxed).newValue
  }

  @discardableResult
  static func with(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (inout MemoryHandle) -> Int32
  ) -> Int32 {
    guard let file else { return SQLITE_MISUSE }
    return body(
      &UnsafeMutableRawPointer(file).assumingMemoryBound(to: MemoryHandle.self).pointee)
  }

  /// Whether the disk has power, and has had it since the file was opened.
  var isAlive: Bool {
    guard let disk else { return true }
    return !disk.isDead && disk.life == life
  }

  // MARK: Bytes

  func read(_ target: UnsafeMutableRawPointer?, _ count: Int, _ offset: Int) -> Int32 {
    guard let target else { return SQLITE_MISUSE }
    guard isAlive else { return DiskFault.read }
    let found = file.read(into: target, count, at: offset)
    guard found < count else { return SQLITE_OK }
    memset(target + found, 0, count - found)
    return DiskFault.shortRead
  }

  func write(_ source: UnsafeRawPointer?, _ count: Int, _ offset: Int) -> Int32 {
    guard let source else { return SQLITE_MISUSE }
    guard isAlive else { return DiskFault.write }
    switch disk?.verdict(ofWrite: true) ?? .carryOut {
    case .full: return SQLITE_FULL
    case .failed: return DiskFault.write
    case .carryOut, .pretend:
      file.write(source, count, at: offset)
      return SQLITE_OK
    }
  }

  func truncate(_ size: Int) -> Int32 {
    guard isAlive else { return DiskFault.truncate }
    file.truncate(to: size)
    return SQLITE_OK
  }

  func sync() -> Int32 {
    guard isAlive else { return DiskFault.sync }
    switch disk?.verdict(ofWrite: false) ?? .carryOut {
    case .full, .failed: return DiskFault.sync
    case .pretend: return SQLITE_OK
    case .carryOut:
      file.sync()
      return SQLITE_OK
    }
  }

  // MARK: Locks

  mutating func lock(_ wanted: Int32) -> Int32 {
    guard isAlive else { return DiskFault.lock }
    guard wanted > level else { return SQLITE_OK }
    guard file.lock(wanted, from: level, by: number) else { return SQLITE_BUSY }
    level = wanted
    return SQLITE_OK
  }

  mutating func unlock(_ wanted: Int32) -> Int32 {
    guard wanted < level else { return SQLITE_OK }
    if isAlive { file.unlock(wanted, from: level, by: number) }
    level = wanted
    return SQLITE_OK
  }

  mutating func lockShared(_ range: Range<Int>, _ flags: Int32) -> Int32 {
    guard isAlive else { return flags & SQLITE_SHM_UNLOCK != 0 ? SQLITE_OK : DiskFault.sharedLock }
    return file.lockShared(range, flags, by: number, held: &shared) ? SQLITE_OK : SQLITE_BUSY
  }

  mutating func leaveShared() {
    if isAlive { file.leaveShared(by: number, held: shared) }
    shared = 0
  }

  mutating func letGo() {
    leaveShared()
    _ = unlock(SQLITE_LOCK_NONE)
    if life != MemoryHandle.rest { file.openHandles -= 1 }
  }

  // MARK: Rest

  private static let rest = -1

  /// The handles of the database and of its log that a connection has open.
  static func all(of connection: OpaquePointer) -> [UnsafeMutablePointer<MemoryHandle>] {
    [SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER].compactMap { which in
      var file: UnsafeMutablePointer<sqlite3_file>?
      guard sqlite3_file_control(connection, "main", which, &file) == SQLITE_OK, let file,
        file.pointee.pMethods == MemorySystem.methods
      else { return nil }
      return UnsafeMutableRawPointer(file).assumingMemoryBound(to: MemoryHandle.self)
    }
  }

  /// Holds nothing any more, and fails at everything until it rises.
  mutating func lieDown() {
    guard life != MemoryHandle.rest else { return }
    leaveShared()
    if isAlive { file.unlock(SQLITE_LOCK_NONE, from: level, by: number) }
    life = MemoryHandle.rest
    file.openHandles -= 1
  }

  /// Goes on with the file that now has its name, and with the lock that SQLite thinks it holds;
  /// false where that cannot be.
  mutating func rise() -> Bool {
    guard life == MemoryHandle.rest, let disk, let file = disk.file(name, makes: true),
      level <= SQLITE_LOCK_SHARED,
      level == SQLITE_LOCK_NONE || file.lock(level, from: SQLITE_LOCK_NONE, by: number)
    else { return false }
    self.file = file
    life = disk.life
    file.openHandles += 1
    return true
  }
}

/// SQLite's codes for what a disk fails at, which its headers hide from Swift.
private enum DiskFault {
  static let read = SQLITE_IOERR | 1 << 8
  static let shortRead = SQLITE_IOERR | 2 << 8
  static let write = SQLITE_IOERR | 3 << 8
  static let sync = SQLITE_IOERR | 4 << 8
  static let truncate = SQLITE_IOERR | 6 << 8
  static let lock = SQLITE_IOERR | 15 << 8
  static let sharedLock = SQLITE_IOERR | 20 << 8
}
