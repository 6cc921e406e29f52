import Glibc
package import RoostCore

/// The folder that holds backups.
package struct BackupFolder: Sendable {
  package let path: String

  private static let beginning = "roost-"
  private static let ending = ".backup"

  package init(_ path: String) { self.path = path }

  /// A backup in the folder.
  package struct Entry: Sendable {
    package let path: String
    package let bytes: Int64
    package let head: BackupHead

    package var json: JSON {
      var object = head.json.object ?? JSONObject()
      object["path"] = .string(path)
      object["bytes"] = .int(bytes)
      return .object(object)
    }
  }

  /// The backups, the newest first; files that are none are passed over.
  package var entries: [Entry] { found.entries }

  /// What somebody finds who looks into the folder.
  package struct Listing: Sendable {
    package fileprivate(set) var entries: [Entry] = []
    /// The files that have a backup's name and cannot be read as one, with the reason.
    package fileprivate(set) var unreadable: [(path: String, reason: String)] = []
  }

  /// The backups, and what cannot be read as one; nothing where there is no such folder yet.
  ///
  /// Throws `RoostError` where the folder cannot be looked into: it may hold any number then.
  package func listing() throws -> Listing {
    guard let handle = opendir(path) else {
      if errno == ENOENT { return Listing() }
      throw RoostError(
        .invalid,
        "The folder of backups \(path) cannot be looked into: "
          + "\(String(cString: strerror(errno))). Run the command as the server's account.")
    }
    closedir(handle)
    return found
  }

  private var found: Listing {
    var listing = Listing()
    for name in FileBytes.names(in: path) where name.hasSuffix(BackupFolder.ending) {
      let file = path + "/" + name
      do {
        let head = try BackupReader(file).head
        var status = stat()
        guard stat(file, &status) == 0 else { continue }
        listing.entries.append(Entry(path: file, bytes: Int64(status.st_size), head: head))
      } catch {
        let reason = (error as? RoostError)?.detail ?? "\(error)"
        listing.unreadable.append((file, reason))
      }
    }
    listing.entries.sort {
      ($0.head.madeAt.milliseconds, $0.path) > ($1.head.madeAt.milliseconds, $1.path)
    }
    return listing
  }

  /// The backup that somebody names: a path, the name of a file here, or `latest`.
  ///
  /// Throws `RoostError` where there is none, and for `latest` where a file that is newer by its
  /// name cannot be read: nobody shall go back further than they know.
  package func find(_ name: String) throws -> String {
    if name == "latest" { return try newest() }
    if FileBytes.exists(name) { return name }
    let isHidden = errno == EACCES
    if !name.contains("/") {
      // Throws where nobody can say whether it is there.
      _ = try listing()
      let own = path + "/" + name
      if FileBytes.exists(own) { return own }
    }
    guard !isHidden else {
      throw RoostError(
        .invalid,
        "\(name): \(String(cString: strerror(EACCES))). Run the command as the "
          + "server's account.")
    }
    throw RoostError(.notFound, "\(name): there is no such file, nor is it in \(path).")
  }

  private func newest() throws -> String {
    let listing = try listing()
    let newest = listing.entries.first?.path
    // The names that Roost gives begin with the time, to the second.
    let own = path + "/" + BackupFolder.beginning
    let stamp = { (path: String) in path.dropFirst(own.count).prefix(16) }
    if let fault = listing.unreadable.last(where: { $0.path.hasPrefix(own) }),
      newest.map({ stamp(fault.path) >= stamp($0) }) ?? true
    {
      throw RoostError(
        .invalid,
        "\(fault.reason) By its name it is the newest backup"
          + (newest.map { "; the newest that can be read is \($0): name that one to take it." }
            ?? "."))
    }
    guard let newest else { throw RoostError(.notFound, "\(path) holds no backup.") }
    return newest
  }

  /// Where the backup with this head lies.
  func place(of head: BackupHead) -> String {
    let time = head.madeAt.description.filter { $0 != "-" && $0 != ":" }
    let stamp = time.prefix { $0 != "." && $0 != "Z" } + "Z"
    return
      "\(path)/\(BackupFolder.beginning)\(stamp)-\(head.id.description.suffix(8))\(BackupFolder.ending)"
  }

  /// Makes the folder, readable by its owner alone.
  ///
  /// Throws `RoostError`.
  func make() throws {
    guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
    throw RoostError(
      .invalid,
      "The folder of backups \(path) cannot be made: \(BackupFolder.reason(errno)). Make it, or name "
        + "another one as backups.folder.")
  }

  /// What the system says, with what to do about a place that only the unit makes unwritable.
  fileprivate static func reason(_ number: CInt) -> String {
    String(cString: strerror(number))
      + (number == EROFS ? " (under systemd ReadWritePaths= lets a unit write there)" : "")
  }

  /// Removes what is older than `days`, but never the newest, and what was left unfinished by a
  /// process that ended; says how many backups went.
  func tidy(keepDays days: Int, at now: Timestamp) -> Int {
    var removed = 0
    for entry in entries.dropFirst()
    where entry.head.madeAt.milliseconds < now.milliseconds - Int64(days) * 86_400_000 {
      if unlink(entry.path) == 0 { removed += 1 }
    }
    return removed
  }

  /// Free bytes of the file system; nil where it cannot be asked.
  var freeBytes: Int64? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
  }
}

/// A folder for what is only there while a backup is made, tried or restored.
///
/// It holds people's data unencrypted, so that it is readable by its owner alone and goes in any
/// case; what a process left that was killed goes with the next one.
struct PassingFolder: Sendable {
  let path: String
  /// Held for as long as the process uses the folder: the system lets it go with the process.
  private let lock: CInt

  private static let prefix = ".passing-"

  /// Makes the folder inside of `parent`, after those that former processes left there are removed.
  ///
  /// Throws `RoostError`.
  init(in parent: String, _ id: UUID) throws {
    for name in FileBytes.names(in: parent) where name.hasPrefix(PassingFolder.prefix) {
      // A number of a process would say nothing in a container, where every server is the first one.
      let other = parent + "/" + name
      let lock = PassingFolder.lock(of: other)
      guard lock >= 0 else { continue }
      PassingFolder.remove(other)
      close(lock)
    }
    path = "\(parent)/\(PassingFolder.prefix)\(id)"
    guard mkdir(path, 0o700) == 0 else {
      throw RoostError(
        .invalid,
        "\(path), where it is unpacked to be tried, cannot be made: "
          + "\(BackupFolder.reason(errno)).")
    }
    lock = PassingFolder.lock(of: path)
    guard lock >= 0 else {
      let reason = String(cString: strerror(errno))
      PassingFolder.remove(path)
      throw RoostError(.invalid, "\(path) cannot be locked: \(reason).")
    }
  }

  /// Removes the folder with what it holds; whoever made it does so once, in any case.
  func remove() {
    PassingFolder.remove(path)
    close(lock)
  }

  /// The lock of a folder that nobody uses, held from now on; -1 where somebody does.
  private static func lock(of path: String) -> CInt {
    let lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { return -1 }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      return -1
    }
    return lock
  }

  private static func remove(_ path: String) {
    for name in FileBytes.names(in: path) {
      let file = path + "/" + name
      if FileBytes.isFolder(file) { remove(file) } else { unlink(file) }
    }
    rmdir(path)
  }
}
