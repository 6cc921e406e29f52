import COpenSSL

/// A SHA-256 digest in the making; a copy goes on from where it was made.
package struct SHA256Run: Sendable {
  private var state = SHA256_CTX()

  package init() {
    guard SHA256_Init(&state) == 1 else { fatalError("OpenSSL offers no SHA-256") }
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    _ = SHA256_Update(&state, start, bytes.count)
  }

  /// The 32 bytes of the digest of what was given.
  package consuming func finish() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { output, count in
      _ = SHA256_Final(output.baseAddress, &state)
      count = SHA256.byteCount
    }
  }
}
