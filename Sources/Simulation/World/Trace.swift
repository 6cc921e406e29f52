/// What happened in a world: every step, frame and result that matters, as a hash, and as lines where
/// somebody reads them.
struct Trace {
  /// FNV-1a of 64 bits over all that was noted.
  private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  private(set) var lines: [String] = []
  private let keepsLines: Bool

  init(keepsLines: Bool) { self.keepsLines = keepsLines }

  mutating func note(_ line: String) {
    var line = line
    var hash = hash
    line.withUTF8 { bytes in
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    self.hash = (hash ^ 10) &* 0x100_0000_01B3
    if keepsLines { lines.append(line) }
  }

  /// Notes a body; its frames are lines of their own.
  mutating func note(_ label: String, _ body: [UInt8]) {
    var hash = hash
    for byte in label.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for byte in body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.hash = hash
    guard keepsLines else { return }
    for line in body.split(separator: 10) {
      lines.append("    \(label) \(String(decoding: line, as: UTF8.self))")
    }
  }
}
