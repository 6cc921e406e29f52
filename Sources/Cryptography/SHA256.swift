/// SHA-256 (FIPS 180-4).
package enum SHA256 {
  /// The bytes of a digest.
  package static let byteCount = 32

  /// The 32 bytes of the digest of `bytes`.
  package static func digest(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { digest($0, nil) }
  }

  /// The 32 bytes of the digest of `buffer`.
  package static func digest(_ buffer: UnsafeRawBufferPointer) -> [UInt8] { digest(buffer, nil) }

  /// The digest of two buffers as if they were one.
  static func digest(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer?
  ) -> [UInt8] {
    // Most digests are short, and a context from the heap costs more than these.
    var run = SHA256Run()
    run.update(first)
    if let second { run.update(second) }
    return run.finish()
  }
}
