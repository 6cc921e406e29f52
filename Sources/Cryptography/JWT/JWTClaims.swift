package import RoostCore

/// What a JSON Web Token states (RFC 7519); all seven registered members here are required.
package struct JWTClaims: Sendable, Equatable {
  /// `iss`: who made the token.
  package var issuer: String
  /// `aud`: whom it is for.
  package var audience: String
  /// `sub`: whom it is about.
  package var subject: String
  /// `iat`, seconds since 1970.
  package var issuedAt: Int64
  /// `nbf`, seconds since 1970.
  package var notBefore: Int64
  /// `exp`, seconds since 1970: the first second at which the token is no longer valid.
  package var expiresAt: Int64
  /// The members beyond the registered ones.
  package var others: JSONObject

  package init(
    issuer: String, audience: String, subject: String, issuedAt: Int64, notBefore: Int64,
    expiresAt: Int64, others: JSONObject = JSONObject()
  ) {
    self.issuer = issuer
    self.audience = audience
    self.subject = subject
    self.issuedAt = issuedAt
    self.notBefore = notBefore
    self.expiresAt = expiresAt
    self.others = others
  }

  /// The claims of a payload; nil when a required one is missing or of another type.
  ///
  /// An `aud` that is a list is refused: the tokens that are verified here are our own.
  init?(_ payload: JSONObject) {
    guard let issuer = payload["iss"]?.string, let audience = payload["aud"]?.string,
      let subject = payload["sub"]?.string, let issuedAt = payload["iat"]?.int,
      let notBefore = payload["nbf"]?.int, let expiresAt = payload["exp"]?.int
    else { return nil }
    var others = payload
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp"] { others[name] = nil }
    self.init(
      issuer: issuer, audience: audience, subject: subject, issuedAt: issuedAt,
      notBefore: notBefore, expiresAt: expiresAt, others: others)
  }

  var payload: [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("iss")
    json.string(issuer)
    json.key("aud")
    json.string(audience)
    json.key("sub")
    json.string(subject)
    json.key("iat")
    json.int(issuedAt)
    json.key("nbf")
    json.int(notBefore)
    json.key("exp")
    json.int(expiresAt)
    for (name, value) in others {
      json.key(name)
      json.value(value)
    }
    json.endObject()
    return json.bytes
  }
}

/// Why a token was refused; for tests, for the log, and to tell an expired one from the others.
package enum JWTFault: Error, Sendable, Equatable {
  case malformed, algorithm, type, critical, unknownKey, signature
  case claims, issuer, audience, expired, notYetValid
}
