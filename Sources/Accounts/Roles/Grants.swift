/// What an account was granted.
package struct Grants: Sendable, Equatable {
  /// Without what the roles inherit.
  package var roles: Set<String>
  package var claims: Set<String>

  package init(roles: Set<String> = [], claims: Set<String> = []) {
    self.roles = roles
    self.claims = claims
  }

  package static let none = Grants()

  package var isEmpty: Bool { roles.isEmpty && claims.isEmpty }
}

/// An account as administrators see it.
package struct Person: Sendable, Equatable {
  package let account: Account
  package let grants: Grants
}

/// The accounts that hold a role.
package struct RoleHolders: Sendable {
  package let role: String
  package let count: Int
  /// The first of them, in the order of their grants.
  package let accounts: [Account]
}
