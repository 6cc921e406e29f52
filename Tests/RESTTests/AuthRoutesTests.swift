import Accounts
import Cryptography
import Foundation
import Queries
import REST
import RoostCore
import TestEngine
import Testing
import Transport

/// The routes of accounts behind a router, over a database of their own.
private struct AuthServer {
  static let password = "velvet otter paints nine moons"

  let accounts: AccountStore
  let router: Router

  static func run(_ body: (AuthServer) async throws -> Void) async throws {
    let folder = TestEngine.folder("auth")
    defer { TestEngine.remove(folder) }
    let database = try TestEngine.open(folder)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try await Migrator.run([AccountTables.migration(1), AccountTables.roles(2)], on: database)
    var configuration = AccountsConfiguration()
    configuration.passwordCost = PasswordHash.Cost(memoryKB: 64, passes: 1, lanes: 1)
    configuration.anonymousPerAddress = .init(count: 1, seconds: 3600, burst: 20)
    let accounts = AccountStore(
      database: database, ambient: Ambient(logger: Logger(level: .error)),
      configuration: configuration)
    try await accounts.start()
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(AuthServer(accounts)))
    } catch {
      result = .failure(error)
    }
    accounts.stop()
    await database.close()
    try result.get()
  }

  private init(_ accounts: AccountStore) {
    self.accounts = accounts
    var router = Router()
    AuthRoutes.add(
      to: &router, accounts: accounts, authenticator: Authenticator(accounts: accounts))
    self.router = router
  }

  struct Answer {
    let status: Int
    let json: JSON
    let headers: Headers

    /// The faults as `pointer code`.
    var faults: [String] {
      (json["errors"]?.array ?? []).map {
        "\($0["pointer"]?.string ?? "?") \($0["code"]?.string ?? "?")"
      }
    }
  }

  /// Sends a request; errors become problem documents as in the server.
  func send(
    _ method: Transport.Method, _ path: String, _ body: String? = nil, bearer: String? = nil,
    authorization: String? = nil, contentType: String? = "application/json"
  ) async throws -> Answer {
    var fields: [(name: String, value: String)] = []
    if let bearer { fields.append(("Authorization", "Bearer \(bearer)")) }
    if let authorization { fields.append(("Authorization", authorization)) }
    if body != nil, let contentType { fields.append(("Content-Type", contentType)) }
    let request = Request(
      method: method, path: path, requestID: "r1", remoteAddress: "192.0.2.1",
      head: ListedHead(fields), body: Array((body ?? "").utf8))
    let response: Response
    do {
      response = try await router.route(method, path).handler(request)
    } catch let error as RoostError {
      response = .problem(error, requestID: "r1")
    }
    guard case .bytes(let bytes) = response.body else {
      return Answer(status: response.status, json: .null, headers: response.headers)
    }
    return Answer(
      status: response.status, json: try JSON.parse(bytes), headers: response.headers)
  }

  func post(_ name: String, _ body: String? = nil, bearer: String? = nil) async throws -> Answer {
    try await send(.post, "/v1/auth/" + name, body, bearer: bearer)
  }

  static func credentials(_ email: String = "ada@example.com", _ password: String = password)
    -> String
  {
    (["email": .string(email), "password": .string(password)] as JSON).text
  }

  static func token(_ answer: Answer, _ name: String = "accessToken") throws -> String {
    try #require(answer.json[name]?.string)
  }
}

@Suite struct AuthRoutesTests {
  @Test func aSessionHasTheShapeOfTheContract() async throws {
    try await AuthServer.run { server in
      let anonymous = try await server.post("anonymous", "{}")
      #expect(anonymous.status == 201)
      #expect(anonymous.json["user"]?["anonymous"] == true)
      #expect(anonymous.json["user"]?["email"] == nil)
      #expect(anonymous.json["expiresIn"] == 600)
      let user = try #require(anonymous.json["user"]?.object)
      #expect(user.map(\.key) == ["id", "anonymous"])
      #expect(RoostCore.UUID(try #require(user["id"]?.string)) != nil)

      let registered = try await server.post("register", AuthServer.credentials())
      #expect(registered.status == 201)
      let object = try #require(registered.json.object)
      let members = object.map(\.key)
      #expect(members == ["user", "accessToken", "refreshToken", "expiresIn"])
      #expect(registered.json["user"]?["email"] == "ada@example.com")
      #expect(registered.json["user"]?["anonymous"] == false)
      #expect(registered.headers["Cache-Control"] == "no-store")

      let signedIn = try await server.post("login", AuthServer.credentials("ADA@example.com"))
      #expect(signedIn.status == 200)
      #expect(signedIn.json["user"] == registered.json["user"])

      let token = (["refreshToken": registered.json["refreshToken"] ?? .null] as JSON).text
      let refreshed = try await server.post("refresh", token)
      #expect(refreshed.status == 200)
      #expect(refreshed.json["user"] == registered.json["user"])
      #expect(refreshed.json["refreshToken"] != registered.json["refreshToken"])
    }
  }

  @Test func meIsTheAccountOfTheToken() async throws {
    try await AuthServer.run { server in
      let session = try await server.post("register", AuthServer.credentials())
      let me = try await server.send(
        .get, "/v1/auth/me", bearer: try AuthServer.token(session))
      #expect(me.status == 200)
      #expect(me.json == session.json["user"])
      let nobody = try await server.send(.get, "/v1/auth/me")
      #expect(nobody.status == 401)
      #expect(nobody.headers["WWW-Authenticate"] == "Bearer")
    }
  }

  @Test func anUpgradeKeepsTheId() async throws {
    try await AuthServer.run { server in
      let anonymous = try await server.post("anonymous")
      let token = try AuthServer.token(anonymous)
      let refused = try await server.post("upgrade", AuthServer.credentials())
      #expect(refused.status == 401)
      let upgraded = try await server.post("upgrade", AuthServer.credentials(), bearer: token)
      #expect(upgraded.status == 200)
      #expect(upgraded.json["user"]?["id"] == anonymous.json["user"]?["id"])
      #expect(upgraded.json["user"]?["anonymous"] == false)
      #expect(
        try await server.post("upgrade", AuthServer.credentials(), bearer: token).status == 401)
      let again = try await server.post(
        "upgrade", AuthServer.credentials("b@example.com"),
        bearer: try AuthServer.token(upgraded))
      #expect(again.status == 409)
      #expect(try await server.post("login", AuthServer.credentials()).status == 200)
    }
  }

  @Test func refusedCredentialsAreAnsweredAlike() async throws {
    try await AuthServer.run { server in
      _ = try await server.post("register", AuthServer.credentials())
      let taken = try await server.post("register", AuthServer.credentials("ADA@example.com"))
      #expect(taken.status == 409)
      var answers: [JSON] = []
      for (email, password) in [
        ("ada@example.com", "wrong"), ("unknown@example.com", AuthServer.password),
        ("no address", AuthServer.password), ("", ""),
      ] {
        let answer = try await server.post("login", AuthServer.credentials(email, password))
        #expect(answer.status == 401)
        answers.append(answer.json)
      }
      #expect(answers.allSatisfy { $0 == answers[0] })
    }
  }

  /// Bodies that are refused: the route, the body, the status and the faults.
  @Test(
    arguments: [
      ("anonymous", #"{"id":"x"}"#, 422, ["/id unknown_field"]),
      ("anonymous", "[]", 422, [" type"]),
      ("anonymous", "{", 400, []),
      ("register", nil, 422, ["/email required", "/password required"]),
      ("register", "{}", 422, ["/email required", "/password required"]),
      ("register", #"{"email":"a@example.com"}"#, 422, ["/password required"]),
      ("register", #"{"email":1,"password":null}"#, 422, ["/email type", "/password type"]),
      (
        "register", #"{"email":"ada","password":"short"}"#, 422,
        ["/email format", "/password min_length"]
      ),
      (
        "register", #"{"email":"a@example.com","password":"passwordpassword"}"#, 422,
        ["/password common"]
      ),
      (
        "register", #"{"email":"a@example.com","password":"x","role":"admin","a/b~c":1}"#, 422,
        ["/role unknown_field", "/a~1b~0c unknown_field"]
      ),
      ("register", #"{"email":"a@example.com","email":"b@example.com"}"#, 400, []),
      ("register", "email=a", 400, []),
      ("register", "\"text\"", 422, [" type"]),
      ("login", #"{"email":[],"password":{}}"#, 422, ["/email type", "/password type"]),
      (
        "login", #"{"email":"a@example.com","password":"x","extra":1}"#, 422,
        ["/extra unknown_field"]
      ),
      ("refresh", "{}", 422, ["/refreshToken required"]),
      ("refresh", #"{"refreshToken":5}"#, 422, ["/refreshToken type"]),
      ("refresh", #"{"refreshToken":"x"}"#, 401, []),
      ("logout", #"{"everywhere":"yes"}"#, 422, ["/everywhere type"]),
      ("logout", #"{"refreshToken":"x"}"#, 401, []),
      ("logout", nil, 401, []),
    ] as [(String, String?, Int, [String])])
  func aBodyThatIsWrongIsRefused(
    _ name: String, _ body: String?, _ status: Int, _ faults: [String]
  ) async throws {
    try await AuthServer.run { server in
      let answer = try await server.post(name, body)
      #expect(answer.status == status)
      #expect(answer.faults == faults)
      #expect(answer.json["status"] == .int(Int64(status)))
      #expect(answer.json["detail"]?.string?.isEmpty == false)
    }
  }

  @Test(
    arguments: [
      ("application/json", 201), ("Application/JSON; charset=utf-8", 201), ("text/plain", 415),
      ("application/jsonx", 415), ("application/x-www-form-urlencoded", 415), (nil, 415),
    ] as [(String?, Int)])
  func aBodyMustBeDeclaredAsJSON(_ contentType: String?, _ status: Int) async throws {
    try await AuthServer.run { server in
      let answer = try await server.send(
        .post, "/v1/auth/register", AuthServer.credentials(), contentType: contentType)
      #expect(answer.status == status)
    }
  }

  @Test(arguments: ["anonymous", "register", "login", "refresh", "logout", "upgrade"])
  func bodiesAreBoundedToSixteenKilobytes(_ name: String) async throws {
    try await AuthServer.run { server in
      #expect(server.router.route(.post, "/v1/auth/" + name).body == .buffered(limit: 16_384))
    }
  }

  @Test func signingOutEndsTheSessionAtOnce() async throws {
    try await AuthServer.run { server in
      let session = try await server.post("register", AuthServer.credentials())
      let token = try AuthServer.token(session)
      let left = try await server.post("logout", bearer: token)
      #expect(left.status == 200)
      #expect(left.json == [:])
      let me = try await server.send(.get, "/v1/auth/me", bearer: token)
      #expect(me.status == 401)
      #expect(me.json["detail"] == "The session has ended: sign in again.")
      let refresh = (["refreshToken": session.json["refreshToken"] ?? .null] as JSON).text
      #expect(try await server.post("refresh", refresh).status == 401)
    }
  }

  /// With no access token, and with one that has expired or is none.
  @Test(arguments: [nil, "not.valid.anymore"] as [String?])
  func signingOutWorksWithTheRefreshTokenAlone(_ bearer: String?) async throws {
    try await AuthServer.run { server in
      let first = try await server.post("register", AuthServer.credentials())
      let second = try await server.post("login", AuthServer.credentials())
      let body = (["refreshToken": first.json["refreshToken"] ?? .null] as JSON).text
      #expect(try await server.post("logout", body, bearer: bearer).status == 200)
      #expect(try await server.post("logout", body, bearer: bearer).status == 401)
      let gone = try await server.send(.get, "/v1/auth/me", bearer: try AuthServer.token(first))
      #expect(gone.status == 401)
      let token = try AuthServer.token(second)
      #expect(try await server.send(.get, "/v1/auth/me", bearer: token).status == 200)
      let everywhere = try await server.post("logout", #"{"everywhere":true}"#, bearer: token)
      #expect(everywhere.status == 200)
      #expect(try await server.send(.get, "/v1/auth/me", bearer: token).status == 401)
    }
  }

  @Test(arguments: [
    ("Bearer", 401), ("Bearer ", 401), ("Basic YTpi", 401), ("Bearer x", 401), ("", 401),
    ("Bearerx", 401), ("Bearer TOKEN", 200), ("bearer TOKEN", 200), ("BEARER  TOKEN", 200),
    ("TOKEN", 401), ("Bearer TOKEN x", 401), ("Bearer TOKEN,", 401),
  ])
  func theAuthorizationFieldIsReadStrictly(_ field: String, _ status: Int) async throws {
    try await AuthServer.run { server in
      let token = try AuthServer.token(try await server.post("anonymous"))
      let answer = try await server.send(
        .get, "/v1/auth/me", authorization: field.replacingOccurrences(of: "TOKEN", with: token))
      #expect(answer.status == status)
    }
  }

  @Test func credentialsThatAreWrongAreNeverTakenForNone() async throws {
    try await AuthServer.run { server in
      let authenticator = Authenticator(accounts: server.accounts)
      func request(_ fields: [(name: String, value: String)]) -> Request {
        Request(
          method: .get, path: "/", requestID: "r", remoteAddress: "a", head: ListedHead(fields))
      }
      let nobody = try authenticator.caller(of: request([]))
      #expect(nobody == .everyone)
      #expect(throws: RoostError.self) {
        try authenticator.caller(of: request([("Authorization", "Bearer x.y.z")]))
      }
    }
  }

  @Test func tooManyAttemptsAreToldWhenToComeBack() async throws {
    try await AuthServer.run { server in
      var answer = try await server.post("anonymous")
      for _ in 0..<20 { answer = try await server.post("anonymous") }
      #expect(answer.status == 429)
      let seconds = try #require(answer.headers["Retry-After"].flatMap { Int($0) })
      #expect((3500...3600).contains(seconds))
    }
  }
}
