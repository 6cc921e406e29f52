import Glibc

/// Reads small files whole.
package enum FileBytes {
  /// Why a file cannot be read, in words.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
  }

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a folder, sorted; empty where it cannot be read.
  package static func names(in folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: UInt8.self, capacity: 256) {
          String(decoding: UnsafeBufferPointer(start: $0, count: strnlen($0, 256)), as: UTF8.self)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The bytes of a file of at most `limit` bytes.
  package static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &block, block.count)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw Failure(reason: String(cString: strerror(errno)))
      }
      bytes.append(contentsOf: block[0..<count])
      guard bytes.count <= limit else {
        throw Failure(reason: "the file has more than \(limit) bytes")
      }
    }
  }

  /// Puts `bytes` into a file, in the place of one that is there: whole or not at all.
  package static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    let passing = "\(path).\(getpid()).new"
    let descriptor = open(passing, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(reason: "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
    var offset = 0
    var fault: Int32 = 0
    while offset < bytes.count, fault == 0 {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + offset }, bytes.count - offset)
      }
      if count >= 0 { offset += count } else if errno != EINTR { fault = errno }
    }
    if Glibc.close(descriptor) != 0, fault == 0 { fault = errno }
    if fault == 0, rename(passing, path) != 0 { fault = errno }
    guard fault == 0 else {
      unlink(passing)
      throw Failure(reason: "\(path): cannot be written: \(String(cString: strerror(fault)))")
    }
  }

  private static func strnlen(_ pointer: UnsafePointer<UInt8>, _ limit: Int) -> Int {
    var count = 0
    while count < limit, pointer[count] != 0 { count += 1 }
    return count
  }
}
