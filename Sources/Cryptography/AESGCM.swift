import COpenSSL

/// Authenticated encryption by AES-256-GCM (NIST SP 800-38D).
///
/// A nonce serves one message under a key; who calls sees to that.
package struct AESGCM: Sendable, CustomStringConvertible {
  package static let keyBytes = 32
  package static let nonceBytes = 12
  package static let tagBytes = 16

  private let key: [UInt8]

  /// Nil where `key` has not 32 bytes.
  package init?(key: [UInt8]) {
    guard key.count == AESGCM.keyBytes else { return nil }
    self.key = key
  }

  /// `bytes` encrypted, followed by the tag of 16 bytes, which covers `context` too.
  ///
  /// `nonce` has 12 bytes.
  package func seal(_ bytes: [UInt8], nonce: [UInt8], context: [UInt8]) -> [UInt8] {
    let cipher = Cipher()
    var sealed = [UInt8](repeating: 0, count: bytes.count + AESGCM.tagBytes)
    var count: Int32 = 0
    var written = 0
    let isDone = sealed.withUnsafeMutableBufferPointer { output -> Bool in
      guard
        nonce.count == AESGCM.nonceBytes,
        EVP_EncryptInit_ex(cipher.handle, EVP_aes_256_gcm(), nil, key, nonce) == 1,
        EVP_EncryptUpdate(cipher.handle, nil, &count, context, Int32(clamping: context.count)) == 1,
        EVP_EncryptUpdate(
          cipher.handle, output.baseAddress, &count, bytes, Int32(clamping: bytes.count)) == 1
      else { return false }
      written = Int(count)
      guard EVP_EncryptFinal_ex(cipher.handle, output.baseAddress.map { $0 + written }, &count) == 1
      else { return false }
      written += Int(count)
      return EVP_CIPHER_CTX_ctrl(
        cipher.handle, EVP_CTRL_AEAD_GET_TAG, Int32(AESGCM.tagBytes),
        output.baseAddress.map { $0 + written }) == 1
    }
    precondition(isDone && written == bytes.count, "AES-256-GCM takes 12 bytes of nonce, and 2 GB")
    return sealed
  }

  /// What `seal` was given; nil where a byte of it, the nonce or the context is another one.
  package func open(_ sealed: [UInt8], nonce: [UInt8], context: [UInt8]) -> [UInt8]? {
    guard sealed.count >= AESGCM.tagBytes, nonce.count == AESGCM.nonceBytes else { return nil }
    let cipher = Cipher()
    let size = sealed.count - AESGCM.tagBytes
    var tag = Array(sealed[size...])
    var bytes = [UInt8](repeating: 0, count: sealed.count)
    var count: Int32 = 0
    let isTrue = bytes.withUnsafeMutableBufferPointer { output -> Bool in
      guard
        EVP_DecryptInit_ex(cipher.handle, EVP_aes_256_gcm(), nil, key, nonce) == 1,
        EVP_DecryptUpdate(cipher.handle, nil, &count, context, Int32(clamping: context.count)) == 1,
        EVP_DecryptUpdate(
          cipher.handle, output.baseAddress, &count, sealed, Int32(clamping: size)) == 1,
        EVP_CIPHER_CTX_ctrl(
          cipher.handle, EVP_CTRL_AEAD_SET_TAG, Int32(AESGCM.tagBytes), &tag) == 1
      else { return false }
      let written = Int(count)
      return EVP_DecryptFinal_ex(cipher.handle, output.baseAddress.map { $0 + written }, &count)
        == 1
    }
    guard isTrue else { return nil }
    bytes.removeLast(AESGCM.tagBytes)
    return bytes
  }

  package var description: String { "<redacted>" }

  /// A context of OpenSSL, given back when it is no longer used.
  private final class Cipher {
    let handle: OpaquePointer

    init() {
      guard let handle = EVP_CIPHER_CTX_new() else { fatalError("OpenSSL is out of memory") }
      self.handle = handle
    }

    deinit { EVP_CIPHER_CTX_free(handle) }
  }
}
