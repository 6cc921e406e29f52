import Accounts
import Cryptography
import Foundation
import Queries
import REST
import RoostCore
import TestEngine
import Testing
import Transport

/// The routes of administrators and accounts behind a router, over a database of their own.
private struct AdminServer {
  let accounts: AccountStore
  let claim: AdminClaimFile
  private let router: Router

  static func run(_ body: (AdminServer) async throws -> Void) async throws {
    let folder = TestEngine.folder("admin")
    defer { TestEngine.remove(folder) }
    let database = try TestEngine.open(folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try await Migrator.run(
      [AccountTables.migration(1), AccountTables.roles(2)], on: database)
    var configuration = AccountsConfiguration()
    configuration.passwordCost = PasswordHash.Cost(memoryKB: 64, passes: 1, lanes: 1)
    let accounts = AccountStore(
      database: database, ambient: Ambient(logger: Logger(level: .error)),
      configuration: configuration,
      roles: AppRoles(
        names: ["musician", "support"],
        closure: ["musician": ["musician"], "support": ["support", "musician"]]))
    try await accounts.start()
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await body(AdminServer(accounts, AdminClaimFile(folder: folder))))
    } catch {
      result = .failure(error)
    }
    accounts.stop()
    await database.close()
    try result.get()
  }

  private init(_ accounts: AccountStore, _ claim: AdminClaimFile) {
    self.accounts = accounts
    self.claim = claim
    var router = Router()
    let authenticator = Authenticator(accounts: accounts)
    AuthRoutes.add(to: &router, accounts: accounts, authenticator: authenticator)
    AdminRoutes(accounts: accounts, authenticator: authenticator, claim: claim).add(to: &router)
    self.router = router
  }

  struct Answer {
    let status: Int
    let body: [UInt8]
    let headers: Headers
    var json: JSON { (try? JSON.parse(body)) ?? .null }
    /// The faults as `pointer code`.
    var faults: [String] {
      (json["errors"]?.array ?? []).map {
        "\($0["pointer"]?.string ?? "?") \($0["code"]?.string ?? "?")"
      }
    }
  }

  func send(
    _ method: Transport.Method, _ path: String, _ session: Session? = nil, query: String? = nil,
    body: String? = nil
  ) async throws -> Answer {
    var fields: [(name: String, value: String)] = []
    if let session {
      fields.append(("Authorization", "Bearer \(session.accessToken.reveal())"))
    }
    if body != nil { fields.append(("Content-Type", "application/json")) }
    let route = router.route(method, path)
    let request = Request(
      method: method, path: path, query: query, requestID: "r1", remoteAddress: "192.0.2.1",
      head: ListedHead(fields), body: Array((body ?? "").utf8), parameters: route.parameters)
    let response: Response
    do {
      response = try await route.handler(request)
    } catch let error as RoostError {
      response = .problem(error, requestID: "r1")
    }
    guard case .bytes(let bytes) = response.body else {
      return Answer(status: response.status, body: [], headers: response.headers)
    }
    return Answer(status: response.status, body: bytes, headers: response.headers)
  }

  func register(_ name: String) async throws -> Session {
    try await accounts.register(
      email: "\(name)@example.com", password: "velvet otter paints nine moons",
      from: ClientAddress("192.0.2.1"))
  }

  /// A person who is an administrator.
  func administrator() async throws -> Session {
    let session = try await register("admin")
    try await accounts.grantRole("admin", to: session.account.id, by: nil)
    return session
  }
}

@Suite struct AdminRoutesTests {
  private static let somebody = "00000000-0000-7000-8000-000000000001"

  @Test(arguments: [
    (Transport.Method.get, "/v1/admin/roles"), (.get, "/v1/admin/users"),
    (.get, "/v1/admin/users/\(somebody)"), (.put, "/v1/admin/users/\(somebody)/roles/admin"),
    (.delete, "/v1/admin/users/\(somebody)/roles/admin"),
    (.put, "/v1/admin/users/\(somebody)/claims/x"),
    (.delete, "/v1/admin/users/\(somebody)/claims/x"),
    (.put, "/v1/admin/users/me/roles/nonsense"),
  ])
  func onlyAdministratorsComeIn(_ method: Transport.Method, _ path: String) async throws {
    try await AdminServer.run { server in
      let person = try await server.register("ada")
      try await server.accounts.grantRole("support", to: person.account.id, by: nil)
      #expect(try await server.send(method, path).status == 401)
      #expect(try await server.send(method, path, person).status == 403)
      let admin = try await server.administrator()
      let status = try await server.send(method, path, admin).status
      #expect(status != 401 && status != 403)
      // A withdrawal acts on the token at hand.
      try await server.accounts.grantRole("admin", to: person.account.id, by: nil)
      try await server.accounts.withdrawRole("admin", from: admin.account.id, by: nil)
      #expect(try await server.send(method, path, admin).status == 403)
    }
  }

  @Test func rolesAreGrantedShownAndWithdrawn() async throws {
    try await AdminServer.run { server in
      let (admin, ada) = (try await server.administrator(), try await server.register("ada"))
      let path = "/v1/admin/users/\(ada.account.id)"
      for _ in 0..<2 {
        #expect(try await server.send(.put, path + "/roles/support", admin).status == 204)
      }
      #expect(try await server.send(.put, path + "/claims/team/42", admin).status == 204)
      #expect(try await server.send(.put, path + "/claims/a%20b", admin, body: "{}").status == 204)
      let shown = try await server.send(.get, path, admin)
      let expected: JSON = [
        "id": .string(ada.account.id.description), "email": "ada@example.com",
        "anonymous": false, "roles": ["support"], "claims": ["a b", "team/42"],
      ]
      #expect(shown.json == expected)
      #expect(shown.headers["Cache-Control"] == "no-store")
      let found = try await server.send(
        .get, "/v1/admin/users", admin, query: "email=ADA%40example.com")
      #expect(found.json == ["items": [expected], "next": .null])
      let me = try await server.send(.get, "/v1/auth/me", ada)
      #expect(me.json == expected)
      for _ in 0..<2 {
        #expect(try await server.send(.delete, path + "/roles/support", admin).status == 204)
        #expect(try await server.send(.delete, path + "/claims/team/42", admin).status == 204)
      }
      let left = try await server.send(.get, path, admin)
      #expect(left.json["roles"] == [] && left.json["claims"] == ["a b"])
      let after = try await server.send(.get, "/v1/auth/me", ada)
      #expect(after.json["roles"] == nil && after.json["claims"] == ["a b"])
    }
  }

  @Test func theRolesAreListedWithWhatTheyInheritAndTheirHolders() async throws {
    try await AdminServer.run { server in
      let admin = try await server.administrator()
      let roles = try await server.send(.get, "/v1/admin/roles", admin).json["roles"]
      let expected: JSON = [
        ["name": "musician", "inherits": [], "count": 0, "holders": []],
        ["name": "support", "inherits": ["musician"], "count": 0, "holders": []],
        [
          "name": "admin", "inherits": [], "count": 1,
          "holders": [
            [
              "id": .string(admin.account.id.description), "email": "admin@example.com",
              "anonymous": false,
            ]
          ],
        ],
      ]
      #expect(roles == expected)
    }
  }

  @Test func whatIsWrongIsRefusedWithTheNearestName() async throws {
    try await AdminServer.run { server in
      let (admin, ada) = (try await server.administrator(), try await server.register("ada"))
      let path = "/v1/admin/users/\(ada.account.id)"
      for method in [Transport.Method.put, .delete] {
        let answer = try await server.send(method, path + "/roles/suport", admin)
        #expect(answer.status == 422 && answer.faults == ["role unknown_role"])
        #expect(answer.json["detail"]?.string?.contains("did you mean support?") == true)
        let nobody = "/v1/admin/users/\(Self.somebody)"
        #expect(try await server.send(method, nobody + "/roles/support", admin).status == 404)
        #expect(try await server.send(method, nobody + "/claims/x", admin).status == 404)
        #expect(
          try await server.send(method, "/v1/admin/users/me/roles/support", admin).status == 404)
        let long = String(repeating: "x", count: 201)
        #expect(try await server.send(method, path + "/claims/" + long, admin).status == 422)
        let body = try await server.send(
          method, path + "/roles/support", admin, body: #"{"until":1}"#)
        #expect(body.faults == ["/until unknown_field"])
      }
      let last = "/v1/admin/users/\(admin.account.id)/roles/admin"
      #expect(try await server.send(.delete, last, admin).status == 409)
      let queries: [(String?, String)] = [
        (nil, "?email required"), ("email=x", "?email format"),
        ("mail=a", "?mail unknown_parameter"),
      ]
      for (query, fault) in queries {
        let answer = try await server.send(.get, "/v1/admin/users", admin, query: query)
        #expect(answer.status == 422 && answer.faults == [fault])
      }
      let none = try await server.send(
        .get, "/v1/admin/users", admin, query: "email=b@example.com")
      #expect(none.json == ["items": [], "next": .null])
    }
  }

  /// No body of these routes gives anybody a role.
  @Test(
    arguments: ["anonymous", "register", "login", "upgrade", "refresh", "logout"],
    ["roles", "role", "claims", "admin", "isAdmin"])
  func noAuthRouteTakesARole(_ name: String, _ key: String) async throws {
    try await AdminServer.run { server in
      let client = ClientAddress("192.0.2.1")
      let session =
        name == "upgrade"
        ? try await server.accounts.anonymous(from: client) : try await server.register("ada")
      let fields: JSON =
        switch name {
        case "register", "upgrade":
          ["email": "new@example.com", "password": "velvet otter paints nine moons"]
        case "login": ["email": "ada@example.com", "password": "velvet otter paints nine moons"]
        case "refresh": ["refreshToken": .string(session.refreshToken.reveal())]
        default: [:]
        }
      var body = try #require(fields.object)
      body[key] = ["admin"]
      let bearer = name == "upgrade" || name == "logout" ? session : nil
      let answer = try await server.send(
        .post, "/v1/auth/" + name, bearer, body: JSON.object(body).text)
      #expect(answer.status == 422 && answer.faults == ["/\(key) unknown_field"])
      #expect(!server.accounts.hasAdministrator)
      // The same body without it is taken.
      body[key] = nil
      let right = try await server.send(
        .post, "/v1/auth/" + name, bearer, body: JSON.object(body).text)
      #expect(right.status == 200 || right.status == 201)
      #expect(right.json["user"]?["roles"] == nil)
    }
  }

  @Test func sessionAnswersShowRolesAndClaims() async throws {
    try await AdminServer.run { server in
      let session = try await server.administrator()
      try await server.accounts.grantClaim("x", to: session.account.id, by: nil)
      let refreshed = try await server.send(
        .post, "/v1/auth/refresh",
        body: (["refreshToken": .string(session.refreshToken.reveal())] as JSON).text)
      #expect(refreshed.json["user"]?["roles"] == ["admin"])
      #expect(refreshed.json["user"]?["claims"] == ["x"])
    }
  }

  @Test func theClaimIsTakenOnce() async throws {
    try await AdminServer.run { server in
      let ada = try await server.register("ada")
      let token = try server.claim.issue(random: SystemRandom(), now: SystemTime().now()).token
      let body = (["token": .string(token.reveal())] as JSON).text
      let path = "/v1/admin/claim"
      #expect(try await server.send(.post, path, body: body).status == 401)
      #expect(
        try await server.send(.post, path, ada, body: "{}").faults == ["/token required"])
      #expect(
        try await server.send(.post, path, ada, body: #"{"token":"x","role":"owner"}"#).faults
          == ["/role unknown_field"])
      #expect(try await server.send(.post, path, ada, body: body).status == 204)
      let again = try await server.send(.post, path, ada, body: body)
      #expect(again.status == 403)
      #expect(again.json["detail"]?.string?.contains("run roost admin again") == true)
      #expect(try await server.send(.get, "/v1/admin/roles", ada).status == 200)
    }
  }

  @Test func thePageRunsOnlyWhatItsPolicyNames() async throws {
    try await AdminServer.run { server in
      let answer = try await server.send(.get, "/v1/admin/claim")
      #expect(answer.status == 200)
      let policy = try #require(answer.headers["Content-Security-Policy"])
      let text = String(decoding: answer.body, as: UTF8.self)
      for element in ["script", "style"] {
        let parts = text.components(separatedBy: "<\(element)>")
        #expect(parts.count == 2)
        let inner = try #require(parts.last?.components(separatedBy: "</\(element)>").first)
        let digest = Data(SHA256.digest(Array(inner.utf8))).base64EncodedString()
        #expect(policy.contains("\(element)-src 'sha256-\(digest)'"))
      }
      #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe"))
      #expect(!text.contains("http:") && !text.contains("https:") && !text.contains("//"))
      #expect(!text.contains(" style=") && !text.contains(" onclick="))
    }
  }
}
