/// Who asks: the account behind a request's credentials, as rules and routes see it.
package struct Caller: Sendable, Hashable {
  /// The account; nil for a request without credentials.
  package let uid: UUID?
  /// The account was made without an e-mail address and a password.
  package let isAnonymous: Bool
  /// The roles as they were granted, without what they inherit; all are names of the schema.
  package let roles: Set<String>
  /// The claims as they were granted, for `ctx.claims` in rules.
  package let claims: Set<String>
  /// The session that the access token belongs to; nil for other credentials.
  package let sessionID: UUID?
  /// It is a part of the app and no person: signed in to the rules, and owner of nothing.
  package let isService: Bool

  package init(
    uid: UUID?, isAnonymous: Bool = false, roles: Set<String> = [], claims: Set<String> = [],
    sessionID: UUID? = nil, isService: Bool = false
  ) {
    self.uid = uid
    self.isAnonymous = isAnonymous
    self.roles = roles
    self.claims = claims
    self.sessionID = sessionID
    self.isService = isService
  }

  /// A request without credentials.
  package static let everyone = Caller(uid: nil)
}
