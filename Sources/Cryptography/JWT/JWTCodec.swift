package import RoostCore

/// Signs and verifies compact JSON Web Tokens with HMAC-SHA-256 (RFC 7515, 7519, 8725).
///
/// The algorithm belongs to the codec and its keys, never to the token: a header that names another
/// one, `none` included, is refused. Keys are found by `kid` among the codec's own; `jku`, `x5u` and
/// `jwk` are never looked at, and `crit` is refused since no extension is understood.
package struct JWTCodec: Sendable {
  /// The longest token that is looked at, in bytes.
  package static let maximumBytes = 4096

  /// The media type in `typ`, such as `at+jwt`.
  private let type: String
  private let issuer: String
  private let audience: String
  private let leewaySeconds: Int64
  private let keys: [String: HMACKey]

  package init(
    type: String, issuer: String, audience: String, leewaySeconds: Int64,
    keys: [String: HMACKey]
  ) {
    self.type = type
    self.issuer = issuer
    self.audience = audience
    self.leewaySeconds = leewaySeconds
    self.keys = keys
  }

  /// A token of `claims` under the key `keyID`; nil when there is no such key.
  package func sign(_ claims: JWTClaims, keyID: String) -> String? {
    guard let key = keys[keyID] else { return nil }
    let header: JSON = ["alg": "HS256", "typ": .string(type), "kid": .string(keyID)]
    var token: [UInt8] = []
    Base64.append(header.encoded, to: &token)
    token.append(UInt8(ascii: "."))
    Base64.append(claims.payload, to: &token)
    let code = key.code(for: token)
    token.append(UInt8(ascii: "."))
    Base64.append(code, to: &token)
    return String(decoding: token, as: UTF8.self)
  }

  /// The claims of a token that is ours, unaltered and valid at `now`.
  ///
  /// The signature is checked before anything that the payload says is read.
  package func verify(
    _ token: UnsafeRawBufferPointer, now: Timestamp
  ) throws(JWTFault) -> JWTClaims {
    guard token.count <= JWTCodec.maximumBytes else { throw .malformed }
    let dots = token.indices.filter { token[$0] == UInt8(ascii: ".") }
    guard dots.count == 2 else { throw .malformed }
    guard
      let header = Base64.decode(UnsafeRawBufferPointer(rebasing: token[..<dots[0]])),
      let payload = Base64.decode(UnsafeRawBufferPointer(rebasing: token[dots[0] + 1..<dots[1]])),
      let signature = Base64.decode(UnsafeRawBufferPointer(rebasing: token[(dots[1] + 1)...]))
    else { throw .malformed }
    let key = try key(for: try JWTCodec.object(header))
    let code = key.code(for: UnsafeRawBufferPointer(rebasing: token[..<dots[1]]))
    guard ConstantTime.equal(code, signature) else { throw .signature }
    guard let claims = JWTClaims(try JWTCodec.object(payload)) else { throw .claims }
    try check(claims, at: JWTCodec.seconds(now))
    return claims
  }

  /// The claims of a token given as text.
  package func verify(_ token: String, now: Timestamp) throws(JWTFault) -> JWTClaims {
    let bytes = Array(token.utf8)
    let result: Result<JWTClaims, JWTFault> = bytes.withUnsafeBytes { buffer in
      do throws(JWTFault) {
        return .success(try verify(buffer, now: now))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Whole seconds since 1970, rounded down.
  package static func seconds(_ time: Timestamp) -> Int64 {
    let (quotient, remainder) = time.milliseconds.quotientAndRemainder(dividingBy: 1000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  private func key(for header: JSONObject) throws(JWTFault) -> HMACKey {
    guard header["alg"]?.string == "HS256" else { throw .algorithm }
    guard header["typ"]?.string == type else { throw .type }
    guard header["crit"] == nil else { throw .critical }
    guard let keyID = header["kid"]?.string, let key = keys[keyID] else { throw .unknownKey }
    return key
  }

  private func check(_ claims: JWTClaims, at now: Int64) throws(JWTFault) {
    guard claims.issuer == issuer else { throw .issuer }
    guard claims.audience == audience else { throw .audience }
    // Differences of hostile numbers could overflow; sums with a small leeway are checked.
    let (latest, overflow) = claims.expiresAt.addingReportingOverflow(leewaySeconds)
    guard overflow || now < latest else { throw .expired }
    guard claims.notBefore <= now + leewaySeconds, claims.issuedAt <= now + leewaySeconds
    else { throw .notYetValid }
    guard claims.issuedAt <= claims.expiresAt else { throw .claims }
  }

  private static func object(_ bytes: [UInt8]) throws(JWTFault) -> JSONObject {
    do {
      guard case .object(let object) = try JSON.parse(bytes, maxDepth: 4) else {
        throw JWTFault.malformed
      }
      return object
    } catch {
      throw .malformed
    }
  }
}
