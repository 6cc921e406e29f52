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
  func format(into start: UnsafeMutablePointer<UInt8>) {
    let out = UnsafeMutableRawPointer(start)
    let first = UUID.digits(UInt32(truncatingIfNeeded: high >> 32))
    let second = UUID.digits(UInt32(truncatingIfNeeded: high))
    let third = UUID.digits(UInt32(truncatingIfNeeded: low >> 32))
    let fourth = UUID.digits(UInt32(truncatingIfNeeded: low))
    out.storeBytes(of: first, as: UInt64.self)
    out.storeBytes(of: UInt32(truncatingIfNeeded: second), toByteOffset: 9, as: UInt32.self)
    out.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: 14, as: UInt32.self)
    out.storeBytes(of: UInt32(truncatingIfNeeded: third), toByteOffset: 19, as: UInt32.self)
    out.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: 24, as: UInt32.self)
    out.storeBytes(of: fourth, toByteOffset: 28, as: UInt64.self)
    start[8] = UInt8(ascii: "-")
    start[13] = UInt8(ascii: "-")
    start[18] = UInt8(ascii: "-")
    start[23] = UInt8(ascii: "-")
  }

  /// The eight hexadecimal digits of `word` as the bytes of a number in memory: all at once, a digit
  /// in each byte.
  @inline(__always) private static func digits(_ word: UInt32) -> UInt64 {
    var spread = UInt64(word)
    spread = (spread << 16 | spread) & 0x0000_FFFF_0000_FFFF
    spread = (spread << 8 | spread) & 0x00FF_00FF_00FF_00FF
    spread = (spread << 4 | spread) & 0x0F0F_0F0F_0F0F_0F0F
    // Adding 6 carries into the upper half of the byte for ten and above, which are letters.
    let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (spread &+ 0x3030_3030_3030_3030 &+ letters &* 39).bigEndian
  }
}
