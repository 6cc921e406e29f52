import Cryptography
import Queries
package import RoostCore

extension AccountStore {
  /// Makes an account without credentials.
  ///
  /// Throws `.rateLimited`.
  package func anonymous(from client: ClientAddress) async throws -> Session {
    try limits.takeAnonymous(client)
    let account = Account(id: ambient.newID(), email: nil, isAnonymous: true)
    return try await open(account, from: client) { now, transaction in
      try await UserStore.insert(account, passwordHash: nil, now: now, in: transaction)
    }
  }

  /// Makes an account with an e-mail address and a password.
  ///
  /// Throws `.invalid` for an address or a password that is refused, `.conflict` when the address is
  /// taken, `.rateLimited`, `.overloaded`.
  package func register(
    email: String, password: String, from client: ClientAddress
  ) async throws -> Session {
    try limits.takeCredentials(client)
    let (email, hash) = try await accept(email: email, password: password)
    let account = Account(id: ambient.newID(), email: email.text, isAnonymous: false)
    return try await open(account, from: client) { now, transaction in
      try await UserStore.insert(account, passwordHash: hash, now: now, in: transaction)
    }
  }

  /// Signs in with an e-mail address and a password.
  ///
  /// Throws `.unauthenticated`, the same for an unknown address, an account without a password and a
  /// wrong password, after the same work; `.rateLimited`, `.overloaded`.
  package func login(
    email text: String, password: String, from client: ClientAddress
  ) async throws -> Session {
    try limits.takeCredentials(client)
    let email = EmailAddress(text)
    try limits.takeLogin(email?.text ?? text)
    var found: UserStore.Credentials?
    if let email {
      found = try await database.read(.statement) { reader in
        try await UserStore.find(email: email, in: reader)
      }
    }
    let check = try await check(password, against: found?.passwordHash)
    guard check.isRight, let credentials = found, let oldHash = credentials.passwordHash else {
      throw AccountStore.badCredentials
    }
    return try await open(credentials.account, from: client) { _, transaction in
      // Deleted, or its password changed, while the password was being checked.
      let current = try await UserStore.hold(id: credentials.account.id, in: transaction)
      guard current?.passwordHash == oldHash else { throw AccountStore.badCredentials }
      if let newHash = check.newHash {
        try await UserStore.rehash(
          credentials.account.id, from: oldHash, to: newHash, in: transaction)
      }
    }
  }

  /// Gives an anonymous account an e-mail address and a password; its id and its data stay.
  ///
  /// All its sessions end, and a new one begins: whoever held a token of the anonymous account does
  /// not hold the registered one. Throws as `register`, `.unauthenticated` for nobody, and
  /// `.conflict` when the account is registered already.
  package func upgrade(
    _ caller: Caller, email: String, password: String, from client: ClientAddress
  ) async throws -> Session {
    guard let uid = caller.uid else { throw AccountStore.signInFirst }
    guard caller.isAnonymous else { throw AccountStore.alreadyRegistered }
    try limits.takeCredentials(client)
    let (email, hash) = try await accept(email: email, password: password)
    let account = Account(id: uid, email: email.text, isAnonymous: false)
    return try await open(account, from: client, endingOthers: true) { now, transaction in
      let isUpgraded = try await UserStore.upgrade(
        uid, email: email, passwordHash: hash, now: now, in: transaction)
      guard !isUpgraded else { return }
      guard try await UserStore.exists(uid, in: transaction) else { throw AccountStore.signInFirst }
      throw AccountStore.alreadyRegistered
    }
  }

  /// A further session of an account, for whoever knows already that it is theirs.
  ///
  /// Throws `.notFound`.
  package func signIn(_ id: UUID, from client: ClientAddress) async throws -> Session {
    let account = try await database.read(.statement) { reader in
      try await AccountStore.account(id, in: reader)
    }
    return try await open(account, from: client) { _, _ in }
  }

  /// The caller's account.
  ///
  /// Throws `.unauthenticated` for nobody, and when the account has been deleted.
  package func me(_ caller: Caller) async throws -> Account {
    guard let uid = caller.uid else { throw AccountStore.signInFirst }
    let found = try await database.read(.statement) { reader in
      try await UserStore.find(id: uid, in: reader)
    }
    guard let found else { throw AccountStore.signInFirst }
    return found.account
  }

  static var badCredentials: RoostError {
    RoostError(.unauthenticated, "The e-mail address or the password is wrong.")
  }
  static var signInFirst: RoostError {
    RoostError(.unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
  }
  private static var alreadyRegistered: RoostError {
    RoostError(.conflict, "This account has an e-mail address already: it cannot be upgraded.")
  }

  /// Runs `body` and makes a session of `account` in one transaction.
  private func open(
    _ account: Account, from client: ClientAddress, endingOthers: Bool = false,
    _ body: @escaping @Sendable (Timestamp, any Transaction) async throws -> Void
  ) async throws -> Session {
    let now = ambient.time.now()
    let token = RefreshToken(sessionID: ambient.newID(), random: ambient.random)
    let limit = configuration.sessionsPerAccount
    let ended = try await database.write { transaction in
      try await body(now, transaction)
      var ended: [UUID] = []
      if endingOthers {
        ended = try await SessionStore.revokeAll(of: account.id, now: now, in: transaction)
      }
      ended += try await SessionStore.insert(
        token, user: account.id, client: client, now: now, limit: limit, in: transaction)
      return ended
    }
    end(ended, of: account.id)
    return try session(account, token, createdAt: now, now: now)
  }

  /// Checks an e-mail address and a password that somebody chose, and hashes the password.
  private func accept(
    email text: String, password: String
  ) async throws -> (EmailAddress, hash: String) {
    var issues: [FieldIssue] = []
    let email = EmailAddress(text)
    if email == nil {
      issues.append(FieldIssue(pointer: "/email", code: "format", message: EmailAddress.rule))
    }
    let policy = PasswordPolicy(configuration)
    if let issue = policy.issue(with: password, email: email) { issues.append(issue) }
    guard let email, issues.isEmpty else { throw RoostError.invalid(issues) }
    let (cost, random) = (configuration.passwordCost, ambient.random)
    let hash = try await passwords.run {
      try PasswordHash.make(Array(password.utf8), cost: cost, random: random).text
    }
    return (email, hash)
  }

  /// Whether `password` has the hash, and a hash of today's cost where the stored one is of another.
  ///
  /// Without a hash a password is hashed all the same, so that the answer takes as long.
  private func check(
    _ password: String, against text: String?
  ) async throws -> (isRight: Bool, newHash: String?) {
    let (cost, random) = (configuration.passwordCost, ambient.random)
    return try await passwords.run {
      let bytes = Array(password.utf8)
      guard let hash = text.flatMap({ PasswordHash($0) }) else {
        _ = try PasswordHash.make(bytes, cost: cost, random: random)
        return (false, nil)
      }
      guard try hash.matches(bytes) else { return (false, nil) }
      guard hash.needsRehash(for: cost) else { return (true, nil) }
      return (true, try PasswordHash.make(bytes, cost: cost, random: random).text)
    }
  }
}
