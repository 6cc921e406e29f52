/// Classes of bytes in HTTP's grammar (RFC 9110 and RFC 3986).
package enum ByteClass {
  /// A byte of a `token`, such as a method or a field's name.
  @inline(__always)
  package static func isToken(_ byte: UInt8) -> Bool {
    contains(byte, 0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE)
  }

  /// A byte of a `reg-name`: unreserved, sub-delims and the percent sign.
  @inline(__always)
  static func isHostName(_ byte: UInt8) -> Bool {
    contains(byte, 0x2BFF_7FF2_0000_0000, 0x47FF_FFFE_87FF_FFFE)
  }

  /// A byte that a field's value, or a quoted string, may hold.
  @inline(__always)
  static func isFieldValue(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == 9
  }

  /// The value of a hexadecimal digit; nil for another byte.
  @inline(__always)
  package static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  /// A set of ASCII bytes as two words of bits: no table in memory, no branch on its content.
  @inline(__always)
  private static func contains(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
    if byte < 64 { return (low &>> UInt64(byte)) & 1 != 0 }
    return byte < 128 && (high &>> UInt64(byte & 63)) & 1 != 0
  }
}
