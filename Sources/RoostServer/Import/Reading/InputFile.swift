import Glibc

/// A file that is read by position, in blocks; it never lies in memory as a whole.
///
/// Not mapped: a file that shrinks while it is read would kill a process that maps it.
package final class InputFile: Sendable {
  package let path: String
  /// The size when it was opened; what is appended later is not read.
  package let byteCount: Int64
  private let descriptor: CInt
  private let device: UInt
  private let inode: UInt

  /// Opens a regular file; throws `ImportFault`.
  package init(path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ImportFault(
        code: "read", "\(path): cannot be read: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ImportFault(
        code: "read",
        "\(path): is not a file; save what a pipe delivers in one, so that it can be read again")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int64(status.st_size)
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }

  /// Takes over an open file that has no name of its own any more; `path` is for messages.
  init(adopting descriptor: CInt, path: String) throws {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      close(descriptor)
      throw ImportFault(
        code: "read", "\(path): cannot be read: \(String(cString: strerror(errno)))")
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int64(status.st_size)
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }

  deinit { close(descriptor) }

  /// Fills `buffer` from `offset` and returns the number of bytes; fewer only at the end.
  package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var filled = 0
    let wanted = Int(clamping: min(Int64(buffer.count), max(0, byteCount - offset)))
    while filled < wanted, let base = buffer.baseAddress {
      let count = pread(descriptor, base + filled, wanted - filled, off_t(offset) + filled)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw ImportFault(
          code: "read",
          "\(path): reading at byte \(offset) failed: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// The whole content of a file of at most `maximum` bytes.
  package func contents(maximum: Int) throws -> [UInt8] {
    guard byteCount <= maximum else {
      throw ImportFault(code: "read", "\(path): is larger than \(maximum) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    let count = try bytes.withUnsafeMutableBytes { try read(at: 0, into: $0) }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Whether `other` is this very file, by whatever name.
  package func isSame(as other: String) -> Bool {
    var status = stat()
    guard stat(other, &status) == 0 else { return false }
    return UInt(status.st_dev) == device && UInt(status.st_ino) == inode
  }
}
