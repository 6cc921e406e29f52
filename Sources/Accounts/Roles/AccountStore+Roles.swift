import Queries
package import RoostCore

extension AccountStore {
  /// Claims that one account may have.
  package static let claimsPerAccount = 100
  /// Unicode scalars of a claim.
  package static let claimCharacters = 1...200

  /// What an account was granted, from memory.
  package func grants(of id: UUID) -> Grants { directory[id] ?? .none }

  /// Whether the caller is an administrator now.
  package func isAdministrator(_ caller: Caller) -> Bool { roles.administers(caller.roles) }

  /// Whether anybody is an administrator.
  package var hasAdministrator: Bool { directory.hasAdministrator }

  /// The caller with what the account was granted.
  func granted(_ caller: Caller) -> Caller {
    guard let uid = caller.uid, let grants = directory[uid] else { return caller }
    return Caller(
      uid: uid, isAnonymous: caller.isAnonymous, roles: grants.roles, claims: grants.claims,
      sessionID: caller.sessionID)
  }

  // MARK: Looking

  /// An account and its grants; throws `.notFound`.
  package func person(_ id: UUID) async throws -> Person {
    let found = try await database.read(.snapshot) { reader -> Person? in
      guard let account = try await UserStore.find(id: id, in: reader)?.account else { return nil }
      return Person(account: account, grants: try await GrantStore.grants(of: id, in: reader))
    }
    guard let found else { throw AccountStore.unknownAccount }
    return known(found)
  }

  /// The account of an e-mail address and its grants, if there is one.
  ///
  /// Throws `.invalid` for what is no address.
  package func person(email text: String) async throws -> Person? {
    guard let email = EmailAddress(text) else {
      throw RoostError.invalid("?email", "format", EmailAddress.rule)
    }
    let found = try await database.read(.snapshot) { reader -> Person? in
      guard let account = try await UserStore.find(email: email, in: reader)?.account else {
        return nil
      }
      return Person(
        account: account, grants: try await GrantStore.grants(of: account.id, in: reader))
    }
    return found.map(known)
  }

  /// Who holds each role, in the order of the schema: how many, and the first `limit` of each.
  package func roleHolders(limit: Int) async throws -> [RoleHolders] {
    let names = roles.names
    return try await database.read(.snapshot) { reader in
      var holders: [RoleHolders] = []
      for name in names {
        holders.append(try await GrantStore.holders(of: name, limit: limit, in: reader))
      }
      return holders
    }
  }

  // MARK: Changing

  /// Gives an account a role; in effect when it returns.
  ///
  /// Giving it again changes nothing.
  ///
  /// `admin` is who does so, nil for the command line. Throws `.invalid` for an unknown role,
  /// `.notFound`, and `.conflict` for making an anonymous account an administrator.
  package func grantRole(_ role: String, to id: UUID, by admin: UUID?) async throws {
    guard roles.contains(role) else { throw unknownRole(role) }
    let now = ambient.time.now()
    let roles = roles
    try await change("role granted", ("role", role), of: id, by: admin) { transaction in
      let account = try await AccountStore.account(id, in: transaction)
      guard !account.isAnonymous || !roles.administers([role]) else {
        throw RoostError(
          .conflict,
          "An anonymous account cannot be an administrator: it has to register first.")
      }
      return try await GrantStore.insert(
        role: role, to: id, by: admin, now: now, in: transaction)
    }
  }

  /// Takes a role from an account; in effect when it returns.
  ///
  /// Taking it again changes nothing.
  ///
  /// Throws `.invalid` for a role that is neither declared nor held, `.notFound`, and `.conflict`
  /// where nobody would be an administrator any more.
  package func withdrawRole(_ role: String, from id: UUID, by admin: UUID?) async throws {
    let roles = roles
    let unknown = roles.contains(role) ? nil : unknownRole(role)
    try await change("role withdrawn", ("role", role), of: id, by: admin) { transaction in
      _ = try await AccountStore.account(id, in: transaction)
      guard try await GrantStore.delete(role: role, of: id, in: transaction) else {
        if let unknown { throw unknown }
        return false
      }
      guard roles.administers([role]) else { return true }
      for name in roles.administrative
      where try await GrantStore.holders(of: name, limit: 0, in: transaction).count > 0 {
        return true
      }
      throw RoostError(
        .conflict, "This is the last administrator: make somebody else one first.")
    }
  }

  /// Gives an account a claim; in effect when it returns.
  ///
  /// Giving it again changes nothing.
  ///
  /// Throws `.invalid` for a claim that is too long, empty or has control characters, and for one
  /// too many; `.notFound`.
  package func grantClaim(_ claim: String, to id: UUID, by admin: UUID?) async throws {
    guard AccountStore.isClaim(claim) else { throw AccountStore.invalidClaim }
    let now = ambient.time.now()
    try await change("claim granted", ("claim", claim), of: id, by: admin) { transaction in
      _ = try await AccountStore.account(id, in: transaction)
      let isNew = try await GrantStore.insert(
        claim: claim, to: id, by: admin, now: now, in: transaction)
      if isNew {
        let count = try await GrantStore.claimCount(of: id, in: transaction)
        guard count <= Int64(AccountStore.claimsPerAccount) else {
          throw RoostError.invalid(
            "claim", "too_many",
            "An account has at most \(AccountStore.claimsPerAccount) claims: withdraw one first.")
        }
      }
      return isNew
    }
  }

  /// Takes a claim from an account; in effect when it returns.
  ///
  /// Taking it again changes nothing.
  ///
  /// Throws `.invalid` for what cannot be a claim, `.notFound`.
  package func withdrawClaim(_ claim: String, from id: UUID, by admin: UUID?) async throws {
    guard AccountStore.isClaim(claim) else { throw AccountStore.invalidClaim }
    try await change("claim withdrawn", ("claim", claim), of: id, by: admin) { transaction in
      _ = try await AccountStore.account(id, in: transaction)
      return try await GrantStore.delete(claim: claim, of: id, in: transaction)
    }
  }

  /// Runs `body`, which says whether it changed the account's grants, and makes the change known.
  private func change(
    _ message: StaticString, _ what: (name: String, value: String), of id: UUID, by admin: UUID?,
    _ body: @escaping @Sendable (any Transaction) async throws -> Bool
  ) async throws {
    let change = try await database.write { transaction in
      try await GrantStore.hold(in: transaction)
      return try await body(transaction)
        ? try await GrantStore.change(of: id, in: transaction) : nil
    }
    // Nothing changed here: perhaps because another process did it, which is then looked up.
    guard let change else { return try await refreshGrants() }
    try await adopt(change)
    ambient.logger.notice(
      message,
      [
        ("user", .string(id.description)), ("\(what.name)", .string(what.value)),
        ("by", .string(admin?.description ?? "the command line")),
      ])
  }

  /// Puts a change into effect.
  func adopt(_ change: RoleDirectory.Change) async throws {
    guard directory.take(change) else { return try await refreshGrants() }
    herald.tell(.of(change.user))
  }

  // MARK: Refusals

  static func account(_ id: UUID, in reader: any Reader) async throws -> Account {
    guard let found = try await UserStore.find(id: id, in: reader) else { throw unknownAccount }
    return found.account
  }

  private func known(_ person: Person) -> Person {
    Person(
      account: person.account,
      grants: Grants(
        roles: person.grants.roles.filter { roles.contains($0) }, claims: person.grants.claims))
  }

  private func unknownRole(_ name: String) -> RoostError {
    .invalid(
      "role", "unknown_role",
      "There is no role of this name; there are: \(roles.names.joined(separator: ", ")).")
  }

  /// Whether a text can be a claim.
  private static func isClaim(_ text: String) -> Bool {
    claimCharacters.contains(text.unicodeScalars.count)
      && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
  }

  private static var unknownAccount: RoostError {
    RoostError(.notFound, "There is no account of this id.")
  }
  private static var invalidClaim: RoostError {
    .invalid(
      "claim", "format",
      "A claim has \(claimCharacters.lowerBound) to \(claimCharacters.upperBound) characters, "
        + "none of them a control character.")
  }
}
