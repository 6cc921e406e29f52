import Glibc
import RoostCore

/// The file of refused lines, as they stood in the input, so that they can be mended and imported;
/// and beside it `….reasons.jsonl`, which says of each why.
final class RefusedLines {
  private let input: InputFile
  private let header: SourceSpan?
  private let lines: OutputFile
  private let reasons: OutputFile
  private(set) var count = 0

  /// Opens both files, which replace former ones; throws `ImportFault`.
  ///
  /// With `mark` they are those of an earlier run, which are gone on with where it stood.
  init(path: String, input: InputFile, header: SourceSpan?, mark: ImportMark? = nil) throws {
    guard !input.isSame(as: path) else {
      throw ImportFault(
        exitStatus: 2, code: "exists", "\(path): is the input itself; give --refused another name")
    }
    self.input = input
    self.header = header
    count = mark?.refused ?? 0
    lines = try OutputFile(path: path, keeping: mark?.refusedBytes ?? 0)
    reasons = try OutputFile(path: path + ".reasons.jsonl", keeping: mark?.reasonBytes ?? 0)
  }

  /// Whether the files hold what an earlier run had written by `mark`.
  static func goesOn(_ path: String, _ mark: ImportMark) -> Bool {
    if mark.refused == 0 { return true }
    guard mark.refusedBytes > 0 else { return false }
    return size(path) >= mark.refusedBytes && size(path + ".reasons.jsonl") >= mark.reasonBytes
  }

  private static func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : -1
  }

  func add(_ span: SourceSpan, _ line: RefusedLine) throws {
    if count == 0, let header { try copy(header) }
    count += 1
    try copy(span)
    try reasons.write(RefusedLines.json(line).encoded + [10])
  }

  /// Writes what waits, and says how long both files are.
  func settle() throws -> (lines: Int64, reasons: Int64) {
    try lines.flush()
    try reasons.flush()
    return (lines.byteCount, reasons.byteCount)
  }

  /// Ends both files; with nothing refused they are removed.
  func finish() throws {
    if count == 0 {
      lines.remove()
      reasons.remove()
    } else {
      try lines.flush()
      try reasons.flush()
    }
  }

  /// `{"line": 12, "issues": [{"pointer", "code", "message"}]}`.
  static func json(_ line: RefusedLine) -> JSON {
    [
      "line": .int(Int64(line.line)),
      "issues": .array(
        line.issues.map {
          [
            "pointer": .string($0.pointer), "code": .string($0.code),
            "message": .string($0.message),
          ]
        }),
    ]
  }

  /// Copies bytes of the input, in blocks; a last line without an end gets one.
  private func copy(_ span: SourceSpan) throws {
    var offset = span.offset
    let end = span.offset + span.byteCount
    var last: UInt8 = 10
    while offset < end {
      var block = [UInt8](repeating: 0, count: Int(min(65_536, end - offset)))
      let count = try block.withUnsafeMutableBytes { try input.read(at: offset, into: $0) }
      guard count > 0 else { break }
      block.removeLast(block.count - count)
      last = block[count - 1]
      try lines.write(block)
      offset += Int64(count)
    }
    if last != 10 { try lines.write([10]) }
  }
}

/// A file that is written in blocks; readable by its owner alone, because it holds people's data.
private final class OutputFile {
  private let path: String
  private let descriptor: CInt
  private var buffer: [UInt8] = []

  /// Bytes that are in the file.
  private(set) var byteCount: Int64

  /// Opens the file and keeps its first `kept` bytes.
  init(path: String, keeping kept: Int64) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    self.path = path
    byteCount = kept
    if descriptor >= 0, ftruncate(descriptor, off_t(kept)) == 0 { lseek(descriptor, 0, SEEK_END) }
    guard descriptor >= 0 else {
      throw ImportFault(
        code: "write", "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) throws {
    buffer.append(contentsOf: bytes)
    if buffer.count >= 65_536 { try flush() }
  }

  func flush() throws {
    var written = 0
    while written < buffer.count {
      let count = buffer.withUnsafeBytes { bytes in
        Glibc.write(
          descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw ImportFault(
          code: errno == ENOSPC ? "disk_full" : "write",
          "\(path): cannot be written: \(String(cString: strerror(errno)))")
      }
      written += count
    }
    byteCount += Int64(buffer.count)
    buffer.removeAll(keepingCapacity: true)
  }

  func remove() { unlink(path) }
}
