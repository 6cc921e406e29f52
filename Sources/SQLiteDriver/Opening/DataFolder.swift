import Glibc
import Queries
import RoostCore

/// The data folder, held by this process alone for as long as the object lives.
///
/// The lock is an advisory one (`flock`) on a file in the folder that names the process; it goes with
/// the process, however that ends.
final class DataFolder: Sendable {
  let path: String
  private let lock: HeldDescriptor

  /// Creates the folder (0700) when it is missing, checks it and locks it.
  init(_ path: String, logger: Logger) throws(DatabaseOpenError) {
    self.path = path
    try DataFolder.create(path)
    try DataFolder.check(path, logger: logger)
    lock = HeldDescriptor(try DataFolder.lock(path))
  }

  /// Gives the folder up; what else refers to this object does not keep it.
  func release() { lock.close() }

  /// Creates the database's file (0600) when it is missing and makes the folder's entry durable.
  ///
  /// The answer keeps the file open: it must be closed after SQLite's own handles, since closing any
  /// handle of a file drops all of SQLite's locks on it (POSIX locks belong to the process).
  func prepareFile(_ file: String, isShared: Bool) throws(DatabaseOpenError) -> DatabaseFile {
    var isNew = true
    var descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0, errno == EEXIST {
      isNew = false
      descriptor = open(file, O_RDWR | O_CLOEXEC)
    }
    guard descriptor >= 0 else {
      throw DataFolder.refusal("The database file \(file) cannot be opened", errno)
    }
    let kept = DatabaseFile(descriptor)
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & 0o077 != 0 { fchmod(descriptor, 0o600) }
    if isNew { try syncEntries() }
    guard isShared || kept.lockOut() else {
      throw DatabaseOpenError(
        .inUse, "\(file) is locked by another program, such as a SQLite shell: close that first.")
    }
    return kept
  }

  /// Makes the entries of the folder durable: those of the database, of its log, and its own.
  func syncEntries() throws(DatabaseOpenError) {
    let parent = path + "/.."
    for folder in [path, parent] {
      let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      let status = fsync(descriptor)
      let code = errno
      close(descriptor)
      // A file system that cannot sync a folder says EINVAL.
      guard status == 0 || code == EINVAL else {
        throw DataFolder.refusal("The data folder \(path) cannot be made durable", code)
      }
    }
  }

  private static func create(_ path: String) throws(DatabaseOpenError) {
    guard !path.isEmpty else {
      throw DatabaseOpenError(.folder, "The data folder has no name: give one, such as ./data.")
    }
    var partial = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      partial += part
      if mkdir(partial, 0o700) != 0, errno != EEXIST {
        let code = errno
        var status = stat()
        // A folder on the way may exist on a file system that refuses mkdir before it looks.
        guard stat(partial, &status) == 0 else {
          throw refusal("The data folder \(path) cannot be created", code)
        }
      }
      partial += "/"
    }
  }

  private static func check(_ path: String, logger: Logger) throws(DatabaseOpenError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw refusal("The data folder \(path) cannot be read", errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw DatabaseOpenError(
        .folder, "\(path) is not a folder: choose another data folder, or move the file away.")
    }
    if status.st_mode & 0o077 != 0 {
      logger.notice(
        "The data folder can be entered by other accounts; `chmod 700` it",
        [("folder", .string(path))])
    }
  }

  private static func lock(_ path: String) throws(DatabaseOpenError) -> Int32 {
    let file = path + "/roost.lock"
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw refusal("The data folder \(path) cannot be written", errno)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let owner = owner(descriptor)
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw refusal("The data folder \(path) cannot be locked", code)
      }
      throw DatabaseOpenError(
        .inUse,
        """
        The data folder \(path) is in use by \(owner): stop that process, or choose another data \
        folder.
        """)
    }
    let text = Array("\(getpid())\n".utf8)
    ftruncate(descriptor, 0)
    let written = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard written == text.count else {
      let code = errno
      close(descriptor)
      throw refusal("The data folder \(path) cannot be written", code)
    }
    return descriptor
  }

  private static func owner(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 24)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    let digits = String(decoding: bytes.prefix(max(0, count)).prefix { $0 > 32 }, as: UTF8.self)
    return digits.isEmpty ? "another process" : "process \(digits)"
  }

  private static func refusal(_ what: String, _ code: Int32) -> DatabaseOpenError {
    let advice =
      switch code {
      case EACCES, EPERM:
        "this account may not do that; change the owner of the folder, or choose another one"
      case EROFS: "the file system is read-only; choose a data folder on another one"
      case ENOTDIR, EEXIST:
        "a part of the path is a file; choose another data folder, or move the file away"
      case ENOSPC, EDQUOT: "the disk is full; make room first"
      case ENAMETOOLONG: "the path is too long; choose a shorter one"
      case EISDIR: "it is a folder; move it away"
      default: "\(String(cString: strerror(code))); choose another data folder"
      }
    return DatabaseOpenError(.folder, "\(what): \(advice).")
  }
}
