import Accounts
import Queries
import REST
import Records
import RoostCore
import Schema
import Testing
import Transport

@testable import RoostServer

/// Time that stands still: no wait comes to its end.
private struct StillTime: TimeSource {
  func now() -> Timestamp { Timestamp(milliseconds: 1_760_000_000_000) }
  func monotonicNanoseconds() -> UInt64 { 1 }
}

/// Without the news of the account nothing would end a wait but the limit.
@Suite("Waits of devices whose account changes", .timeLimit(.minutes(3)))
struct SyncWaitTests {
  private static let schema = """
    enum Role @roles { staff }
    type News @collection(name: "news") @allow(ops: [READ], when: "team in ctx.claims")
        @allow(ops: [READ], roles: ["staff"]) {
      team: String!
    }
    """

  /// An app, its routes, and a person who waits.
  private struct House {
    let app: App
    let router: Router
    let session: Session
    var uid: UUID { session.account.id }

    func send(
      _ method: Transport.Method, _ path: String, _ body: String = "", as session: Session
    ) async throws -> (status: Int, frames: [JSON]) {
      let routed = router.route(method, path)
      let token = session.accessToken.reveal()
      let request = Request(
        method: method, path: path, requestID: "r1", remoteAddress: "192.0.2.1",
        head: ListedHead([(name: "Authorization", value: "Bearer \(token)")]),
        body: Array(body.utf8), parameters: routed.parameters)
      let response: Response
      do {
        response = try await routed.handler(request)
      } catch let error as RoostError {
        return (error.code == .unauthenticated ? 401 : 500, [])
      }
      guard case .bytes(let bytes) = response.body else { return (response.status, []) }
      return (
        response.status,
        try bytes.split(separator: UInt8(ascii: "\n")).map { try JSON.parse(Array($0)) }
      )
    }

    func hello(wait: Int, _ streams: JSON = [:], as other: Session? = nil) async throws
      -> (status: Int, frames: [JSON])
    {
      let frame: JSON = [
        "frame": "hello", "cid": "0199c1d0-0000-7000-8000-000000000001", "schema": "1.0.0",
        "wall": .int(app.ambient.time.now().milliseconds), "lanes": [:], "streams": streams,
        "wait": .int(Int64(wait)),
        "device": ["id": "0199c1d0-0000-7000-8000-000000000002", "name": "Phone"],
      ]
      return try await send(.post, "/v1/sync", frame.text, as: other ?? session)
    }

    /// The accounts of another process on the same database; `stop` them behind it.
    func otherProcess() async throws -> AccountStore {
      let other = AccountStore(
        database: app.database, ambient: app.ambient, roles: app.accounts.roles)
      try await other.start(watches: false)
      return other
    }

    func someoneWaits() async throws {
      while app.sync.watch.waiting == 0 {
        try Task.checkCancellation()
        await Task.yield()
      }
    }

    /// What a wait is answered during which `body` is done.
    func waiting(
      _ body: @Sendable () async throws -> Void
    ) async throws -> (status: Int, frames: [JSON]) {
      // Once it has all that there is, once more to find what was found before, and then to wait.
      let first = try await hello(wait: 0)
      let heads = try #require(first.frames.last?["heads"])
      async let answer = hello(wait: 60, heads)
      try await someoneWaits()
      try await body()
      return try await answer
    }
  }

  private func run(_ body: (House) async throws -> Void) async throws {
    let house = try await ImportHouse(SyncWaitTests.schema, time: StillTime())
    do {
      let app = house.app
      var router = Router()
      AppSync.add(to: &router, of: app, authenticator: Authenticator(accounts: app.accounts))
      let client = ClientAddress("192.0.2.1", userAgent: nil)
      let session = try await app.accounts.anonymous(from: client)
      let news = try #require(app.records.catalogue.collection(named: "news"))
      _ = try await app.records.create(news, ["team": "red"], by: .system)
      try await body(House(app: app, router: router, session: session))
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  @Test("What is granted comes, and what is withdrawn goes", arguments: [true, false])
  func grants(_ isClaim: Bool) async throws {
    try await run { house async throws in
      let accounts = house.app.accounts
      let uid = house.uid
      let gained = try await house.waiting {
        if isClaim {
          try await accounts.grantClaim("red", to: uid, by: nil)
        } else {
          try await accounts.grantRole("staff", to: uid, by: nil)
        }
      }
      #expect(gained.frames.first?["add"]?.array?.count == 1)
      #expect(gained.frames.contains { $0["frame"] == "delta" })
      let lost = try await house.waiting {
        if isClaim {
          try await accounts.withdrawClaim("red", from: uid, by: nil)
        } else {
          try await accounts.withdrawRole("staff", from: uid, by: nil)
        }
      }
      #expect(lost.frames.first?["drop"]?.array?.count == 1)
    }
  }

  @Test("What another process grants comes too")
  func grantsOfOthers() async throws {
    try await run { house async throws in
      let other = try await house.otherProcess()
      defer { other.stop() }
      let uid = house.uid
      let gained = try await house.waiting {
        try await other.grantClaim("red", to: uid, by: nil)
      }
      #expect(gained.frames.first?["add"]?.array?.count == 1)
    }
  }

  @Test("A session that ends ends its waits")
  func sessions() async throws {
    try await run { house async throws in
      let accounts = house.app.accounts
      let (uid, session) = (house.uid, house.session)
      let answer = try await house.waiting {
        try await accounts.logout(Caller(uid: uid), everywhere: true)
      }
      #expect(answer.status == 401)
      #expect(try await house.hello(wait: 0, as: session).status == 401)
    }
  }

  @Test("A session that another process ends ends its waits")
  func sessionsOfOthers() async throws {
    try await run { house async throws in
      let other = try await house.otherProcess()
      defer { other.stop() }
      let uid = house.uid
      let answer = try await house.waiting {
        try await other.logout(Caller(uid: uid), everywhere: true)
      }
      #expect(answer.status == 401)
    }
  }

  @Test("A device that is signed out learns of it in whatever session it waits")
  func devices() async throws {
    try await run { house async throws in
      let client = ClientAddress("192.0.2.1", userAgent: nil)
      let last = try await house.app.accounts.signIn(house.uid, from: client)
      let answer = try await house.waiting {
        // Its session is the one of its last hello, so that this one goes on.
        _ = try await house.hello(wait: 0, as: last)
        let path = "/v1/devices/0199c1d0-0000-7000-8000-000000000002"
        _ = try await house.send(.delete, path, as: last)
      }
      #expect(answer.frames.map { $0["code"] } == ["device_revoked"])
    }
  }

  @Test("What changes for somebody else wakes nobody, and a change of nothing is no answer")
  func others() async throws {
    try await run { house async throws in
      let app = house.app
      let client = ClientAddress("192.0.2.1", userAgent: nil)
      let other = try await app.accounts.anonymous(from: client).account.id
      let uid = house.uid
      let answer = try await house.waiting {
        try await app.accounts.grantClaim("red", to: other, by: nil)
        #expect(app.sync.watch.waiting == 1)
        // A claim that shows them nothing: they look, and wait on.
        try await app.accounts.grantClaim("blue", to: uid, by: nil)
        try await house.someoneWaits()
        try await app.accounts.grantClaim("red", to: uid, by: nil)
      }
      #expect(answer.frames.first?["add"]?.array?.count == 1)
    }
  }
}
