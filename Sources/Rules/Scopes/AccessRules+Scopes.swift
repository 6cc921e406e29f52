import RoostCore
package import Schema

extension AccessRules {
  /// The scopes in which a row is seen: the READ rules with the row's own values put in.
  ///
  /// A scope that another one contains is left out: a row of `public` needs no entry for its owner.
  package func scopes(of value: (Int) -> FieldValue) -> [Scope] {
    var scopes: Set<Scope> = []
    for rule in rules where rule.operations.contains(.read) {
      if let path = rule.path {
        if rule.audience != .anonymous, path.steps.isEmpty, case .uuid(let id) = value(path.user) {
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
