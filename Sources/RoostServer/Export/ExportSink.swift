import Cryptography
import Glibc
import RoostCore

/// Where an export goes.
package enum ExportDestination: Sendable, Equatable {
  /// A folder that is empty or is made.
  case folder(String)
  /// A ZIP archive; `-` is standard output.
  case zip(String)
  /// A file for a single collection; `-` is standard output.
  case file(String)
}

/// Takes the files of an export one after another, and their digests.
final class ExportSink {
  private let destination: ExportDestination
  private var output: ByteOutput?
  private var zip: ZipWriter?
  private var made: [ByteOutput] = []
  private var madeFolder = false
  private var run = SHA256Run()
  private var bytes: Int64 = 0

  /// Throws `ImportFault` where there is something already.
  init(_ destination: ExportDestination) throws {
    self.destination = destination
    switch destination {
    case .folder(let path):
      if mkdir(path, 0o700) == 0 {
        madeFolder = true
      } else if errno != EEXIST || !FileBytes.isFolder(path) {
        throw ImportFault(
          exitStatus: 2, code: "write",
          "\(path): cannot be made: \(String(cString: strerror(errno)))")
      } else if !FileBytes.names(in: path).isEmpty {
        throw ImportFault(
          exitStatus: 2, code: "exists", "\(path): is not empty; give --out another folder")
      }
    case .zip(let path), .file(let path):
      if path != "-", FileBytes.exists(path) {
        throw ImportFault(
          exitStatus: 2, code: "exists", "\(path): is there already; give --out another name")
      }
      let output = try ByteOutput(path: path == "-" ? path : path + ".part")
      made.append(output)
      self.output = output
      if case .zip = destination { zip = ZipWriter(output) }
    }
  }

  func begin(_ name: String) throws {
    run = SHA256Run()
    bytes = 0
    if case .folder(let path) = destination {
      let output = try ByteOutput(path: path + "/" + name)
      made.append(output)
      self.output = output
    }
    try zip?.begin(name)
  }

  func write(_ block: [UInt8]) throws {
    bytes += Int64(block.count)
    block.withUnsafeBytes { run.update($0) }
    if let zip { try zip.write(block) } else { try output?.write(block) }
  }

  /// Ends a file and gives its size and digest.
  func end() throws -> (bytes: Int64, sha256: String) {
    try zip?.end()
    if case .folder = destination { try output?.finish() }
    return (bytes, Hex.encode(run.finish()))
  }

  /// Ends the whole; an archive gets its name only now.
  func finish() throws {
    try zip?.finish()
    switch destination {
    case .folder: return
    case .zip(let path), .file(let path):
      try output?.finish()
      guard path != "-" else { return }
      guard rename(path + ".part", path) == 0 else {
        throw ImportFault(
          code: "write", "\(path): cannot be written: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Takes away what was written.
  func discard() {
    for output in made { output.remove() }
    if madeFolder, case .folder(let path) = destination { rmdir(path) }
  }
}
