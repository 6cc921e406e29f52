/// Finds what stands in a JSON string as it is, eight bytes at a time.
enum PlainText {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// How many bytes come before the first quote, backslash or control character, or all of them.
  static func prefix(of text: UnsafeRawBufferPointer) -> Int {
    let count = text.count
    guard let start = text.baseAddress, count >= 8 else { return shortPrefix(of: text) }
    var index = 0
    while index + 8 <= count {
      let marks = marks(start.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    guard index < count else { return count }
    // The last eight bytes: those of them that were looked at already have no mark.
    let marks = marks(start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
    return marks == 0 ? count : count - 8 + marks.trailingZeroBitCount / 8
  }

  /// Whether all bytes are below 128.
  static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    var bits: UInt64 = 0
    var index = 0
    while index + 8 <= text.count {
      bits |= text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < text.count {
      bits |= UInt64(text[index])
      index += 1
    }
    return bits & highBits == 0
  }

  private static func shortPrefix(of text: UnsafeRawBufferPointer) -> Int {
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
      index += 1
    }
    return index
  }

  /// The high bit of each byte that must be escaped; the lowest one is right, those above it may be
  /// there for bytes that are plain (the subtractions borrow upwards).
  ///
  /// Source: Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n".
  @inline(__always) private static func marks(_ bytes: UInt64) -> UInt64 {
    let word = UInt64(littleEndian: bytes)
    let quotes = word ^ ones &* 0x22
    let backslashes = word ^ ones &* 0x5C
    let controls = (word &- ones &* 0x20) & ~word
    return (controls | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes) & highBits
  }
}
