import Cryptography
import Queries
import RoostCore
import Testing

@testable import Accounts

@Suite struct SignInTests {
  @Test func anAnonymousAccountIsMadeWithoutCredentials() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.anonymous()
      #expect(session.account.isAnonymous)
      #expect(session.account.email == nil)
      #expect(session.expiresInSeconds == 600)
      let caller = try fixture.caller(session)
      #expect(caller.uid == session.account.id)
      #expect(caller.isAnonymous)
      #expect(caller.roles.isEmpty)
      #expect(try await fixture.accounts.me(caller) == session.account)
      #expect(try await fixture.anonymous().account.id != session.account.id)
    }
  }

  @Test func aRegisteredAccountSignsInWithAnyCaseOfItsAddress() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register(" Ada@Example.COM ")
      #expect(session.account.email == "ada@example.com")
      #expect(!session.account.isAnonymous)
      let second = try await fixture.login("ADA@example.com")
      #expect(second.account == session.account)
      #expect(second.refreshToken.reveal() != session.refreshToken.reveal())
      #expect(try fixture.caller(second).sessionID != fixture.caller(session).sessionID)
      #expect(try !fixture.caller(second).isAnonymous)
    }
  }

  @Test func anAddressThatIsTakenIsAConflictWhateverItsCase() async throws {
    try await AccountsFixture.run { fixture in
      _ = try await fixture.register()
      let refusal = await fixture.refusal { _ = try await fixture.register("ADA@EXAMPLE.com") }
      #expect(refusal?.code == .conflict)
      #expect(refusal?.detail.contains("ada") == false)
      #expect(try await fixture.count("SELECT count(*) FROM roost_user") == 1)
      #expect(try await fixture.count("SELECT count(*) FROM roost_session") == 1)
      #expect(try await fixture.register("grace@example.com").account.email == "grace@example.com")
    }
  }

  @Test func registrationNamesEachFault() async throws {
    try await AccountsFixture.run { fixture in
      let refusal = await fixture.refusal {
        _ = try await fixture.accounts.register(
          email: "ada", password: "short", from: AccountsFixture.client)
      }
      #expect(refusal?.code == .invalid)
      #expect(refusal?.issues.map(\.pointer) == ["/email", "/password"])
      #expect(refusal?.issues.map(\.code) == ["format", "min_length"])
    }
  }

  /// Whatever is wrong, the answer is the same and a password was hashed for it.
  @Test(arguments: ["unknown@example.com", "ada@example.com", "imported@example.com", "no address"])
  func aRefusedSignInTellsNothing(_ email: String) async throws {
    try await AccountsFixture.run { fixture in
      _ = try await fixture.register()
      let accounts = fixture.accounts
      let id = fixture.accounts.ambient.newID()
      _ = try await fixture.database.write { transaction in
        try await accounts.importUser(id: id, email: "imported@example.com", in: transaction)
      }
      let salts = fixture.random.draws(of: 16)
      let refusal = await fixture.refusal { _ = try await fixture.login(email, "wrong password") }
      #expect(refusal?.code == .unauthenticated)
      #expect(refusal?.detail == "The e-mail address or the password is wrong.")
      #expect(refusal?.issues.isEmpty == true)
      #expect(refusal?.retryAfterSeconds == nil)
      // The dummy hash draws a salt; the account with a hash is checked against its own.
      let dummies = fixture.random.draws(of: 16) - salts
      #expect(dummies == (email == "ada@example.com" ? 0 : 1))
    }
  }

  @Test func passwordsAreComparedByteForByte() async throws {
    try await AccountsFixture.run { fixture in
      _ = try await fixture.register()
      for wrong in ["", AccountsFixture.password + " ", AccountsFixture.password.uppercased()] {
        let refusal = await fixture.refusal {
          _ = try await fixture.login("ada@example.com", wrong)
        }
        #expect(refusal?.code == .unauthenticated)
      }
      _ = try await fixture.login()
    }
  }

  @Test func aHashOfAnotherCostIsMadeAnewAtTheNextSignIn() async throws {
    try await AccountsFixture.run { fixture in
      _ = try await fixture.register()
      var configuration = fixture.configuration
      configuration.passwordCost = PasswordHash.Cost(memoryKB: 128, passes: 1, lanes: 1)
      let accounts = try await fixture.restarted(configuration)
      let costly: SQL =
        "SELECT count(*) FROM roost_user WHERE password_hash LIKE '$argon2id$v=19$m=128,%'"
      #expect(try await fixture.count(costly) == 0)
      for _ in 0..<2 {
        _ = try await accounts.login(
          email: "ada@example.com", password: AccountsFixture.password,
          from: AccountsFixture.client)
        #expect(try await fixture.count(costly) == 1)
      }
    }
  }

  @Test func aFullQueueOfPasswordsIsAnOverload() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.passwordThreads = 1
    configuration.passwordQueue = 1
    try await AccountsFixture.run(configuration) { fixture in
      _ = try await fixture.register()
      let gate = Gate()
      let pool = fixture.accounts.passwords
      let running = Task { try await pool.run { gate.pass() } }
      await gate.waitUntilEntered()
      let waiting = Task { try await fixture.login() }
      while pool.waiting < 1 { await Task.yield() }
      let refusal = await fixture.refusal { _ = try await fixture.login() }
      #expect(refusal?.code == .overloaded)
      #expect(refusal?.retryAfterSeconds == 1)
      gate.open()
      try await running.value
      #expect(try await waiting.value.account.email == "ada@example.com")
    }
  }

  @Test func anUpgradeKeepsTheIdAndEndsTheOldTokens() async throws {
    try await AccountsFixture.run { fixture in
      let anonymous = try await fixture.anonymous()
      let caller = try fixture.caller(anonymous)
      let upgraded = try await fixture.accounts.upgrade(
        caller, email: "Ada@example.com", password: AccountsFixture.password,
        from: AccountsFixture.client)
      #expect(upgraded.account.id == anonymous.account.id)
      #expect(upgraded.account.email == "ada@example.com")
      #expect(!upgraded.account.isAnonymous)
      #expect(try !fixture.caller(upgraded).isAnonymous)
      #expect(throws: RoostError.self) { try fixture.caller(anonymous) }
      await #expect(throws: RoostError.self) { try await fixture.refresh(anonymous) }
      #expect(try await fixture.login().account.id == anonymous.account.id)
      _ = try await fixture.refresh(upgraded)
    }
  }

  @Test func onlyAnAnonymousAccountIsUpgradedAndOnlyToAFreeAddress() async throws {
    try await AccountsFixture.run { fixture in
      func upgrade(_ caller: Caller, _ email: String, _ password: String) async -> RoostError? {
        await fixture.refusal {
          _ = try await fixture.accounts.upgrade(
            caller, email: email, password: password, from: AccountsFixture.client)
        }
      }
      let registered = try fixture.caller(try await fixture.register())
      let session = try await fixture.anonymous()
      let anonymous = try fixture.caller(session)
      let password = AccountsFixture.password
      #expect(await upgrade(.everyone, "new@example.com", password)?.code == .unauthenticated)
      #expect(await upgrade(registered, "new@example.com", password)?.code == .conflict)
      #expect(await upgrade(anonymous, "ada@example.com", password)?.code == .conflict)
      #expect(await upgrade(anonymous, "new@example.com", "short")?.code == .invalid)
      // Nothing of a refused upgrade stays: the session goes on, and a right one succeeds.
      #expect(try fixture.caller(session) == anonymous)
      #expect(await upgrade(anonymous, "new@example.com", password) == nil)
      // A caller known from before the upgrade is not anonymous any more.
      #expect(await upgrade(anonymous, "third@example.com", password)?.code == .conflict)
    }
  }

  @Test func theOldestSessionEndsWhenThereAreTooMany() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.sessionsPerAccount = 2
    try await AccountsFixture.run(configuration) { fixture in
      let first = try await fixture.register()
      fixture.time.pass(seconds: 1)
      let second = try await fixture.login()
      fixture.time.pass(seconds: 1)
      _ = try fixture.caller(first)
      let third = try await fixture.login()
      #expect(throws: RoostError.self) { try fixture.caller(first) }
      _ = try fixture.caller(second)
      _ = try fixture.caller(third)
    }
  }
}
