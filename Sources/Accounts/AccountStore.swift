package import Cryptography
package import Queries
package import RoostCore
import Synchronization

/// The people of an app: their accounts, credentials and sessions.
///
/// Its tables are those of `AccountTables`. Call `start` before anything else.
package final class AccountStore: Sendable {
  let database: any Database
  let ambient: Ambient
  let configuration: AccountsConfiguration
  let tokens: AccessTokens
  let cache: TokenCache
  let revoked: RevokedSessions
  let passwords: OffloadPool
  let limits: AccountLimits
  /// The roles that can be granted.
  package let roles: AppRoles
  let directory: RoleDirectory
  let herald = AccountHerald()
  private let cursorKey = Mutex<HMACKey?>(nil)
  /// When sessions that other processes ended were last looked up.
  let endsLookedUp = Mutex<Timestamp?>(nil)
  let watching = Mutex<Task<Void, Never>?>(nil)

  package init(
    database: any Database, ambient: Ambient,
    configuration: AccountsConfiguration = AccountsConfiguration(), roles: AppRoles = AppRoles()
  ) {
    // A wall clock that is set far away must not end everybody's session.
    let ambient = Ambient(
      time: SteadyTime(ambient.time, logger: ambient.logger), random: ambient.random,
      logger: ambient.logger)
    self.database = database
    self.ambient = ambient
    self.configuration = configuration
    self.roles = roles
    directory = RoleDirectory(roles: roles)
    tokens = AccessTokens(configuration: configuration)
    cache = TokenCache(capacity: configuration.cachedTokens)
    revoked = RevokedSessions(
      lifeSeconds: configuration.revocationSeconds, time: ambient.time)
    passwords = OffloadPool(
      threads: configuration.passwordThreads, queued: configuration.passwordQueue,
      name: "passwords")
    limits = AccountLimits(configuration, time: ambient.time)
  }

  // MARK: Life

  /// Loads the keys, which are made at the first start, the sessions that were revoked so lately that
  /// a token of theirs may still be about, and the grants; what other processes do to both is watched
  /// from then on unless `watches` is false.
  package func start(watches: Bool = true) async throws {
    let now = ambient.time.now()
    let life = configuration.revocationSeconds
    let access = KeyStore.Draft(random: ambient.random)
    let cursor = KeyStore.Draft(random: ambient.random)
    let sessions = try await database.write { transaction in
      try await GrantStore.hold(in: transaction)
      let keys = try await KeyStore.all(in: transaction)
      if !keys.contains(where: { $0.purpose == .access && $0.retiredAt == nil }) {
        try await KeyStore.insert(access, .access, now: now, in: transaction)
      }
      if !keys.contains(where: { $0.purpose == .cursor && $0.retiredAt == nil }) {
        try await KeyStore.insert(cursor, .cursor, now: now, in: transaction)
      }
      return try await SessionStore.revoked(
        since: now.adding(milliseconds: -life * 1000), in: transaction)
    }
    revoked.insert(sessions.map(\.id))
    endsLookedUp.withLock { $0 = now }
    try await loadKeys()
    try await refreshGrants()
    if watches { watch() }
  }

  /// Signs access tokens with a fresh key from now on; the old one verifies for a token's life.
  package func rotateKey() async throws {
    let now = ambient.time.now()
    let draft = KeyStore.Draft(random: ambient.random)
    try await database.write { transaction in
      try await KeyStore.retire(.access, now: now, in: transaction)
      try await KeyStore.insert(draft, .access, now: now, in: transaction)
    }
    try await loadKeys()
  }

  /// Removes what has ended: sessions, retired keys, and anonymous accounts where the configuration
  /// gives them a lifetime.
  ///
  /// To be called every hour or so; works in small transactions, between which others come first.
  package func removeEnded() async throws {
    let now = ambient.time.now()
    func ago(_ seconds: Int64) -> Timestamp {
      let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: -1000)
      return overflow ? .minimum : now.adding(milliseconds: milliseconds)
    }
    revoked.prune()
    let kept = configuration.endedSessionSeconds
    let life = configuration.accessTokenSeconds + configuration.leewaySeconds
    let revokedBefore = ago(max(kept, configuration.revocationSeconds))
    let usedBefore = ago(configuration.sessionIdleSeconds + kept)
    let createdBefore = ago(configuration.sessionAbsoluteSeconds + kept)
    try await inBatches { count, reader in
      try await SessionStore.ended(
        revokedBefore: revokedBefore, usedBefore: usedBefore, createdBefore: createdBefore,
        count: count, in: reader)
    } remove: { ids, transaction in
      try await SessionStore.remove(ids, in: transaction)
    }
    let retiredBefore = ago(life)
    let removedKeys = try await database.write { transaction in
      try await KeyStore.removeRetired(before: retiredBefore, in: transaction)
    }
    if removedKeys > 0 { try await loadKeys() }
    if let lifetime = configuration.anonymousLifetimeSeconds {
      let limit = ago(lifetime)
      try await inBatches { count, reader in
        try await UserStore.abandoned(before: limit, count: count, in: reader)
      } remove: { ids, transaction in
        try await UserStore.delete(ids, now: now, in: transaction)
      }
      try await refreshGrants()
    }
  }

  /// Refuses passwords that wait to be checked and those that come, and watches other processes no more.
  package func stop() {
    watching.withLock { $0?.cancel() }
    passwords.stop()
  }

  /// Signs the cursors of lists under a key of the database.
  ///
  /// Throws `RoostError` with `.internalError` before `start`.
  package func cursorSigner() throws -> CursorSigner {
    guard let key = cursorKey.withLock({ $0 }) else {
      throw RoostError(.internalError, "Accounts have not been started.")
    }
    return CursorSigner(key: key)
  }

  private func loadKeys() async throws {
    let keys = try await database.read(.statement) { try await KeyStore.all(in: $0) }
    let access = keys.filter { $0.purpose == .access }
    guard let active = access.last(where: { $0.retiredAt == nil }),
      let cursor = keys.last(where: { $0.purpose == .cursor && $0.retiredAt == nil })
    else { throw RoostError(.internalError, "The signing keys are missing.") }
    tokens.use(
      Dictionary(access.map { ($0.id, $0.secret) }, uniquingKeysWith: { _, last in last }),
      activeID: active.id)
    cursorKey.withLock { $0 = cursor.secret }
  }

  /// Looks for rows on a reader, since that may take long, and removes them in small transactions.
  private func inBatches(
    find: @escaping @Sendable (Int, any Reader) async throws -> [UUID],
    remove: @escaping @Sendable ([UUID], any Transaction) async throws -> Void
  ) async throws {
    let size = 500
    while true {
      let ids = try await database.read(.statement) { try await find(size, $0) }
      if !ids.isEmpty { try await database.write { try await remove(ids, $0) } }
      if ids.count < size { return }
    }
  }
}
