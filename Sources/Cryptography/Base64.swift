/// Base 64 without padding (RFC 4648), strict: each byte string has exactly one text.
package enum Base64 {
  /// Which characters stand for the values 62 and 63.
  package enum Alphabet: Sendable {
    /// `-` and `_`, as in tokens and cursors.
    case url
    /// `+` and `/`, as in password hashes.
    case standard
  }

  /// The text of `bytes`, without padding.
  package static func encode(_ bytes: [UInt8], _ alphabet: Alphabet = .url) -> String {
    var output: [UInt8] = []
    append(bytes, to: &output, alphabet)
    return String(decoding: output, as: UTF8.self)
  }

  /// Appends the text of `bytes` to `output`.
  package static func append(
    _ bytes: [UInt8], to output: inout [UInt8], _ alphabet: Alphabet = .url
  ) {
    output.reserveCapacity(output.count + (bytes.count * 4 + 2) / 3)
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        output.append(character(UInt8(truncatingIfNeeded: pending >> bits) & 63, alphabet))
      }
    }
    if bits > 0 {
      output.append(character(UInt8(truncatingIfNeeded: pending << (6 - bits)) & 63, alphabet))
    }
  }

  /// The bytes of `text`; nil for padding, white space, foreign characters, an impossible length, or
  /// bits that no encoder leaves behind.
  package static func decode(_ text: String, _ alphabet: Alphabet = .url) -> [UInt8]? {
    var text = text
    return text.withUTF8 { decode(UnsafeRawBufferPointer($0), alphabet) }
  }

  /// The bytes of a text given in UTF-8; nil as above.
  package static func decode(
    _ text: UnsafeRawBufferPointer, _ alphabet: Alphabet = .url
  ) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(text.count * 3 / 4)
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for character in text {
      guard let value = value(character, alphabet) else { return nil }
      pending = pending << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        output.append(UInt8(truncatingIfNeeded: pending >> bits))
      }
    }
    guard pending & (1 << bits - 1) == 0 else { return nil }
    return output
  }

  private static func character(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: alphabet == .url ? UInt8(ascii: "-") : UInt8(ascii: "+")
    default: alphabet == .url ? UInt8(ascii: "_") : UInt8(ascii: "/")
    }
  }

  private static func value(_ character: UInt8, _ alphabet: Alphabet) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "-") where alphabet == .url, UInt8(ascii: "+") where alphabet == .standard:
      62
    case UInt8(ascii: "_") where alphabet == .url, UInt8(ascii: "/") where alphabet == .standard:
      63
    default: nil
    }
  }
}
