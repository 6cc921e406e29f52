/// A key for HMAC-SHA-256 (RFC 2104), with the digests of its two pads begun once.
package struct HMACKey: Sendable, CustomStringConvertible {
  private static let blockBytes = 64

  private let inner: SHA256Run
  private let outer: SHA256Run

  /// A key of any length; 32 random bytes are right.
  package init(_ secret: [UInt8]) {
    var block = secret.count > HMACKey.blockBytes ? SHA256.digest(secret) : secret
    block += [UInt8](repeating: 0, count: HMACKey.blockBytes - block.count)
    inner = HMACKey.begin(block.map { $0 ^ 0x36 })
    outer = HMACKey.begin(block.map { $0 ^ 0x5C })
  }

  /// The 32 bytes of the code for `message`.
  package func code(for message: [UInt8]) -> [UInt8] {
    message.withUnsafeBytes { code(for: $0) }
  }

  /// The 32 bytes of the code for `message`.
  package func code(for message: UnsafeRawBufferPointer) -> [UInt8] {
    var run = begin()
    run.update(message)
    return code(run)
  }

  /// The digest of a message that is yet to come, for messages in several parts.
  func begin() -> SHA256Run { inner }

  /// The 32 bytes of the code for the message that `run`, from `begin`, was given.
  func code(_ run: SHA256Run) -> [UInt8] {
    let digest = run.finish()
    var run = outer
    digest.withUnsafeBytes { run.update($0) }
    return run.finish()
  }

  package var description: String { "<redacted>" }

  private static func begin(_ pad: [UInt8]) -> SHA256Run {
    var run = SHA256Run()
    pad.withUnsafeBytes { run.update($0) }
    return run
  }
}
