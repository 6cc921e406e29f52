import Queries
import RoostCore
import Synchronization
import Testing

@testable import Accounts

@Suite struct RolesTests {
  private func roles(_ fixture: AccountsFixture, _ session: Session) throws -> Set<String> {
    try fixture.caller(session).roles
  }

  @Test func aGrantAndAWithdrawalActOnTokensThatAreCached() async throws {
    try await AccountsFixture.run { fixture in
      let (accounts, session) = (fixture.accounts, try await fixture.register())
      let other = try await fixture.register("bob@example.com")
      #expect(try roles(fixture, session) == [])
      try await accounts.grantRole("support", to: session.account.id, by: nil)
      try await accounts.grantClaim("team/42", to: session.account.id, by: other.account.id)
      #expect(accounts.cache.count == 1)
      let caller = try fixture.caller(session)
      #expect(caller.roles == ["support"] && caller.claims == ["team/42"])
      #expect(caller.uid == session.account.id && caller.sessionID != nil)
      #expect(try fixture.caller(other).roles == [])
      try await accounts.withdrawRole("support", from: session.account.id, by: nil)
      try await accounts.withdrawClaim("team/42", from: session.account.id, by: nil)
      #expect(try fixture.caller(session).roles == [])
      #expect(try fixture.caller(session).claims == [])
    }
  }

  @Test func grantingAndWithdrawingTwiceChangesNothing() async throws {
    try await AccountsFixture.run { fixture in
      let (accounts, id) = (fixture.accounts, try await fixture.register().account.id)
      for _ in 0..<2 { try await accounts.grantRole("musician", to: id, by: nil) }
      #expect(try await fixture.count("SELECT version FROM roost_grant_version") == 1)
      for _ in 0..<2 { try await accounts.withdrawRole("musician", from: id, by: nil) }
      #expect(try await fixture.count("SELECT version FROM roost_grant_version") == 2)
      #expect(accounts.directory.version == 2)
    }
  }

  @Test func grantsOutliveARestart() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      try await fixture.accounts.grantRole("admin", to: session.account.id, by: nil)
      try await fixture.accounts.grantClaim("x", to: session.account.id, by: nil)
      let restarted = try await fixture.restarted()
      let caller = try restarted.authenticate(session.accessToken.reveal())
      #expect(caller.roles == ["admin"] && caller.claims == ["x"])
      #expect(restarted.hasAdministrator)
      restarted.stop()
    }
  }

  @Test func whatAnotherProcessChangesIsNoticed() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.watchMilliseconds = 10
    try await AccountsFixture.run(configuration) { fixture in
      let session = try await fixture.register()
      let other = try await fixture.restarted()
      func waits(for roles: Set<String>) async throws -> Bool {
        for _ in 0..<3000 {
          if try self.roles(fixture, session) == roles { return true }
          try await Task.sleep(nanoseconds: 10_000_000)
        }
        return false
      }
      try await other.grantRole("support", to: session.account.id, by: nil)
      #expect(try await waits(for: ["support"]))
      try await other.withdrawRole("support", from: session.account.id, by: nil)
      #expect(try await waits(for: []))
      other.stop()
    }
  }

  @Test(
    "A session that another process ends is refused here, whatever its clock",
    arguments: [-100, 0, 500])
  func sessionsThatOthersEnd(pause: Double) async throws {
    try await AccountsFixture.run { fixture in
      let ended = try await fixture.register()
      let kept = try await fixture.anonymous()
      let caller = try fixture.caller(ended)
      let accounts = try await fixture.restarted()
      accounts.stop()
      let heard = Mutex<[AccountNews]>([])
      accounts.onNews { news in heard.withLock { $0.append(news) } }
      func isRefused(_ session: Session) -> Bool {
        (try? accounts.authenticate(session.accessToken.reveal())) == nil
      }
      // A clock that is behind, or a look that was long held up.
      if pause < 0 { fixture.time.jump(seconds: Int64(pause)) }
      try await fixture.accounts.logout(caller)
      if pause < 0 {
        fixture.time.jump(seconds: Int64(-pause))
      } else {
        fixture.time.pass(seconds: pause)
      }
      #expect(!isRefused(ended))
      try await accounts.hearOthers()
      #expect(isRefused(ended))
      #expect(!isRefused(kept))
      #expect(heard.withLock { $0 } == [.of(ended.account.id)])
      // What is known already is no news.
      try await accounts.hearOthers()
      #expect(heard.withLock { $0.count } == 1)
    }
  }

  @Test func aChangeAfterOneThatWasMissedReadsEverything() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.watchMilliseconds = 3_600_000
    try await AccountsFixture.run(configuration) { fixture in
      let (ada, bob) = (
        try await fixture.register(), try await fixture.register("bob@example.com")
      )
      let other = try await fixture.restarted()
      try await other.grantRole("support", to: ada.account.id, by: nil)
      #expect(try roles(fixture, ada) == [])
      try await fixture.accounts.grantRole("musician", to: bob.account.id, by: nil)
      #expect(try roles(fixture, ada) == ["support"])
      #expect(try roles(fixture, bob) == ["musician"])
      // One that changes nothing here looks as well.
      try await other.withdrawRole("support", from: ada.account.id, by: nil)
      try await fixture.accounts.withdrawRole("support", from: ada.account.id, by: nil)
      #expect(try roles(fixture, ada) == [])
      other.stop()
    }
  }

  @Test func anOlderReadDoesNotReplaceANewerOne() {
    let directory = RoleDirectory(roles: AccountsFixture.roles)
    let (ada, bob) = (UUID(high: 1, low: 1), UUID(high: 1, low: 2))
    directory.replace(with: .init(version: 4, grants: [ada: Grants(roles: ["support"])]))
    directory.replace(with: .init(version: 3, grants: [bob: Grants(roles: ["admin"])]))
    #expect(directory[ada] == Grants(roles: ["support"]) && directory[bob] == nil)
    #expect(directory.take(.init(version: 4, user: ada, grants: .none)))
    #expect(directory[ada] != nil)
    #expect(!directory.take(.init(version: 6, user: ada, grants: .none)))
    #expect(directory[ada] != nil)
    #expect(directory.take(.init(version: 5, user: ada, grants: .none)))
    #expect(directory[ada] == nil && directory.version == 5)
    #expect(directory.take(.init(version: 6, user: bob, grants: Grants(claims: ["x"]))))
    #expect(directory[bob] == Grants(claims: ["x"]) && !directory.hasAdministrator)
  }

  @Test func rolesThatTheSchemaDoesNotKnowAreIgnoredAndCanBeWithdrawn() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      let id = session.account.id
      try await fixture.accounts.grantRole("support", to: id, by: nil)
      try await fixture.accounts.grantRole("musician", to: id, by: nil)
      let narrow = try await fixture.restarted(roles: AppRoles(names: ["musician"]))
      #expect(narrow.roles.names == ["musician", "admin"])
      let caller = try narrow.authenticate(session.accessToken.reveal())
      #expect(caller.roles == ["musician"])
      #expect(try await narrow.person(id).grants.roles == ["musician"])
      let refusal = await fixture.refusal { try await narrow.grantRole("support", to: id, by: nil) }
      #expect(refusal?.code == .invalid && refusal?.issues.first?.code == "unknown_role")
      try await narrow.withdrawRole("support", from: id, by: nil)
      #expect(try await fixture.count("SELECT count(*) FROM roost_role_grant") == 1)
      let again = await fixture.refusal {
        try await narrow.withdrawRole("support", from: id, by: nil)
      }
      #expect(again?.code == .invalid)
      narrow.stop()
    }
  }

  @Test func theLastAdministratorStays() async throws {
    try await AccountsFixture.run { fixture in
      let accounts = fixture.accounts
      let ada = try await fixture.register().account.id
      let bob = try await fixture.register("bob@example.com").account.id
      func withdraw(_ role: String, _ id: UUID) async -> ErrorCode? {
        await fixture.refusal { try await accounts.withdrawRole(role, from: id, by: nil) }?.code
      }
      #expect(!accounts.hasAdministrator)
      #expect(await withdraw("admin", ada) == nil)
      try await accounts.grantRole("admin", to: ada, by: nil)
      #expect(accounts.hasAdministrator)
      #expect(await withdraw("admin", ada) == .conflict)
      #expect(accounts.grants(of: ada).roles == ["admin"])
      // Who inherits the role counts.
      try await accounts.grantRole("owner", to: bob, by: ada)
      #expect(await withdraw("admin", ada) == nil)
      #expect(await withdraw("owner", bob) == .conflict)
      try await accounts.grantRole("admin", to: bob, by: ada)
      #expect(await withdraw("owner", bob) == nil)
      #expect(await withdraw("admin", bob) == .conflict)
      #expect(accounts.isAdministrator(Caller(uid: bob, roles: ["owner"])))
      #expect(!accounts.isAdministrator(Caller(uid: bob, roles: ["support"])))
    }
  }

  @Test func twoAdministratorsThatWithdrawEachOtherLeaveOne() async throws {
    try await AccountsFixture.run { fixture in
      let accounts = fixture.accounts
      let ids = [
        try await fixture.register().account.id,
        try await fixture.register("bob@example.com").account.id,
      ]
      for id in ids { try await accounts.grantRole("admin", to: id, by: nil) }
      let refusals = await withTaskGroup(of: ErrorCode?.self) { group in
        for id in ids {
          group.addTask {
            await fixture.refusal { try await accounts.withdrawRole("admin", from: id, by: nil) }?
              .code
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(refusals.compactMap { $0 } == [.conflict])
      #expect(accounts.hasAdministrator)
      #expect(try await accounts.roleHolders(limit: 9).map(\.count) == [0, 0, 1, 0])
    }
  }

  @Test func anAnonymousAccountHoldsRolesButIsNoAdministrator() async throws {
    try await AccountsFixture.run { fixture in
      let id = try await fixture.anonymous().account.id
      try await fixture.accounts.grantRole("support", to: id, by: nil)
      for role in ["admin", "owner"] {
        let refusal = await fixture.refusal {
          try await fixture.accounts.grantRole(role, to: id, by: nil)
        }
        #expect(refusal?.code == .conflict)
      }
      #expect(fixture.accounts.grants(of: id).roles == ["support"])
    }
  }

  @Test func anUnknownAccountIsNotFound() async throws {
    try await AccountsFixture.run { fixture in
      let (accounts, id) = (fixture.accounts, UUID(high: 1, low: 1))
      for work: () async throws -> Void in [
        { try await accounts.grantRole("admin", to: id, by: nil) },
        { try await accounts.withdrawRole("admin", from: id, by: nil) },
        { try await accounts.grantClaim("x", to: id, by: nil) },
        { try await accounts.withdrawClaim("x", from: id, by: nil) },
        { _ = try await accounts.person(id) },
      ] {
        #expect(await fixture.refusal(work)?.code == .notFound)
      }
      let nobody = try await accounts.person(email: "nobody@example.com")
      #expect(nobody == nil)
    }
  }

  @Test(arguments: [
    ("x", true), (String(repeating: "x", count: 200), true),
    (String(repeating: "ü", count: 200), true), ("plan: gold / 2026 🎺", true), (" ", true),
    ("", false), (String(repeating: "x", count: 201), false), ("a\nb", false), ("a\u{0}", false),
    ("a\u{7F}", false), ("a\u{85}b", false),
  ])
  func aClaimIsBounded(_ claim: String, _ isTaken: Bool) async throws {
    try await AccountsFixture.run { fixture in
      let id = try await fixture.register().account.id
      let refusal = await fixture.refusal {
        try await fixture.accounts.grantClaim(claim, to: id, by: nil)
      }
      #expect((refusal == nil) == isTaken)
      #expect(refusal?.code ?? .invalid == .invalid)
      #expect(fixture.accounts.grants(of: id).claims == (isTaken ? [claim] : []))
    }
  }

  @Test func anAccountHasAtMostAHundredClaims() async throws {
    try await AccountsFixture.run { fixture in
      let (accounts, id) = (fixture.accounts, try await fixture.register().account.id)
      for number in 1...100 { try await accounts.grantClaim("\(number)", to: id, by: nil) }
      let refusal = await fixture.refusal { try await accounts.grantClaim("101", to: id, by: nil) }
      #expect(refusal?.issues.first?.code == "too_many")
      #expect(accounts.grants(of: id).claims.count == 100)
      // One that it has is no further one.
      try await accounts.grantClaim("7", to: id, by: nil)
      try await accounts.withdrawClaim("7", from: id, by: nil)
      try await accounts.grantClaim("101", to: id, by: nil)
      #expect(try await accounts.person(id).grants.claims.count == 100)
    }
  }

  @Test func anAccountThatEndsLosesItsGrants() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.anonymousLifetimeSeconds = 60
    configuration.sessionIdleSeconds = 60
    configuration.endedSessionSeconds = 0
    try await AccountsFixture.run(configuration) { fixture in
      let id = try await fixture.anonymous().account.id
      try await fixture.accounts.grantRole("musician", to: id, by: nil)
      fixture.time.pass(seconds: 200)
      try await fixture.accounts.removeEnded()
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count("SELECT count(*) FROM roost_role_grant") == 0)
      #expect(fixture.accounts.grants(of: id).isEmpty)
    }
  }
}
