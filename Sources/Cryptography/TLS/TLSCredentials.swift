import COpenSSL
import Glibc

/// A chain of certificates with the key of its first, read from PEM and checked.
///
/// Unchecked: OpenSSL's objects are counted atomically, and nothing here changes after `init`.
package final class TLSCredentials: @unchecked Sendable {
  let leaf: OpaquePointer
  /// The certificates behind the first, as they came.
  let chain: [OpaquePointer]
  let key: OpaquePointer
  /// When the first certificate begins and ceases to be valid, in seconds since 1970.
  package let validFrom: Int64
  package let validUntil: Int64

  /// Reads a chain and its key.
  ///
  /// `chainName` and `keyName` are what messages call them, such as their paths. Throws a fault that
  /// says what to do where one of them is no PEM, the key has a passphrase, is not the certificate's
  /// or is too small.
  package init(
    chain: [UInt8], key: [UInt8], chainName: String, keyName: String
  ) throws(TLSFault) {
    ERR_clear_error()
    var certificates = TLSCredentials.certificates(chain)
    guard !certificates.isEmpty else {
      throw TLSFault(
        "\(chainName): no certificate is in it: it must hold a chain in PEM, the server's own first"
      )
    }
    let first = certificates.removeFirst()
    func release() {
      X509_free(first)
      for each in certificates { X509_free(each) }
      ERR_clear_error()
    }
    guard let secret = TLSCredentials.privateKey(key) else {
      release()
      throw TLSFault(
        "\(keyName): no key can be read from it: it must hold a private key in PEM without a "
          + "passphrase (openssl pkey -in FILE -out FILE takes one off)")
    }
    var fault: TLSFault?
    if X509_check_private_key(first, secret) != 1 {
      fault = TLSFault(
        "\(keyName): it is not the key of the first certificate in \(chainName): name the pair that "
          + "was made together, and put the server's own certificate first in the chain")
    } else if EVP_PKEY_get_security_bits(secret) < 112 {
      fault = TLSFault(
        "\(keyName): a key of \(EVP_PKEY_get_bits(secret)) bits is too small: use one of elliptic "
          + "curves (prime256v1), or of RSA with 2048 bits or more")
    }
    let from = TLSCredentials.seconds(X509_get0_notBefore(first))
    let until = TLSCredentials.seconds(X509_get0_notAfter(first))
    if from == nil || until == nil {
      fault = fault ?? TLSFault("\(chainName): the certificate's dates cannot be read")
    }
    if let fault {
      release()
      EVP_PKEY_free(secret)
      throw fault
    }
    ERR_clear_error()
    leaf = first
    self.chain = certificates
    self.key = secret
    validFrom = from ?? 0
    validUntil = until ?? 0
  }

  deinit {
    X509_free(leaf)
    for each in chain { X509_free(each) }
    EVP_PKEY_free(key)
  }

  /// Whether the certificate is for the host `name`, by its alternative names.
  func serves(_ name: UnsafePointer<CChar>) -> Bool { X509_check_host(leaf, name, 0, 0, nil) == 1 }

  // The closures give no passphrase; without them OpenSSL would ask for one on the terminal.

  private static func certificates(_ bytes: [UInt8]) -> [OpaquePointer] {
    var found: [OpaquePointer] = []
    bytes.withUnsafeBytes { raw in
      guard raw.count > 0, let source = BIO_new_mem_buf(raw.baseAddress, Int32(clamping: raw.count))
      else { return }
      defer { BIO_free(source) }
      while found.count < 20, let next = PEM_read_bio_X509(source, nil, { _, _, _, _ in -1 }, nil) {
        found.append(next)
      }
    }
    return found
  }

  private static func privateKey(_ bytes: [UInt8]) -> OpaquePointer? {
    bytes.withUnsafeBytes { raw in
      guard raw.count > 0, let source = BIO_new_mem_buf(raw.baseAddress, Int32(clamping: raw.count))
      else { return nil }
      defer { BIO_free(source) }
      return PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil)
    }
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    var parts = tm()
    guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return Int64(timegm(&parts))
  }
}
