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
    let count = (bytes.count * 4 + 2) / 3
    return String(unsafeUninitializedCapacity: count) { text in
      write(bytes, to: UnsafeMutableBufferPointer(rebasing: text[..<count]), alphabet)
      return count
    }
  }

  /// Appends the text of `bytes` to `output`.
  package static func append(
    _ bytes: [UInt8], to output: inout [UInt8], _ alphabet: Alphabet = .url
  ) {
    let count = (bytes.count * 4 + 2) / 3
    output.reserveCapacity(output.count + count)
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { text in
      write(bytes, to: text, alphabet)
      output.append(contentsOf: UnsafeBufferPointer(text))
    }
  }

  /// Fills `text`, which has room for just the text of `bytes`.
  private static func write(
    _ bytes: [UInt8], to text: UnsafeMutableBufferPointer<UInt8>, _ alphabet: Alphabet
  ) {
    let characters = alphabet == .url ? urlCharacters : standardCharacters
    var place = 0
    var index = 0
    while index < bytes.count {
      // Three bytes are four characters; at the end, one byte is two and two bytes are three.
      var group = UInt32(bytes[index]) << 16
      if index + 1 < bytes.count { group |= UInt32(bytes[index + 1]) << 8 }
      if index + 2 < bytes.count { group |= UInt32(bytes[index + 2]) }
      let end = min(place + 4, text.count)
      var shift: UInt32 = 18
      while place < end {
        text[place] = characters.utf8Start[Int(group >> shift & 63)]
        place += 1
        shift &-= 6
      }
      index += 3
    }
  }

  private static let urlCharacters: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  private static let standardCharacters: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

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
