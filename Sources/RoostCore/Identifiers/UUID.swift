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
      format(into: buffer)
      return 36
    }
  }

  /// Appends the 36 bytes of `description`.
  package func write(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
      format(into: buffer)
      out.append(contentsOf: UnsafeBufferPointer(buffer))
    }
  }

  /// Appends the 38 bytes of `description` in quotes.
  func writeQuoted(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 38) { buffer in
      buffer[0] = UInt8(ascii: "\"")
      format(into: UnsafeMutableBufferPointer(rebasing: buffer[1..<37]))
      buffer[37] = UInt8(ascii: "\"")
      out.append(contentsOf: UnsafeBufferPointer(buffer))
    }
  }

  private func format(into buffer: UnsafeMutableBufferPointer<UInt8>) {
    UUID.formatDigits(high >> 32, 8, buffer, 0)
    buffer[8] = UInt8(ascii: "-")
    UUID.formatDigits(high >> 16, 4, buffer, 9)
    buffer[13] = UInt8(ascii: "-")
    UUID.formatDigits(high, 4, buffer, 14)
    buffer[18] = UInt8(ascii: "-")
    UUID.formatDigits(low >> 48, 4, buffer, 19)
    buffer[23] = UInt8(ascii: "-")
    UUID.formatDigits(low, 12, buffer, 24)
  }

  /// Writes the last `count` hexadecimal digits of `word`.
  @inline(__always) private static func formatDigits(
    _ word: UInt64, _ count: Int, _ buffer: UnsafeMutableBufferPointer<UInt8>, _ start: Int
  ) {
    var rest = word
    var position = start + count
    while position > start {
      position -= 1
      let digit = UInt8(truncatingIfNeeded: rest & 15)
      // 39 is the distance from "9" + 1 to "a".
      buffer[position] = 48 &+ digit &+ (digit > 9 ? 39 : 0)
      rest >>= 4
    }
  }
}
