package import Queries
package import RoostCore

extension AccountStore {
  /// Makes an account without a password inside somebody's transaction, unless there is one of that
  /// id; returns whether it did.
  ///
  /// For bulk imports: one prepared statement a row, no session. Nobody can sign in to the account
  /// until it gets credentials. Throws `.invalid` for an e-mail address that is none, `.conflict` for
  /// one that is taken.
  @discardableResult
  package func importUser(
    id: UUID, email text: String? = nil, in transaction: any Transaction
  ) async throws -> Bool {
    var email: EmailAddress?
    if let text {
      email = EmailAddress(text)
      if email == nil { throw RoostError.invalid("/email", "format", EmailAddress.rule) }
    }
    return try await UserStore.importIfMissing(
      id, email: email, now: ambient.time.now(), in: transaction)
  }

  /// Makes those accounts of `ids` that are missing, without e-mail addresses; returns how many.
  @discardableResult
  package func importUsers(_ ids: [UUID], in transaction: any Transaction) async throws -> Int {
    let now = ambient.time.now()
    var count = 0
    for id in ids
    where try await UserStore.importIfMissing(id, email: nil, now: now, in: transaction) {
      count += 1
    }
    return count
  }

  /// Whether there is an account of that id, for the check of a reference.
  package func exists(_ id: UUID, in reader: any Reader) async throws -> Bool {
    try await UserStore.exists(id, in: reader)
  }
}
