package import RoostCore
package import Schema

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

extension AccessRules {
  /// The scopes in which a row is seen: the READ rules with the row's own values put in.
  ///
  /// A scope that another one contains is left out: a row of `public` needs no entry for its owner.
  package func scopes(of value: (Int) -> FieldValue) -> [Scope] {
    var scopes: Set<Scope> = []
    for rule in rules where rule.operations.contains(.read) {
      if let owner = rule.owner {
        // A rule that asks for an anonymous owner is a conjunction, and those come with the rest of
        // the rule language; until then its rows are online only.
        if rule.audience != .anonymous, case .uuid(let id) = value(owner) {
          scopes.insert(.user(id))
        }
      } else {
        switch rule.audience {
        case .everyone: scopes.insert(.everyone)
        case .user: scopes.insert(.users)
        case .anonymous: scopes.insert(.anonymous)
        }
      }
    }
    if scopes.contains(.everyone) { return [.everyone] }
    if scopes.contains(.users) { return [.users] }
    return scopes.sorted()
  }
}
