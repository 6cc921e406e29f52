import Cryptography
import Queries
package import RoostCore

extension AccountStore {
  /// Who holds the access token `bearer`; awaits nothing, and a token seen before costs no signature.
  ///
  /// Roles and claims are those of this moment, not of the token's making.
  /// Throws `.unauthenticated` for a token that is malformed, not ours, expired or revoked.
  package func authenticate(_ bearer: String) throws -> Caller {
    var bearer = bearer
    return try bearer.withUTF8 { try authenticate(UnsafeRawBufferPointer($0)) }
  }

  /// Who holds the access token given in UTF-8.
  package func authenticate(_ bearer: UnsafeRawBufferPointer) throws -> Caller {
    let now = ambient.time.now()
    let entry: TokenCache.Entry
    if let known = cache.find(bearer) {
      entry = known
    } else {
      do throws(JWTFault) {
        entry = try tokens.verify(bearer, now: now)
      } catch {
        throw error == .expired ? AccountStore.expiredToken : AccountStore.invalidToken(error)
      }
      cache.insert(bearer, entry)
    }
    guard now.milliseconds < entry.endMilliseconds else { throw AccountStore.expiredToken }
    guard !revoked.contains(entry.sessionID) else { throw AccountStore.revokedToken }
    return granted(entry.caller)
  }

  /// Exchanges a refresh token for a new pair.
  ///
  /// The token before the current one is taken once, for an answer that was lost; an older one ends
  /// the session, since somebody else holds a copy. Throws `.unauthenticated` and `.rateLimited`.
  package func refresh(_ text: String, from client: ClientAddress) async throws -> Session {
    try limits.takeRefresh(client)
    guard let old = RefreshToken(text) else { throw AccountStore.unknownRefreshToken }
    let new = RefreshToken(sessionID: old.sessionID, random: ambient.random)
    let now = ambient.time.now()
    let lifetimes = SessionStore.Lifetimes(
      now: now,
      usedSince: now.adding(milliseconds: -configuration.sessionIdleSeconds * 1000),
      createdSince: now.adding(milliseconds: -configuration.sessionAbsoluteSeconds * 1000))
    let rotation = try await database.write { transaction in
      try await SessionStore.rotate(old, to: new, lifetimes, in: transaction)
    }
    switch rotation {
    case .rotated(let credentials, let createdAt):
      return try session(credentials.account, new, createdAt: createdAt, now: now)
    case .reused(let owner):
      end([old.sessionID], of: owner)
      ambient.logger.warning(
        "refresh token used again: session ended", [("session", .string("\(old.sessionID)"))])
      throw RoostError(
        .unauthenticated,
        "The refresh token was used before, so the session has been ended: sign in again.")
    case .unknown:
      throw AccountStore.unknownRefreshToken
    }
  }

  /// Ends the caller's session, or all sessions of the account; takes effect at once.
  ///
  /// Throws `.unauthenticated` for nobody.
  package func logout(_ caller: Caller, everywhere: Bool = false) async throws {
    guard let uid = caller.uid else { throw AccountStore.signInFirst }
    let sessionID = caller.sessionID
    let now = ambient.time.now()
    let ended = try await database.write { transaction in
      if everywhere {
        return try await SessionStore.revokeAll(of: uid, now: now, in: transaction)
      }
      guard let sessionID else { return [] }
      try await SessionStore.revoke([sessionID], now: now, in: transaction)
      return [sessionID]
    }
    end(ended, of: uid)
  }

  /// Who holds a refresh token, for signing out when the access token has expired.
  ///
  /// Throws `.unauthenticated` for a token that is not one of the latest two of a session,
  /// and `.rateLimited`.
  package func holder(
    ofRefreshToken text: String, from client: ClientAddress
  ) async throws -> Caller {
    try limits.takeRefresh(client)
    guard let token = RefreshToken(text) else { throw AccountStore.unknownRefreshToken }
    let uid = try await database.read(.statement) { reader in
      try await SessionStore.owner(of: token, in: reader)
    }
    guard let uid else { throw AccountStore.unknownRefreshToken }
    return Caller(uid: uid, sessionID: token.sessionID)
  }

  /// The answer of a session whose newest refresh token is `token`.
  func session(
    _ account: Account, _ token: RefreshToken, createdAt: Timestamp, now: Timestamp
  ) throws -> Session {
    // The last access token of a session does not outlive it.
    let age = (now.milliseconds - createdAt.milliseconds) / 1000
    let life = max(
      1, min(configuration.accessTokenSeconds, configuration.sessionAbsoluteSeconds - age))
    let access = try tokens.make(
      for: account, sessionID: token.sessionID, now: now, lifeSeconds: life)
    return Session(
      account: account, accessToken: Secret(access), refreshToken: Secret(token.text),
      expiresInSeconds: life)
  }

  private static var expiredToken: RoostError {
    RoostError(
      .unauthenticated, "The access token has expired: use POST /v1/auth/refresh.")
  }
  private static var revokedToken: RoostError {
    RoostError(.unauthenticated, "The session has ended: sign in again.")
  }
  private static func invalidToken(_ fault: JWTFault) -> RoostError {
    RoostError(
      .unauthenticated, "The access token is not valid: sign in, or refresh it.", cause: fault)
  }
  private static var unknownRefreshToken: RoostError {
    RoostError(.unauthenticated, "The refresh token is not valid or has expired: sign in again.")
  }
}
