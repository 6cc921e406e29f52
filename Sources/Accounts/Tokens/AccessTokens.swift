import Cryptography
import RoostCore
import Synchronization

/// Makes and reads access tokens under the keys of the database.
final class AccessTokens: Sendable {
  /// RFC 9068's media type, so that no other kind of token is taken for one.
  private static let type = "at+jwt"

  private struct State {
    var codec: JWTCodec
    var activeKeyID: String
  }

  private let configuration: AccountsConfiguration
  private let state: Mutex<State>

  init(configuration: AccountsConfiguration) {
    self.configuration = configuration
    state = Mutex(
      State(codec: AccessTokens.codec(configuration, keys: [:]), activeKeyID: ""))
  }

  /// Signs with the key `activeID` from now on, and verifies with all of `keys`.
  func use(_ keys: [String: HMACKey], activeID: String) {
    let codec = AccessTokens.codec(configuration, keys: keys)
    state.withLock { $0 = State(codec: codec, activeKeyID: activeID) }
  }

  /// A token for a session.
  ///
  /// Throws `RoostError` with `.internalError` before the keys were loaded.
  func make(
    for account: Account, sessionID: UUID, now: Timestamp, lifeSeconds: Int64
  ) throws -> String {
    let seconds = JWTCodec.seconds(now)
    var others = JSONObject()
    others["sid"] = .string(sessionID.description)
    if account.isAnonymous { others["anon"] = true }
    let claims = JWTClaims(
      issuer: configuration.issuer, audience: configuration.audience,
      subject: account.id.description, issuedAt: seconds, notBefore: seconds,
      expiresAt: seconds + lifeSeconds, others: others)
    let (codec, keyID) = state.withLock { ($0.codec, $0.activeKeyID) }
    guard let token = codec.sign(claims, keyID: keyID) else {
      throw RoostError(.internalError, "Accounts have not been started.")
    }
    return token
  }

  /// Who holds a token that is ours, unaltered and valid at `now`.
  func verify(
    _ token: UnsafeRawBufferPointer, now: Timestamp
  ) throws(JWTFault) -> TokenCache.Entry {
    let claims = try state.withLock { $0.codec }.verify(token, now: now)
    guard let uid = UUID(claims.subject),
      let sessionID = claims.others["sid"]?.string.flatMap({ UUID($0) })
    else { throw .claims }
    let isAnonymous = claims.others["anon"]?.bool ?? false
    let (end, _) = claims.expiresAt.addingReportingOverflow(configuration.leewaySeconds)
    return TokenCache.Entry(
      caller: Caller(uid: uid, isAnonymous: isAnonymous, sessionID: sessionID),
      sessionID: sessionID, endMilliseconds: end.multipliedReportingOverflow(by: 1000).partialValue)
  }

  private static func codec(
    _ configuration: AccountsConfiguration, keys: [String: HMACKey]
  ) -> JWTCodec {
    JWTCodec(
      type: type, issuer: configuration.issuer, audience: configuration.audience,
      leewaySeconds: configuration.leewaySeconds, keys: keys)
  }
}
