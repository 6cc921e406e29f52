package import Queries
package import RoostCore

extension AccountStore {
  /// When an account was made; nil where there is none.
  package static func creation(
    of id: UUID, in reader: any Reader
  ) async throws -> Timestamp? {
    try await reader.first(
      "SELECT created_at FROM roost_user WHERE id = \(id) AND deleted_at IS NULL"
    ) { $0.timestamp(0) }
  }

  /// The caller that an account would be: by its id, its e-mail address or `nobody`.
  ///
  /// Throws 404 for an account that does not exist.
  package func caller(named who: String) async throws -> Caller {
    if who == "nobody" { return .everyone }
    let person: Person
    if let id = UUID(who) {
      person = try await self.person(id)
    } else if let found = try await self.person(email: who) {
      person = found
    } else {
      throw RoostError(
        .notFound,
        "There is no account \"\(who.prefix(100))\": name its id, its e-mail address, or nobody.")
    }
    return Caller(
      uid: person.account.id, isAnonymous: person.account.isAnonymous,
      roles: person.grants.roles, claims: person.grants.claims)
  }
}
