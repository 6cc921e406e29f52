import Glibc
import Synchronization

/// A disk in memory, for the simulation: what was made durable lies apart from what was only
/// written, and power can be cut.
///
/// Its databases are opened by `SQLiteConfiguration.disk`. One thread at a time uses a disk, so a
/// database on it does all its work on the threads of its callers. Exclusivity is unchecked for what
/// each operation asks: no access to it spans a call that could reach it again.
package final class MemoryDisk: @unchecked Sendable {
  // Sendable: one thread at a time uses it; who hands it over does so behind a lock.

  /// What goes wrong, from now on.
  package struct Faults: Sendable {
    /// Nothing can be written any more until this is taken back: `SQLITE_FULL`.
    package var isFull = false
    /// The next sync fails, once.
    package var failsSync = false
    /// The next write fails, once.
    package var failsWrite = false
    /// A sync says that it succeeded, and makes nothing durable: a disk that lies.
    package var liesAboutSyncs = false
    /// Power goes at the write or sync with this number, counted by `operations`.
    package var cutAt: Int?

    package init() {}
  }

  @exclusivity(unchecked) package var faults = Faults()
  /// Writes and syncs so far.
  @exclusivity(unchecked) package private(set) var operations = 0
  /// Whether power was cut: everything fails until `restart`.
  @exclusivity(unchecked) package private(set) var isDead = false

  /// The folder by which the databases of this disk are named.
  package let folder: String
  private let number: Int
  private var files: [String: MemoryFile] = [:]
  /// How often power came back; handles of former lives do nothing.
  @exclusivity(unchecked) private(set) var life = 0

  /// A disk with the files of `image`.
  package init(_ image: MemoryImage = MemoryImage()) {
    number = MemoryDisk.take()
    folder = MemoryDisk.root + String(number)
    for (name, bytes) in image.files { files[name] = MemoryFile(bytes) }
    MemoryDisk.all.withLock { $0[number] = Held(self) }
  }

  deinit {
    let number = number
    MemoryDisk.all.withLock { disks in
      disks[number] = nil
    }
  }

  // MARK: Power

  /// What would be there if power went now and nothing that was only written had reached the disk.
  package var durable: MemoryImage { MemoryImage(files: files.mapValues(\.durable)) }

  /// What is there as long as power stays.
  package var current: MemoryImage { MemoryImage(files: files.mapValues(\.content)) }

  /// Cuts the power: what was made durable stays, and of the rest each sector that `isKept` chooses.
  ///
  /// `isKept` is asked in a fixed order. `sector` is 512 or 4096.
  package func cut(sector: Int, isKept: () -> Bool) {
    isDead = true
    for name in files.keys.sorted() { files[name]?.cut(sector: sector, isKept: isKept) }
  }

  /// Power comes back: handles from before are dead, and the locks that they held are free.
  ///
  /// The connections of who has closed its database meanwhile are kept.
  package func restart() {
    if files.values.contains(where: { $0.openHandles > 0 }) { forgetConnections() }
    life += 1
    isDead = false
    faults = Faults()
    for name in files.keys { files[name]?.forgetLocks() }
  }

  /// Makes it a new disk with the files of `image`; connections that were kept go on with them.
  package func begin(with image: MemoryImage) {
    if isDead { restart() }
    faults = Faults()
    operations = 0
    closing = .close
    if !aside.isEmpty {
      let former = aside
      aside = [:]
      forgetConnections()
      connections = former
    }
    for (name, file) in files { file.begin(with: image.files[name] ?? []) }
    for (name, bytes) in image.files where files[name] == nil { files[name] = MemoryFile(bytes) }
  }

  // MARK: Connections

  /// What becomes of connections that are closed from now on.
  package enum Closing: Sendable {
    /// They are closed.
    case close
    /// They are kept for the database that is opened next, and what lies in the log stays there.
    case keep
    /// They are put aside until `begin`, and leave the disk as if they were closed: the database
    /// that is opened next will change the tables.
    case putAside
  }

  package var closing = Closing.close
  private var connections: [Bool: KeptConnection] = [:]
  private var aside: [Bool: KeptConnection] = [:]

  /// Takes a connection that would be closed; false where it has to be.
  func keep(_ handle: OpaquePointer, _ statements: StatementCache, writes: Bool) -> Bool {
    switch closing {
    case .close: return false
    case .putAside:
      guard isDead || !writes || leaveLog(handle) else { return false }
      aside.updateValue(KeptConnection(handle, statements), forKey: writes)?.close()
    case .keep:
      connections.updateValue(KeptConnection(handle, statements), forKey: writes)?.close()
    }
    return true
  }

  /// Removes an empty log, as the last connection does that is closed; false where it is not empty.
  private func leaveLog(_ handle: OpaquePointer) -> Bool {
    guard let log = MemoryHandle.all(of: handle).last?.pointee, log.name.hasSuffix("-wal"),
      log.file.content.isEmpty
    else { return false }
    remove(log.name)
    return true
  }

  func takeConnection(writes: Bool) -> KeptConnection? {
    connections.removeValue(forKey: writes)
  }

  /// How many connections are kept, for tests.
  package var keptCount: Int { connections.count + aside.count }

  /// Closes the connections that are kept, which hold the disk until then.
  package func forgetConnections() {
    for connection in connections.values { connection.close() }
    for connection in aside.values { connection.close() }
    connections = [:]
    aside = [:]
  }

  /// Puts other files in the place of all that are there, as a restored backup does.
  package func replace(by image: MemoryImage) {
    forgetConnections()
    files = image.files.mapValues { MemoryFile($0) }
  }

  // MARK: Files

  func file(_ name: String, makes: Bool) -> MemoryFile? {
    if let file = files[name] { return file }
    guard makes else { return nil }
    let file = MemoryFile([])
    files[name] = file
    return file
  }

  func remove(_ name: String) { files[name] = nil }

  /// What an operation comes to, before it is done.
  enum Verdict {
    case carryOut
    case full
    case failed
    /// Answer that all is well, and do nothing.
    case pretend
  }

  func verdict(ofWrite: Bool) -> Verdict {
    if isDead { return .failed }
    operations += 1
    if let place = faults.cutAt, operations >= place {
      isDead = true
      return .failed
    }
    if ofWrite {
      if faults.isFull { return .full }
      if faults.failsWrite {
        faults.failsWrite = false
        return .failed
      }
      return .carryOut
    }
    if faults.failsSync {
      faults.failsSync = false
      return .failed
    }
    return faults.liesAboutSyncs ? .pretend : .carryOut
  }

  // MARK: By name

  private struct Held: Sendable {
    weak let disk: MemoryDisk?
    init(_ disk: MemoryDisk) { self.disk = disk }
  }

  private static let root = "/roost-memory/"
  private static let last = Atomic<Int>(0)
  private static let all = Mutex<[Int: Held]>([:])

  private static func take() -> Int {
    last.add(1, ordering: .relaxed).newValue
  }

  /// The disk of a path, and the name of the file on it.
  static func find(_ path: UnsafePointer<CChar>) -> (disk: MemoryDisk, name: String)? {
    let text = String(cString: path)
    guard text.hasPrefix(root) else { return nil }
    let rest = text.dropFirst(root.count)
    guard let slash = rest.firstIndex(of: "/"), let number = Int(rest[..<slash]),
      let disk = all.withLock({ $0[number]?.disk })
    else { return nil }
    return (disk, String(rest[rest.index(after: slash)...]))
  }
}

/// The files of a memory disk at one moment.
package struct MemoryImage: Sendable, Equatable {
  package var files: [String: [UInt8]]

  package init(files: [String: [UInt8]] = [:]) { self.files = files }

  package var bytes: Int { files.values.reduce(0) { $0 + $1.count } }
}
