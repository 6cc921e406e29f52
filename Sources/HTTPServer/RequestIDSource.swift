import RoostCore

/// Makes the ids of requests: 15 characters, which a `String` holds without allocation.
///
/// 35 random bits name the source and 40 bits count on from a random start.
struct RequestIDSource {
  private var digits = InlineArray<32, UInt8>(repeating: 0)
  private var prefix: UInt64
  private var counter: UInt64

  init(random: any RandomSource) {
    prefix = random.next() & 0x7_FFFF_FFFF
    counter = random.next() & 0xFF_FFFF_FFFF
    for (index, digit) in "0123456789abcdefghjkmnpqrstvwxyz".utf8.enumerated() {
      digits[index] = digit
    }
  }

  mutating func next() -> String {
    counter &+= 1
    if counter >> 40 != 0 {
      counter = 0
      prefix = (prefix &+ 1) & 0x7_FFFF_FFFF
    }
    let (prefix, counter, digits) = (prefix, counter, digits)
    return String(unsafeUninitializedCapacity: 15) { buffer in
      for index in 0..<7 {
        buffer[index] = digits[Int(prefix >> UInt64(30 - index * 5)) & 31]
      }
      for index in 0..<8 {
        buffer[7 + index] = digits[Int(counter >> UInt64(35 - index * 5)) & 31]
      }
      return 15
    }
  }

  /// Whether a caller's own id is well-formed: 1 to 64 of `A-Z a-z 0-9 . _ -`.
  static func isWellFormed(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 1, bytes.count <= 64 else { return false }
    return bytes.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
      default: false
      }
    }
  }
}
