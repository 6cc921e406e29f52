import Glibc

/// A file, or standard output, that is written in blocks.
final class ByteOutput {
  let path: String
  private let descriptor: CInt
  private let isFile: Bool
  private var buffer: [UInt8] = []
  /// Bytes given so far.
  private(set) var count: Int64 = 0

  private static let blockBytes = 262_144

  /// Makes the file, readable by its owner alone, because it holds people's data; `-` is standard
  /// output.
  ///
  /// Throws `ImportFault`, also where there is something of that name already.
  init(path: String) throws {
    self.path = path
    isFile = path != "-"
    descriptor = isFile ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) : 1
    if descriptor < 0 {
      throw ImportFault(code: "write", "\(path): cannot be written: \(ByteOutput.reason())")
    }
  }

  deinit { if isFile { close(descriptor) } }

  func write(_ bytes: [UInt8]) throws {
    count += Int64(bytes.count)
    if buffer.isEmpty, bytes.count >= ByteOutput.blockBytes {
      try bytes.withUnsafeBytes { try put($0) }
      return
    }
    buffer.append(contentsOf: bytes)
    if buffer.count >= ByteOutput.blockBytes { try flush() }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    count += Int64(bytes.count)
    buffer.append(contentsOf: bytes)
    if buffer.count >= ByteOutput.blockBytes { try flush() }
  }

  /// Writes what is left; a file lies on the disk afterwards.
  func finish() throws {
    try flush()
    if isFile, fsync(descriptor) != 0 { throw fault() }
  }

  func remove() { if isFile { unlink(path) } }

  private func flush() throws {
    try buffer.withUnsafeBytes { try put($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(
        descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw fault() }
      written += count
    }
  }

  private func fault() -> ImportFault {
    let isFull = errno == ENOSPC || errno == EDQUOT
    return ImportFault(
      code: isFull ? "disk_full" : "write",
      "\(path): cannot be written: \(ByteOutput.reason())"
        + (isFull ? "; make room and run it again" : ""))
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
