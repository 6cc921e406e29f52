import CZlib
import RoostCore

/// Writes a ZIP archive without going back: deflated entries, sizes behind each, ZIP64 throughout.
///
/// Source: PKWARE, .ZIP File Format Specification 6.3.10 (APPNOTE.TXT).
final class ZipWriter {
  private struct Entry {
    let name: String
    let offset: Int64
    var crc: UInt32 = 0
    var packed: Int64 = 0
    var size: Int64 = 0
  }

  private let output: ByteOutput
  private var entries: [Entry] = []
  private var current: Entry?
  private var deflater: Deflater?

  init(_ output: ByteOutput) { self.output = output }

  func begin(_ name: String) throws {
    deflater = try Deflater()
    current = Entry(name: name, offset: output.count)
    var head = ZipBytes()
    head.put32(0x0403_4B50)
    head.put16(45)
    // Sizes follow the content; the name is UTF-8.
    head.put16(0x0808)
    head.put16(8)
    // 1980-01-01 00:00, so that the same content gives the same bytes.
    head.put16(0)
    head.put16(0x21)
    head.put32(0)
    head.put32(0xFFFF_FFFF)
    head.put32(0xFFFF_FFFF)
    head.put16(UInt16(name.utf8.count))
    head.put16(20)
    head.bytes += Array(name.utf8)
    head.put16(1)
    head.put16(16)
    head.put64(0)
    head.put64(0)
    try output.write(head.bytes)
  }

  func write(_ bytes: [UInt8]) throws {
    guard var entry = current, !bytes.isEmpty else { return }
    entry.size += Int64(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(1 << 30))
      rest = rest.dropFirst(part.count)
      entry.crc = UInt32(
        truncatingIfNeeded: crc32(UInt(entry.crc), part, UInt32(part.count)))
      entry.packed += try deflate(part, isLast: false)
    }
    current = entry
  }

  func end() throws {
    guard var entry = current else { return }
    entry.packed += try deflate([], isLast: true)
    deflater = nil
    var tail = ZipBytes()
    tail.put32(0x0807_4B50)
    tail.put32(entry.crc)
    tail.put64(UInt64(entry.packed))
    tail.put64(UInt64(entry.size))
    try output.write(tail.bytes)
    entries.append(entry)
    current = nil
  }

  private func deflate(_ bytes: [UInt8], isLast: Bool) throws -> Int64 {
    var made: Int64 = 0
    try deflater?.run(bytes, isLast: isLast) {
      made += Int64($0.count)
      try output.write($0)
    }
    return made
  }

  /// Writes the directory.
  func finish() throws {
    let start = output.count
    for entry in entries {
      var head = ZipBytes()
      head.put32(0x0201_4B50)
      // Made on Unix, by version 4.5; read by the same.
      head.put16(0x032D)
      head.put16(45)
      head.put16(0x0808)
      head.put16(8)
      head.put16(0)
      head.put16(0x21)
      head.put32(entry.crc)
      head.put32(0xFFFF_FFFF)
      head.put32(0xFFFF_FFFF)
      head.put16(UInt16(entry.name.utf8.count))
      head.put16(28)
      head.put16(0)
      head.put16(0)
      head.put16(0)
      // A file of its owner alone.
      head.put32(UInt32(0o100600) << 16)
      head.put32(0xFFFF_FFFF)
      head.bytes += Array(entry.name.utf8)
      head.put16(1)
      head.put16(24)
      head.put64(UInt64(entry.size))
      head.put64(UInt64(entry.packed))
      head.put64(UInt64(entry.offset))
      try output.write(head.bytes)
    }
    let size = output.count - start
    let end = output.count
    var tail = ZipBytes()
    tail.put32(0x0606_4B50)
    tail.put64(44)
    tail.put16(0x032D)
    tail.put16(45)
    tail.put32(0)
    tail.put32(0)
    tail.put64(UInt64(entries.count))
    tail.put64(UInt64(entries.count))
    tail.put64(UInt64(size))
    tail.put64(UInt64(start))
    tail.put32(0x0706_4B50)
    tail.put32(0)
    tail.put64(UInt64(end))
    tail.put32(1)
    tail.put32(0x0605_4B50)
    tail.put16(0)
    tail.put16(0)
    tail.put16(0xFFFF)
    tail.put16(0xFFFF)
    tail.put32(0xFFFF_FFFF)
    tail.put32(0xFFFF_FFFF)
    tail.put16(0)
    try output.write(tail.bytes)
    try output.finish()
  }
}

/// Numbers as a ZIP archive writes them, the least byte first.
struct ZipBytes {
  var bytes: [UInt8] = []

  mutating func put16(_ value: UInt16) { put(UInt64(value), 2) }
  mutating func put32(_ value: UInt32) { put(UInt64(value), 4) }
  mutating func put64(_ value: UInt64) { put(value, 8) }

  private mutating func put(_ value: UInt64, _ count: Int) {
    for index in 0..<count {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }

  /// The number of `count` bytes at `offset`; nil beyond the end.
  static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64? {
    guard offset >= 0, offset <= bytes.count - count else { return nil }
    var value: UInt64 = 0
    for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + index]) }
    return value
  }
}
