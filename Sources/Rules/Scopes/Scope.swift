package import RoostCore

/// Who holds what: one atom of the scopes that sync and realtime are indexed by.
package enum Scope: Hashable, Sendable, Comparable {
  /// Every caller, with or without an account.
  case everyone
  /// Every account.
  case users
  /// Accounts without an e-mail address.
  case anonymous
  /// One account.
  case user(UUID)

  /// The text that is stored: `public`, `users`, `anonymous`, `user:<id>`.
  package var text: String {
    switch self {
    case .everyone: "public"
    case .users: "users"
    case .anonymous: "anonymous"
    case .user(let id): "user:\(id)"
    }
  }

  package static func < (left: Scope, right: Scope) -> Bool {
    func key(_ scope: Scope) -> (Int, UUID) {
      switch scope {
      case .everyone: (0, .zero)
      case .users: (1, .zero)
      case .anonymous: (2, .zero)
      case .user(let id): (3, id)
      }
    }
    return key(left) < key(right)
  }
}
