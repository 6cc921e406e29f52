import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
  /// The bytes of a digest.
  package static let byteCount = 32

  // Fetched once: looking the algorithm up for each digest costs more than a short digest.
  // Proof for nonisolated(unsafe): set once before first use; OpenSSL's algorithms are immutable
  // and counted atomically.
  private nonisolated(unsafe) static let algorithm: OpaquePointer = {
    guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil) else {
      fatalError("OpenSSL offers no SHA-256: its installation is damaged")
    }
    return algorithm
  }()

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
    guard let context = EVP_MD_CTX_new() else { fatalError("OpenSSL is out of memory") }
    defer { EVP_MD_CTX_free(context) }
    return [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
      let done =
        EVP_DigestInit_ex2(context, algorithm, nil) == 1
        && EVP_DigestUpdate(context, first.baseAddress, first.count) == 1
        && (second.map { EVP_DigestUpdate(context, $0.baseAddress, $0.count) == 1 } ?? true)
        && EVP_DigestFinal_ex(context, output.baseAddress, nil) == 1
      guard done else { fatalError("OpenSSL could not compute a digest: it is out of memory") }
      count = byteCount
    }
  }
}
