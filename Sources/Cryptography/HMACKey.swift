/// A key for HMAC-SHA-256 (RFC 2104), with its two pads worked out once.
package struct HMACKey: Sendable, CustomStringConvertible {
  private static let blockBytes = 64

  private let inner: [UInt8]
  private let outer: [UInt8]

  /// A key of any length; 32 random bytes are right.
  package init(_ secret: [UInt8]) {
    var block = secret.count > HMACKey.blockBytes ? SHA256.digest(secret) : secret
    block += [UInt8](repeating: 0, count: HMACKey.blockBytes - block.count)
    inner = block.map { $0 ^ 0x36 }
    outer = block.map { $0 ^ 0x5C }
  }

  /// The 32 bytes of the code for `message`.
  package func code(for message: [UInt8]) -> [UInt8] {
    message.withUnsafeBytes { code(for: $0) }
  }

  /// The 32 bytes of the code for `message`.
  package func code(for message: UnsafeRawBufferPointer) -> [UInt8] {
    let digest = inner.withUnsafeBytes { SHA256.digest($0, message) }
    return outer.withUnsafeBytes { pad in
      digest.withUnsafeBytes { SHA256.digest(pad, $0) }
    }
  }

  package var description: String { "<redacted>" }
}
