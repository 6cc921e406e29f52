/// A universally unique identifier (RFC 9562), ordered by its bytes.
package struct UUID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The first eight bytes, big-endian.
  package let high: UInt64
  /// The last eight bytes, big-endian.
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package static let zero = UUID(high: 0, low: 0)

  package static func < (left: UUID, right: UUID) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }

  /// A version 7 identifier: 48 bits of milliseconds, then random bits, so that identifiers made
  /// later sort later.
  package static func version7(at time: Timestamp, random: any RandomSource) -> UUID {
    var bits: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &bits) { random.fill($0) }
    let milliseconds = UInt64(max(0, time.milliseconds)) & 0xFFFF_FFFF_FFFF
    return UUID(
      high: milliseconds << 16 | 0x7000 | bits.0 & 0x0FFF,
      low: 0x8000_0000_0000_0000 | bits.1 & 0x3FFF_FFFF_FFFF_FFFF)
  }

  /// Reads the 36-character form in either case; nil for anything else.
  package init?(_ text: String) {
    var text = text
    let parsed = text.withUTF8 { UUID(utf8: UnsafeRawBufferPointer($0)) }
    guard let parsed else { return nil }
    self = parsed
  }

  /// Reads the 36-character form from UTF-8 bytes.
  package init?(utf8 bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 36 else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    var digits = 0
    for index in 0..<36 {
      let byte = bytes[index]
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
        continue
      }
      let value: UInt8
      switch byte {
      case 48...57: value = byte - 48
      case 97...102: value = byte - 87
      case 65...70: value = byte - 55
      default: return nil
      }
      if digits < 16 {
        halves.0 = halves.0 << 4 | UInt64(value)
      } else {
        halves.1 = halves.1 << 4 | UInt64(value)
      }
      digits += 1
    }
    self.init(high: halves.0, low: halves.1)
  }

  /// Reads sixteen big-endian bytes; nil for another count.
  package init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 16 else { return nil }
    self.init(
      high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
      low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  /// The sixteen bytes, big-endian.
  package var bytes: [UInt8] {
    withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
  }

  /// The lower-case 36-character form.
  package var description: String {
    String(unsafeUninitializedCapacity: 36) { buffer in
      if let start = buffer.baseAddress { format(into: start) }
      return 36
    }
  }

  /// Appends the 36 bytes of `description`.
  package func write(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
      if let start = buffer.baseAddress { format(into: start) }
      out.append(contentsOf: UnsafeBufferPointer(buffer))
    }
  }

  /// Writes the 36 bytes of `description`.
  package func format(into start: UnsafeMutablePointer<UInt8>) {
    let out = UnsafeMutableRawPointer(start)
    UUID.formatBytes(high >> 32, 4, out)
    start[8] = UInt8(ascii: "-")
    UUID.formatBytes(high >> 16, 2, out + 9)
    start[13] = UInt8(ascii: "-")
    UUID.formatBytes(high, 2, out + 14)
    start[18] = UInt8(ascii: "-")
    UUID.formatBytes(low >> 48, 2, out + 19)
    start[23] = UInt8(ascii: "-")
    UUID.formatBytes(low, 6, out + 24)
  }

  /// Writes the last `count` bytes of `word` as hexadecimal digits, a pair from a table for each.
  @inline(__always) private static func formatBytes(
    _ word: UInt64, _ count: Int, _ start: UnsafeMutableRawPointer
  ) {
    let pairs = UnsafeRawPointer(hexadecimal.utf8Start)
    for index in 0..<count {
      let byte = Int(truncatingIfNeeded: word >> UInt64((count - 1 - index) * 8)) & 0xFF
      start.storeBytes(
        of: pairs.loadUnaligned(fromByteOffset: byte * 2, as: UInt16.self),
        toByteOffset: index * 2, as: UInt16.self)
    }
  }

  /// `000102…ff`.
  private static let hexadecimal: StaticString = """
    000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
    202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\
    404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f\
    606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f\
    808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f\
    a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf\
    c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\
    e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
    """
}
