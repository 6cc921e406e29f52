import CZlib
import Cryptography
import Glibc
import RoostCore

/// The directory of a ZIP archive, and the way to its entries.
///
/// What is read was made by anybody: every number is checked against the file, no entry gives more
/// than it says, and none says more than its packed bytes can hold. Names are told, never followed.
struct ZipArchive {
  struct Entry {
    let name: String
    let size: Int64
    fileprivate let method: UInt64
    fileprivate let crc: UInt32
    fileprivate let packed: Int64
    fileprivate let offset: Int64
  }

  let file: InputFile
  private(set) var entries: [Entry] = []

  private static let maximumEntries = 10_000
  private static let maximumDirectoryBytes: UInt64 = 16_000_000
  /// Deflate makes at most 1032 bytes of one.
  private static let maximumRatio: Int64 = 1032
  private static let blockBytes = 262_144

  init(_ file: InputFile) throws {
    self.file = file
    let (start, size, count) = try place()
    guard count <= UInt64(ZipArchive.maximumEntries), size <= ZipArchive.maximumDirectoryBytes
    else { throw fault("its directory is larger than that of any export") }
    let directory = try read(at: Int64(clamping: start), Int(clamping: size))
    var offset = 0
    var names: Set<String> = []
    for _ in 0..<count {
      let entry = try entry(directory, &offset)
      guard names.insert(entry.name).inserted else {
        throw fault("it holds \(entry.name.prefix(80)) twice")
      }
      entries.append(entry)
    }
  }

  func fault(_ reason: String) -> ImportFault {
    ImportFault(
      exitStatus: 2, code: "zip", "\(file.path): is no archive that can be read: \(reason)")
  }

  private func read(at offset: Int64, _ count: Int) throws -> [UInt8] {
    guard offset >= 0, count >= 0, Int64(count) <= file.byteCount - offset else {
      throw fault("it ends too early; perhaps it was not copied to its end")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    let found = try bytes.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
    guard found == count else { throw fault("it ends too early") }
    return bytes
  }

  private func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) throws -> UInt64 {
    guard let value = ZipBytes.number(bytes, offset, count) else {
      throw fault("its directory is damaged")
    }
    return value
  }

  /// Where the directory is, how long, and of how many entries.
  private func place() throws -> (start: UInt64, size: UInt64, count: UInt64) {
    let tailBytes = Int(min(file.byteCount, 65_557))
    let tail = try read(at: file.byteCount - Int64(tailBytes), tailBytes)
    var offset = tail.count - 22
    while offset >= 0, ZipBytes.number(tail, offset, 4) != 0x0605_4B50 { offset -= 1 }
    guard offset >= 0 else {
      throw fault("its end is missing; perhaps it was not copied to its end")
    }
    let count = try number(tail, offset + 10, 2)
    let size = try number(tail, offset + 12, 4)
    let start = try number(tail, offset + 16, 4)
    guard count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF else {
      return (start, size, count)
    }
    guard try number(tail, offset - 20, 4) == 0x0706_4B50 else {
      throw fault("its directory is damaged")
    }
    let record = try number(tail, offset - 12, 8)
    let head = try read(at: Int64(clamping: record), 56)
    guard try number(head, 0, 4) == 0x0606_4B50 else { throw fault("its directory is damaged") }
    return (try number(head, 48, 8), try number(head, 40, 8), try number(head, 32, 8))
  }

  private func entry(_ directory: [UInt8], _ offset: inout Int) throws -> Entry {
    let base = offset
    guard try number(directory, base, 4) == 0x0201_4B50 else {
      throw fault("its directory is damaged")
    }
    let flags = try number(directory, base + 8, 2)
    let method = try number(directory, base + 10, 2)
    let crc = UInt32(truncatingIfNeeded: try number(directory, base + 16, 4))
    var packed = try number(directory, base + 20, 4)
    var size = try number(directory, base + 24, 4)
    let nameBytes = Int(try number(directory, base + 28, 2))
    let extraBytes = Int(try number(directory, base + 30, 2))
    let commentBytes = Int(try number(directory, base + 32, 2))
    var place = try number(directory, base + 42, 4)
    let nameStart = base + 46
    let extraStart = nameStart + nameBytes
    offset = extraStart + extraBytes + commentBytes
    guard offset <= directory.count,
      let name = String(validating: directory[nameStart..<extraStart], as: UTF8.self)
    else { throw fault("its directory is damaged") }
    var extra = extraStart
    while extra + 4 <= extraStart + extraBytes {
      let kind = try number(directory, extra, 2)
      let length = Int(try number(directory, extra + 2, 2))
      if kind == 1 {
        var field = extra + 4
        func wide(_ value: inout UInt64) throws {
          guard value == 0xFFFF_FFFF, field + 8 <= extra + 4 + length else { return }
          value = try number(directory, field, 8)
          field += 8
        }
        try wide(&size)
        try wide(&packed)
        try wide(&place)
      }
      extra += 4 + length
    }
    guard flags & 1 == 0 else { throw fault("\(name.prefix(80)) is encrypted") }
    guard method == 0 || method == 8 else {
      throw fault("\(name.prefix(80)) is packed in a way that is not deflate")
    }
    guard let size = Int64(exactly: size), let packed = Int64(exactly: packed),
      let place = Int64(exactly: place), packed <= file.byteCount, place <= file.byteCount
    else { throw fault("\(name.prefix(80)) is larger than the archive") }
    guard method == 8 ? size / ZipArchive.maximumRatio <= packed + 64 : size == packed else {
      throw fault("\(name.prefix(80)) says to be larger than it can be")
    }
    return Entry(
      name: name, size: size, method: method, crc: crc, packed: packed, offset: place)
  }

  // MARK: Content

  /// Gives the bytes of an entry, block after block; throws `ImportFault` where they are not what the
  /// directory says.
  func extract(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let head = try read(at: entry.offset, 30)
    guard try number(head, 0, 4) == 0x0403_4B50 else {
      throw fault("\(entry.name.prefix(80)) is not where it should be")
    }
    let skipped = 30 + Int64(try number(head, 26, 2)) + Int64(try number(head, 28, 2))
    var position = entry.offset + skipped
    let end = position + entry.packed
    guard end <= file.byteCount else { throw fault("it ends too early") }
    var check = Check(entry)
    let inflater = entry.method == 8 ? try Inflater() : nil
    defer { inflater?.close() }
    while position < end {
      let block = try read(
        at: position, Int(min(Int64(ZipArchive.blockBytes), end - position)))
      position += Int64(block.count)
      if inflater == nil {
        try block.withUnsafeBytes { try check.take($0, self, body) }
      } else {
        guard try inflater?.run(block, { try check.take($0, self, body) }) == true else {
          throw fault("\(entry.name.prefix(80)) is damaged")
        }
      }
    }
    guard check.size == entry.size, check.crc == entry.crc else {
      throw fault("\(entry.name.prefix(80)) is damaged")
    }
  }

  private struct Check {
    let entry: Entry
    var size: Int64 = 0
    var crc: UInt32 = 0

    init(_ entry: Entry) { self.entry = entry }

    mutating func take(
      _ bytes: UnsafeRawBufferPointer, _ archive: ZipArchive,
      _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
      size += Int64(bytes.count)
      guard size <= entry.size else {
        throw archive.fault("\(entry.name.prefix(80)) is larger than it says")
      }
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      crc = UInt32(truncatingIfNeeded: crc32(UInt(crc), start, UInt32(bytes.count)))
      try body(bytes)
    }
  }
}
