import COpenSSL

/// Comparison of secrets in a time that tells nothing about where they differ.
package enum ConstantTime {
  /// Whether two byte strings are equal; only their lengths show in the time that it takes.
  package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { equal(left, $0) } }
  }

  /// Whether two buffers are equal; only their lengths show in the time that it takes.
  package static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool
  {
    guard left.count == right.count else { return false }
    return CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
  }
}
