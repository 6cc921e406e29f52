package import Accounts
import RoostCore
import Schema
package import Transport

/// The routes of administrators, under `/v1/admin`: who holds which roles and claims.
package struct AdminRoutes: Sendable {
  /// Accounts that are listed for each role.
  private static let listedHolders = 200
  private static let body = BodyPolicy.buffered(limit: 1024)

  private let accounts: AccountStore
  private let authenticator: Authenticator
  private let claim: AdminClaimFile

  /// `claim` is the one-time claim of the app's data folder.
  package init(accounts: AccountStore, authenticator: Authenticator, claim: AdminClaimFile) {
    self.accounts = accounts
    self.authenticator = authenticator
    self.claim = claim
  }

  /// Adds the routes to `router`.
  package func add(to router: inout Router) {
    let body = AdminRoutes.body
    AdminClaimRoutes.add(
      to: &router, accounts: accounts, authenticator: authenticator, claim: claim)
    router.add(.get, "/v1/admin/roles", body: body) { try await roles($0) }
    router.add(.get, "/v1/admin/users", body: body) { try await search($0) }
    router.add(.get, "/v1/admin/users/{id}", body: body) { request in
      _ = try authenticator.administrator(of: request)
      let person = try await accounts.person(try AdminRoutes.id(of: request))
      var json = JSONWriter()
      AdminRoutes.write(person, to: &json)
      return AuthRoutes.uncached(.json(json.bytes))
    }
    let role = "/v1/admin/users/{id}/roles/{role}"
    router.add(.put, role, body: body) { request in
      try await change(request) { id, name, admin in
        try refuseUnknown(name)
        try await accounts.grantRole(name, to: id, by: admin)
      }
    }
    router.add(.delete, role, body: body) { request in
      try await change(request) { id, name, admin in
        do {
          try await accounts.withdrawRole(name, from: id, by: admin)
        } catch let error as RoostError where error.code == .invalid {
          try refuseUnknown(name)
          throw error
        }
      }
    }
    // The rest of the path, since a claim may hold slashes.
    let claim = "/v1/admin/users/{id}/claims/{claim...}"
    router.add(.put, claim, body: body) { request in
      try await change(request) { id, text, admin in
        try await accounts.grantClaim(text, to: id, by: admin)
      }
    }
    router.add(.delete, claim, body: body) { request in
      try await change(request) { id, text, admin in
        try await accounts.withdrawClaim(text, from: id, by: admin)
      }
    }
  }

  /// The declared roles, what each inherits, and who holds it.
  private func roles(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let holders = try await accounts.roleHolders(limit: AdminRoutes.listedHolders)
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("roles")
    json.beginArray()
    for entry in holders {
      json.beginObject()
      json.key("name")
      json.string(entry.role)
      json.member("inherits", accounts.roles.inherited(by: entry.role))
      json.key("count")
      json.int(Int64(entry.count))
      json.key("holders")
      json.beginArray()
      for account in entry.accounts {
        json.beginObject()
        json.account(account)
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return AuthRoutes.uncached(.json(json.bytes))
  }

  /// The account of an e-mail address, as a list of at most one.
  private func search(_ request: Request) async throws -> Response {
    _ = try authenticator.administrator(of: request)
    let parameters = try QueryParameters(request.query)
    for item in parameters.items where item.name != "email" {
      throw RoostError.invalid(
        "?\(item.name.prefix(60))", "unknown_parameter",
        "This list takes email, not \"\(item.name.prefix(60))\".")
    }
    guard let email = try parameters.single("email") else {
      throw RoostError.invalid(
        "?email", "required", "Say whom you look for: ?email=name@example.com")
    }
    let person = try await accounts.person(email: email)
    var json = JSONWriter()
    json.beginObject()
    json.key("items")
    json.beginArray()
    if let person { AdminRoutes.write(person, to: &json) }
    json.endArray()
    json.key("next")
    json.null()
    json.endObject()
    return AuthRoutes.uncached(.json(json.bytes))
  }

  /// Does what an administrator asks for to an account; answers 204.
  private func change(
    _ request: Request, _ body: (UUID, _ name: String, _ admin: UUID?) async throws -> Void
  ) async throws -> Response {
    let admin = try authenticator.administrator(of: request)
    var members = try AuthBody(of: request)
    try members.finish()
    let id = try AdminRoutes.id(of: request)
    try await body(id, request.parameters.count > 1 ? request.parameters[1] : "", admin.uid)
    return Response(status: 204)
  }

  private func refuseUnknown(_ role: String) throws {
    let names = accounts.roles.names
    guard !names.contains(role) else { return }
    throw RoostError.invalid(
      "role", "unknown_role",
      "There is no role \"\(role.prefix(60))\"\(Schema.didYouMean(role, among: names)); "
        + "GET /v1/admin/roles lists them.")
  }

  static func id(of request: Request) throws -> UUID {
    guard let id = request.parameters.first.flatMap({ UUID($0) }) else {
      throw RoostError(.notFound, "There is no account of this id.")
    }
    return id
  }

  private static func write(_ person: Person, to json: inout JSONWriter) {
    json.beginObject()
    json.account(person.account)
    json.member("roles", sorted: person.grants.roles)
    json.member("claims", sorted: person.grants.claims)
    json.endObject()
  }
}
