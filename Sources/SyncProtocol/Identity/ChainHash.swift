package import RoostCore

/// A link of a chain of mutations: the first 128 bits of a SHA-256.
///
/// Text: 32 lower-case hexadecimal digits.
package struct ChainHash: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The first sixteen bytes of a digest.
  init(digest: [UInt8]) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<8 {
      high = high << 8 | UInt64(digest[index])
      low = low << 8 | UInt64(digest[index + 8])
    }
    self.init(high: high, low: low)
  }

  /// Reads the text; nil for anything else, upper case included.
  package init?(_ text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 32, let high = Digits.hexadecimal(digits[0..<16]),
      let low = Digits.hexadecimal(digits[16..<32])
    else { return nil }
    self.init(high: high, low: low)
  }

  package var description: String { Digits.hexadecimal(high) + Digits.hexadecimal(low) }

  /// The sixteen bytes in the form in which databases keep identifiers.
  package var uuid: UUID { UUID(high: high, low: low) }

  package init(uuid: UUID) { self.init(high: uuid.high, low: uuid.low) }

  package var bytes: [UInt8] { uuid.bytes }
}
