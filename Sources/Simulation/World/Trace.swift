/// What happened in a world: every step, frame and result that matters, as a hash, and as lines where
/// somebody reads them.
struct Trace {
  /// FNV-1a of 64 bits over all that was noted, eight bytes at a time and the rest one by one.
  private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  private(set) var lines: [String] = []
  private let keepsLines: Bool

  init(keepsLines: Bool) { self.keepsLines = keepsLines }

  mutating func note(_ line: String) {
    var line = line
    line.withUTF8 { take(UnsafeRawBufferPointer($0)) }
    hash = (hash ^ 10) &* Trace.prime
    if keepsLines { lines.append(line) }
  }

  /// Notes a body; its frames are lines of their own.
  mutating func note(_ label: String, _ body: [UInt8]) {
    var label = label
    label.withUTF8 { take(UnsafeRawBufferPointer($0)) }
    body.withUnsafeBytes { take($0) }
    guard keepsLines else { return }
    for line in body.split(separator: 10) {
      lines.append("    \(label) \(String(decoding: line, as: UTF8.self))")
    }
  }

  private static let prime: UInt64 = 0x100_0000_01B3

  /// The high bits of a product, which those of a whole word would not leave, come down again.
  private mutating func take(_ bytes: UnsafeRawBufferPointer) {
    var hash = hash
    var offset = 0
    while offset + 8 <= bytes.count {
      let word = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      hash = (hash ^ word) &* Trace.prime
      hash ^= hash >> 32
      offset += 8
    }
    while offset < bytes.count {
      hash = (hash ^ UInt64(bytes[offset])) &* Trace.prime
      offset += 1
    }
    self.hash = hash
  }
}
