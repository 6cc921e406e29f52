package import Accounts
import RoostCore
package import Transport

/// The routes of accounts, under `/v1/auth`.
package enum AuthRoutes {
  /// Bytes of a body; the longest one holds an e-mail address and a password.
  private static let bodyBytes = 16_384

  /// Adds the routes to `router`.
  package static func add(
    to router: inout Router, accounts: AccountStore, authenticator: Authenticator
  ) {
    let body = BodyPolicy.buffered(limit: bodyBytes)
    router.add(.post, "/v1/auth/anonymous", body: body) { request in
      var body = try AuthBody(of: request)
      try body.finish()
      return answer(
        try await accounts.anonymous(from: ClientAddress(request)), accounts, status: 201)
    }
    router.add(.post, "/v1/auth/register", body: body) { request in
      let (email, password) = try credentials(in: request)
      let session = try await accounts.register(
        email: email, password: password, from: ClientAddress(request))
      return answer(session, accounts, status: 201)
    }
    router.add(.post, "/v1/auth/login", body: body) { request in
      let (email, password) = try credentials(in: request)
      return answer(
        try await accounts.login(
          email: email, password: password, from: ClientAddress(request)), accounts)
    }
    router.add(.post, "/v1/auth/upgrade", body: body) { request in
      let caller = try authenticator.caller(of: request)
      let (email, password) = try credentials(in: request)
      return answer(
        try await accounts.upgrade(
          caller, email: email, password: password, from: ClientAddress(request)), accounts)
    }
    router.add(.post, "/v1/auth/refresh", body: body) { request in
      var body = try AuthBody(of: request)
      let token = body.string("refreshToken")
      try body.finish()
      return answer(
        try await accounts.refresh(token, from: ClientAddress(request)), accounts)
    }
    router.add(.post, "/v1/auth/logout", body: body) {
      try await logout($0, accounts, authenticator)
    }
    router.add(.get, "/v1/auth/me", body: body) { request in
      let account = try await accounts.me(authenticator.caller(of: request))
      var json = JSONWriter()
      write(account, accounts.grants(of: account.id), to: &json)
      return uncached(.json(json.bytes))
    }
  }

  /// Ends the session of the access token, or, where there is none that is valid, that of the
  /// refresh token in the body: signing out must not ask for a refresh first.
  private static func logout(
    _ request: Request, _ accounts: AccountStore, _ authenticator: Authenticator
  ) async throws -> Response {
    var body = try AuthBody(of: request)
    let everywhere = body.flag("everywhere")
    let refreshToken = body.optionalString("refreshToken")
    try body.finish()
    let caller = try await leaver(request, refreshToken, accounts, authenticator)
    try await accounts.logout(caller, everywhere: everywhere)
    return uncached(.json(JSON.object(JSONObject()).encoded))
  }

  private static func leaver(
    _ request: Request, _ refreshToken: String?, _ accounts: AccountStore,
    _ authenticator: Authenticator
  ) async throws -> Caller {
    guard let refreshToken else { return try authenticator.caller(of: request) }
    if let caller = try? authenticator.caller(of: request), caller.uid != nil { return caller }
    return try await accounts.holder(ofRefreshToken: refreshToken, from: ClientAddress(request))
  }

  private static func credentials(
    in request: Request
  ) throws -> (email: String, password: String) {
    var body = try AuthBody(of: request)
    let credentials = (body.string("email"), body.string("password"))
    try body.finish()
    return credentials
  }

  private static func answer(
    _ session: Session, _ accounts: AccountStore, status: Int = 200
  ) -> Response {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.key("user")
    write(session.account, accounts.grants(of: session.account.id), to: &json)
    json.key("accessToken")
    json.string(session.accessToken.reveal())
    json.key("refreshToken")
    json.string(session.refreshToken.reveal())
    json.key("expiresIn")
    json.int(session.expiresInSeconds)
    json.endObject()
    return uncached(.json(json.bytes, status: status))
  }

  /// The `user` of a session: roles and claims where there are any.
  private static func write(_ account: Account, _ grants: Grants, to json: inout JSONWriter) {
    json.beginObject()
    json.account(account)
    if !grants.roles.isEmpty { json.member("roles", sorted: grants.roles) }
    if !grants.claims.isEmpty { json.member("claims", sorted: grants.claims) }
    json.endObject()
  }

  /// Tokens and people's addresses stay out of every cache.
  static func uncached(_ response: Response) -> Response {
    var response = response
    response.headers.set("Cache-Control", "no-store")
    return response
  }
}

extension ClientAddress {
  /// Where a request came from.
  init(_ request: Request) {
    self.init(request.remoteAddress, userAgent: request.header("user-agent"))
  }
}

extension JSONWriter {
  /// The members `id`, `email` where there is one, and `anonymous`.
  mutating func account(_ account: Account) {
    key("id")
    uuid(account.id)
    if let email = account.email {
      key("email")
      string(email)
    }
    key("anonymous")
    bool(account.isAnonymous)
  }

  /// A member with a list of texts, in the order of their bytes.
  mutating func member(_ name: String, sorted texts: Set<String>) {
    member(name, texts.sorted())
  }

  /// A member with a list of texts.
  mutating func member(_ name: String, _ texts: [String]) {
    key(name)
    beginArray()
    for text in texts { string(text) }
    endArray()
  }
}
