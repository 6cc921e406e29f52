/// Percent-encoding of URIs (RFC 3986 section 2.1), and its form variant where `+` is a space.
package enum PercentCoding {
  /// The text of percent-encoded bytes; nil for a broken escape, NUL or what is not UTF-8.
  package static func decode(_ bytes: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool) -> String? {
    var isPlain = true
    var bits: UInt8 = 0
    for byte in bytes {
      bits |= byte
      if byte == 0x25 || byte == 0 || plusIsSpace && byte == 0x2B { isPlain = false }
    }
    if isPlain {
      // Decoding repairs what is no UTF-8, but costs a fraction of the generic validation.
      return bits < 0x80
        ? String(decoding: bytes, as: UTF8.self) : String(validating: bytes, as: UTF8.self)
    }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      var byte = bytes[index]
      if byte == 0x25 {
        guard index + 2 < bytes.count, let high = digit(bytes[index + 1]),
          let low = digit(bytes[index + 2])
        else { return nil }
        byte = high << 4 | low
        index += 2
      } else if byte == 0x2B, plusIsSpace {
        byte = 0x20
      }
      guard byte != 0 else { return nil }
      out.append(byte)
      index += 1
    }
    return String(validating: out, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
