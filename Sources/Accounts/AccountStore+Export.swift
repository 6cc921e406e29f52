package import Queries
package import RoostCore

/// An account as it leaves and comes back: with what it was granted, and without its sessions.
package struct AccountRecord: Sendable, Equatable {
  /// A role or a claim.
  package struct Grant: Sendable, Equatable {
    package let name: String
    package let by: UUID?
    package let at: Timestamp

    package init(name: String, by: UUID?, at: Timestamp) {
      self.name = name
      self.by = by
      self.at = at
    }
  }

  package let id: UUID
  package var email: String?
  package var isAnonymous = false
  package var createdAt = Timestamp(milliseconds: 0)
  package var updatedAt = Timestamp(milliseconds: 0)
  package var deletedAt: Timestamp?
  package var passwordHash: Secret<String>?
  package var roles: [Grant] = []
  package var claims: [Grant] = []

  package init(id: UUID) { self.id = id }

  package static func == (left: AccountRecord, right: AccountRecord) -> Bool {
    left.id == right.id && left.email == right.email && left.isAnonymous == right.isAnonymous
      && left.createdAt == right.createdAt && left.updatedAt == right.updatedAt
      && left.deletedAt == right.deletedAt && left.roles == right.roles
      && left.claims == right.claims
  }
}

/// What became of an account that was to come back.
package enum RestoredAccount: Sendable {
  case made
  /// An account of that id was there, and says the same.
  case same
  case different
}

extension AccountStore {
  /// Accounts behind `id` in the order of ids, at most `limit`, deleted ones too: rows refer to them.
  package func exportPage(
    behind id: UUID?, limit: Int, withCredentials: Bool, in reader: any Reader
  ) async throws -> [AccountRecord] {
    let place = id ?? .zero
    var page: [AccountRecord] = []
    try await reader.query(
      """
      SELECT id, email, anonymous, created_at, updated_at, deleted_at, password_hash
      FROM roost_user WHERE id > \(place) ORDER BY id LIMIT \(limit)
      """
    ) { row in
      guard let id = row.uuid(0) else { return true }
      var account = AccountRecord(id: id)
      account.email = row.optionalText(1)
      account.isAnonymous = row.bool(2)
      account.createdAt = row.timestamp(3)
      account.updatedAt = row.timestamp(4)
      account.deletedAt = row.isNull(5) ? nil : row.timestamp(5)
      if withCredentials { account.passwordHash = row.optionalText(6).map { Secret($0) } }
      page.append(account)
      return true
    }
    guard let last = page.last?.id else { return [] }
    let roles = try await GrantStore.grants(.role, behind: place, upTo: last, in: reader)
    let claims = try await GrantStore.grants(.claim, behind: place, upTo: last, in: reader)
    for index in page.indices {
      page[index].roles = roles[page[index].id] ?? []
      page[index].claims = claims[page[index].id] ?? []
    }
    return page
  }

  /// Makes an account that comes back, with what it was granted, unless there is one of its id.
  ///
  /// Throws `.invalid` for an address, a role or a hash that cannot be, `.conflict` where another
  /// account has the address.
  package func restore(
    _ account: AccountRecord, in transaction: any Transaction
  ) async throws -> RestoredAccount {
    if let text = account.email, EmailAddress(text)?.text != text {
      throw RoostError.invalid("/email", "format", EmailAddress.rule)
    }
    if let hash = account.passwordHash, !AccountStore.isHash(hash.reveal()) {
      throw RoostError.invalid(
        "/passwordHash", "format", "A password's hash is an Argon2id text, as Roost exports it.")
    }
    for (index, grant) in account.roles.enumerated() where !roles.contains(grant.name) {
      throw RoostError.invalid(
        "/roles/\(index)", "unknown_role",
        "There is no role of this name; there are: \(roles.names.joined(separator: ", ")).")
    }
    guard try await UserStore.restore(account, in: transaction) else {
      guard let there = try await UserStore.record(of: account.id, in: transaction) else {
        throw RoostError(.conflict, "Another account has this e-mail address.")
      }
      let isSame =
        there.email == account.email && there.isAnonymous == account.isAnonymous
        && (there.deletedAt == nil) == (account.deletedAt == nil)
      return isSame ? .same : .different
    }
    for grant in account.roles {
      _ = try await GrantStore.insert(
        role: grant.name, to: account.id, by: grant.by, now: grant.at, in: transaction)
    }
    for grant in account.claims {
      _ = try await GrantStore.insert(
        claim: grant.name, to: account.id, by: grant.by, now: grant.at, in: transaction)
    }
    if !account.roles.isEmpty || !account.claims.isEmpty {
      try await GrantStore.noteRestored(in: transaction)
    }
    return .made
  }

  private static func isHash(_ text: String) -> Bool {
    text.hasPrefix("$argon2id$") && text.utf8.count <= 512
      && text.utf8.allSatisfy { $0 > 32 && $0 < 127 }
  }
}
