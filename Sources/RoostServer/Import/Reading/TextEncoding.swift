/// How the bytes of an imported file stand for characters.
package enum TextEncoding: String, Sendable, CaseIterable {
  case utf8 = "utf-8"
  /// ISO 8859-1: each byte is the character of that number.
  case latin1 = "latin-1"

  /// The text of `bytes`, or nil where they are not in this encoding.
  func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    switch self {
    case .utf8: String(validating: bytes, as: UTF8.self)
    case .latin1: TextEncoding.fromLatin1(bytes)
    }
  }

  private static func fromLatin1(_ bytes: UnsafeRawBufferPointer) -> String {
    var capacity = bytes.count
    for byte in bytes where byte >= 0x80 { capacity += 1 }
    return String(unsafeUninitializedCapacity: capacity) { buffer in
      var position = 0
      for byte in bytes {
        if byte < 0x80 {
          buffer[position] = byte
          position += 1
        } else {
          buffer[position] = 0xC0 | byte >> 6
          buffer[position + 1] = 0x80 | byte & 0x3F
          position += 2
        }
      }
      return position
    }
  }
}
