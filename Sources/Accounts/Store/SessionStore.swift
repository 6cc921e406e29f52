import Queries
import RoostCore

/// The SQL of `roost_session`; a row is a family of refresh tokens, of which one is current.
enum SessionStore {
  /// The bounds between which a session lives, worked out for one moment.
  struct Lifetimes: Sendable {
    let now: Timestamp
    /// A session used before this has been idle for too long.
    let usedSince: Timestamp
    /// A session made before this is too old.
    let createdSince: Timestamp
  }

  /// What became of a refresh token.
  enum Rotation: Sendable {
    /// It was current, or the one before for the first time: the account and the session's start.
    case rotated(UserStore.Credentials, createdAt: Timestamp)
    /// It was an older one: the session of this account has been ended.
    case reused(of: UUID)
    /// There is no such session, or it has ended.
    case unknown
  }

  private static let insertion = Statement(
    """
    INSERT INTO roost_session (id, user_id, refresh_hash, created_at, used_at, address, user_agent)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    """)
  private static let live = Statement(
    """
    SELECT user_id, created_at FROM roost_session
    WHERE id = ? AND revoked_at IS NULL AND used_at > ? AND created_at > ?
    """)
  private static let rotation = Statement(
    """
    UPDATE roost_session SET previous_hash = refresh_hash, refresh_hash = ?, used_at = ?
    WHERE id = ? AND refresh_hash = ? AND revoked_at IS NULL
    """)
  private static let lostAnswer = Statement(
    """
    UPDATE roost_session SET previous_hash = NULL, refresh_hash = ?, used_at = ?
    WHERE id = ? AND previous_hash = ? AND revoked_at IS NULL
    """)

  private static let removal = Statement("DELETE FROM roost_session WHERE id = ?")

  /// Makes a session, and ends those beyond `limit` that were used longest ago; returns their ids.
  static func insert(
    _ token: RefreshToken, user: UUID, client: ClientAddress, now: Timestamp, limit: Int,
    in transaction: any Transaction
  ) async throws -> [UUID] {
    try await transaction.execute(
      insertion,
      [
        .uuid(token.sessionID), .uuid(user), .blob(token.digest), .timestamp(now),
        .timestamp(now), .text(client.address), .optional(client.userAgent),
      ])
    let surplus = try await transaction.all(
      """
      SELECT id FROM roost_session WHERE user_id = \(user) AND revoked_at IS NULL
      ORDER BY used_at DESC, id DESC LIMIT 1000 OFFSET \(max(1, limit))
      """
    ) { $0.uuid(0) }
    let ids = surplus.compactMap { $0 }
    try await revoke(ids, now: now, in: transaction)
    return ids
  }

  /// Exchanges the token `old` for `new` in one step.
  ///
  /// The current token is exchanged. So is the one before it, once: its answer may have been lost.
  /// Then the token that was current is the older one of two, and whoever shows it, or any older
  /// one, ends the session: two parties hold its tokens.
  static func rotate(
    _ old: RefreshToken, to new: RefreshToken, _ lifetimes: Lifetimes,
    in transaction: any Transaction
  ) async throws -> Rotation {
    let session = try await transaction.first(
      live,
      [
        .uuid(old.sessionID), .timestamp(lifetimes.usedSince), .timestamp(lifetimes.createdSince),
      ]
    ) { ($0.uuid(0), $0.timestamp(1)) }
    guard let (owner, createdAt) = session, let owner,
      let credentials = try await UserStore.find(id: owner, in: transaction)
    else { return .unknown }
    let values: [Value] = [
      .blob(new.digest), .timestamp(lifetimes.now), .uuid(old.sessionID), .blob(old.digest),
    ]
    if try await transaction.execute(rotation, values) == 1 {
      return .rotated(credentials, createdAt: createdAt)
    }
    if try await transaction.execute(lostAnswer, values) == 1 {
      return .rotated(credentials, createdAt: createdAt)
    }
    try await revoke([old.sessionID], now: lifetimes.now, in: transaction)
    return .reused(of: owner)
  }

  /// The account whose session this is the current refresh token of; nil when it is none.
  static func owner(of token: RefreshToken, in reader: any Reader) async throws -> UUID? {
    try await reader.first(
      """
      SELECT user_id FROM roost_session WHERE id = \(token.sessionID)
        AND revoked_at IS NULL AND \(token.digest) IN (refresh_hash, previous_hash)
      """
    ) { $0.uuid(0) } ?? nil
  }

  static func revoke(
    _ ids: [UUID], now: Timestamp, in transaction: any Transaction
  ) async throws {
    for id in ids {
      try await transaction.execute(
        """
        UPDATE roost_session SET revoked_at = \(now) WHERE id = \(id) AND revoked_at IS NULL
        """)
    }
  }

  /// Ends all sessions of an account and returns their ids.
  static func revokeAll(
    of user: UUID, now: Timestamp, in transaction: any Transaction
  ) async throws -> [UUID] {
    let ids = try await transaction.all(
      "SELECT id FROM roost_session WHERE user_id = \(user) AND revoked_at IS NULL"
    ) { $0.uuid(0) }
    try await transaction.execute(
      """
      UPDATE roost_session SET revoked_at = \(now) WHERE user_id = \(user) AND revoked_at IS NULL
      """)
    return ids.compactMap { $0 }
  }

  /// The sessions revoked since `limit`, whose access tokens may still be about.
  static func revoked(
    since limit: Timestamp, in reader: any Reader
  ) async throws -> [(id: UUID, user: UUID)] {
    let found = try await reader.all(
      "SELECT id, user_id FROM roost_session WHERE revoked_at >= \(limit)"
    ) { ($0.uuid(0), $0.uuid(1)) }
    return found.compactMap { id, user in
      guard let id, let user else { return nil }
      return (id, user)
    }
  }

  /// At most `count` sessions that ended before the given moments.
  static func ended(
    revokedBefore: Timestamp, usedBefore: Timestamp, createdBefore: Timestamp, count: Int,
    in reader: any Reader
  ) async throws -> [UUID] {
    let ids = try await reader.all(
      """
      SELECT id FROM roost_session
      WHERE revoked_at < \(revokedBefore) OR used_at < \(usedBefore)
        OR created_at < \(createdBefore)
      LIMIT \(count)
      """
    ) { $0.uuid(0) }
    return ids.compactMap { $0 }
  }

  /// Removes sessions; one that has ended does not come back, so they are not asked again.
  static func remove(_ ids: [UUID], in transaction: any Transaction) async throws {
    for id in ids { try await transaction.execute(removal, [.uuid(id)]) }
  }
}
