import COpenSSL

/// What a server offers in a TLS handshake: versions, certificates, protocols.
///
/// TLS 1.3, and 1.2 with forward secrecy and authenticated ciphers alone where that is asked for; no
/// compression, no renegotiation, no early data. Tickets are sealed by keys of this context, so making
/// it anew now and then is what changes them. Unchecked: nothing changes after `init`, and OpenSSL
/// counts the references to its own objects atomically.
package final class TLSContext: @unchecked Sendable {
  package enum Version: Sendable { case tls12, tls13 }

  private let credentials: [TLSCredentials]
  private var contexts: [OpaquePointer] = []

  /// The first of `credentials` is for clients that name no host, or one that none is for.
  package init(_ credentials: [TLSCredentials], minimum: Version = .tls13) throws(TLSFault) {
    self.credentials = credentials
    guard !credentials.isEmpty else { throw TLSFault("TLS needs a certificate and its key") }
    for each in credentials { contexts.append(try TLSContext.make(each, minimum)) }
    if contexts.count > 1 {
      roost_tls_on_server_name(
        contexts[0], chooseCertificate, Unmanaged.passUnretained(self).toOpaque())
    }
  }

  deinit { for each in contexts { SSL_CTX_free(each) } }

  /// When the first of the certificates to expire does so, in seconds since 1970.
  package var validUntil: Int64 { credentials.map(\.validUntil).min() ?? 0 }

  /// A session for one connection; nil where memory is out.
  func newSession() -> OpaquePointer? { SSL_new(contexts[0]) }

  fileprivate func choose(for session: OpaquePointer, _ name: UnsafePointer<CChar>) {
    guard let index = credentials.firstIndex(where: { $0.serves(name) }) else { return }
    SSL_set_SSL_CTX(session, contexts[index])
  }

  private static func make(
    _ credentials: TLSCredentials, _ minimum: Version
  ) throws(TLSFault) -> OpaquePointer {
    ERR_clear_error()
    guard let context = SSL_CTX_new(TLS_server_method()) else {
      throw TLSFault("TLS cannot be set up: \(TLSFault.reason())")
    }
    roost_tls_set_modes(context)
    SSL_CTX_set_options(context, options)
    let lowest = minimum == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
    var isSet =
      roost_tls_set_versions(context, lowest, TLS1_3_VERSION) == 1
      && roost_tls_set_groups(context, "X25519:P-256:P-384") == 1
      && SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1
      && SSL_CTX_use_certificate(context, credentials.leaf) == 1
      && SSL_CTX_use_PrivateKey(context, credentials.key) == 1
    for each in credentials.chain where isSet {
      isSet = roost_tls_add_to_chain(context, each) == 1
    }
    SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
    guard isSet else {
      let reason = TLSFault.reason()
      SSL_CTX_free(context)
      throw TLSFault("the certificate cannot be used: \(reason)")
    }
    return context
  }

  private static let options: UInt64 =
    bit(17)  // NO_COMPRESSION
    | bit(30)  // NO_RENEGOTIATION
    | bit(22)  // CIPHER_SERVER_PREFERENCE
    | bit(21)  // PRIORITIZE_CHACHA
    | bit(7)  // IGNORE_UNEXPECTED_EOF: HTTP frames its messages, so nothing can be cut unseen

  /// `SSL_OP_BIT`, which is a macro.
  private static func bit(_ number: UInt64) -> UInt64 { 1 << number }
}

/// Chooses `http/1.1`; whoever offers other protocols alone is refused (RFC 7301 section 3.2), so
/// that no other protocol is talked into meaning something here.
private func chooseProtocol(
  _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
  _ length: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ count: UInt32,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  let wanted: StaticString = "http/1.1"
  var position = 0
  while let offered, position < Int(count) {
    let size = Int(offered[position])
    guard position + 1 + size <= Int(count) else { break }
    if size == wanted.utf8CodeUnitCount,
      (0..<size).allSatisfy({ offered[position + 1 + $0] == wanted.utf8Start[$0] })
    {
      chosen?.pointee = offered + position + 1
      length?.pointee = UInt8(size)
      return SSL_TLSEXT_ERR_OK
    }
    position += 1 + size
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL
}

/// Chooses the certificate for the host that the client names.
private func chooseCertificate(
  _ session: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  if let session, let argument, let name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) {
    Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue().choose(for: session, name)
  }
  return SSL_TLSEXT_ERR_OK
}
