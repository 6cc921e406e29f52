package import RoostCore

/// An account as its owner sees it.
package struct Account: Sendable, Equatable {
  package let id: UUID
  /// Nil for anonymous accounts, and for imported ones that have none.
  package let email: String?
  package let isAnonymous: Bool

  package init(id: UUID, email: String?, isAnonymous: Bool) {
    self.id = id
    self.email = email
    self.isAnonymous = isAnonymous
  }
}

/// What signing in gives: the account and its two tokens.
package struct Session: Sendable {
  package let account: Account
  /// A JSON Web Token that `Accounts.authenticate` takes.
  package let accessToken: Secret<String>
  /// Worth one refresh.
  package let refreshToken: Secret<String>
  /// Whole seconds for which the access token is valid.
  package let expiresInSeconds: Int64
}
