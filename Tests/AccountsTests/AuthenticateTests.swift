import Cryptography
import Queries
import RoostCore
import Testing

@testable import Accounts

@Suite struct AuthenticateTests {
  private func detail(_ accounts: AccountStore, _ token: String) -> String? {
    do {
      _ = try accounts.authenticate(token)
      return nil
    } catch {
      return (error as? RoostError)?.detail
    }
  }

  @Test(arguments: [true, false])
  func aTokenIsValidForTenMinutesAndALittle(_ isCached: Bool) async throws {
    try await AccountsFixture.run { fixture in
      let token = try await fixture.register().accessToken.reveal()
      if isCached { _ = try fixture.accounts.authenticate(token) }
      fixture.time.pass(seconds: 604.9)
      #expect(detail(fixture.accounts, token) == nil)
      fixture.time.pass(seconds: 0.1)
      #expect(
        detail(fixture.accounts, token)
          == "The access token has expired: use POST /v1/auth/refresh.")
      #expect(
        detail(try await fixture.restarted(), token)
          == "The access token has expired: use POST /v1/auth/refresh.")
    }
  }

  @Test func everyAlteredCharacterIsNoticedThoughTheTokenIsCached() async throws {
    try await AccountsFixture.run { fixture in
      let token = Array(try await fixture.register().accessToken.reveal().utf8)
      _ = try fixture.accounts.authenticate(String(decoding: token, as: UTF8.self))
      for index in token.indices {
        var altered = token
        altered[index] = altered[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let refusal = detail(fixture.accounts, String(decoding: altered, as: UTF8.self))
        #expect(refusal == "The access token is not valid: sign in, or refresh it.", "at \(index)")
      }
      #expect(fixture.accounts.cache.count == 1)
    }
  }

  @Test(arguments: ["", "x", "a.b.c", String(repeating: "a", count: 100_000)])
  func whatIsNoTokenIsRefused(_ text: String) async throws {
    try await AccountsFixture.run { fixture in
      #expect(detail(fixture.accounts, text) != nil)
      let refresh = try await fixture.register().refreshToken.reveal()
      #expect(detail(fixture.accounts, refresh) != nil)
    }
  }

  @Test func aTokenOfAnotherServerIsRefused() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      let token = session.accessToken.reveal()
      for change in ["issuer", "audience"] {
        var configuration = fixture.configuration
        if change == "issuer" {
          configuration.issuer = "else"
        } else {
          configuration.audience = "else"
        }
        #expect(detail(try await fixture.restarted(configuration), token) != nil)
      }
      #expect(detail(try await fixture.restarted(), token) == nil)
    }
  }

  @Test func aTokenUnderAKeyThatIsNotOursIsRefused() async throws {
    try await AccountsFixture.run { fixture in
      let account = try await fixture.register().account
      let foreign = AccessTokens(configuration: fixture.configuration)
      foreign.use(["k": HMACKey([1])], activeID: "k")
      let token = try foreign.make(
        for: account, sessionID: .zero, now: fixture.time.now(), lifeSeconds: 600)
      #expect(detail(fixture.accounts, token) != nil)
      fixture.accounts.tokens.use(["k": HMACKey([1])], activeID: "k")
      #expect(detail(fixture.accounts, token) == nil)
    }
  }

  @Test func signingOutTakesEffectAtOnceAndSurvivesARestart() async throws {
    try await AccountsFixture.run { fixture in
      let left = try await fixture.register()
      let stays = try await fixture.login()
      let caller = try fixture.caller(left)
      try await fixture.accounts.logout(caller)
      let ended = "The session has ended: sign in again."
      #expect(detail(fixture.accounts, left.accessToken.reveal()) == ended)
      let restarted = try await fixture.restarted()
      #expect(detail(restarted, left.accessToken.reveal()) == ended)
      await #expect(throws: RoostError.self) { try await fixture.refresh(left) }
      // Again is no error, and the other session goes on.
      try await fixture.accounts.logout(caller)
      #expect(detail(restarted, stays.accessToken.reveal()) == nil)
      _ = try await fixture.refresh(stays)
    }
  }

  @Test func signingOutEverywhereEndsAllSessionsOfOneAccount() async throws {
    try await AccountsFixture.run { fixture in
      let mine = [try await fixture.register(), try await fixture.login()]
      let other = try await fixture.anonymous()
      try await fixture.accounts.logout(try fixture.caller(mine[0]), everywhere: true)
      for session in mine {
        #expect(throws: RoostError.self) { try fixture.caller(session) }
        await #expect(throws: RoostError.self) { try await fixture.refresh(session) }
      }
      _ = try fixture.caller(other)
      _ = try fixture.caller(try await fixture.login())
    }
  }

  @Test func nobodyCannotSignOut() async throws {
    try await AccountsFixture.run { fixture in
      let refusal = await fixture.refusal { try await fixture.accounts.logout(.everyone) }
      #expect(refusal?.code == .unauthenticated)
      let me = await fixture.refusal { _ = try await fixture.accounts.me(.everyone) }
      #expect(me?.code == .unauthenticated)
    }
  }

  @Test func revokedSessionsAreForgottenOnceTheirTokensHaveExpired() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      try await fixture.accounts.logout(try fixture.caller(session))
      // Setting the clock frees nothing.
      fixture.time.jump(seconds: 86_400)
      try await fixture.accounts.removeEnded()
      fixture.time.jump(seconds: -86_400)
      #expect(throws: RoostError.self) { try fixture.caller(session) }
      #expect(fixture.accounts.revoked.count == 1)
      // A token may have been given a longer life than those of today.
      fixture.time.pass(seconds: 606)
      try await fixture.accounts.removeEnded()
      #expect(fixture.accounts.revoked.count == 1)
      fixture.time.pass(seconds: 86_400)
      try await fixture.accounts.removeEnded()
      #expect(fixture.accounts.revoked.count == 0)
      #expect(throws: RoostError.self) { try fixture.caller(session) }
    }
  }

  @Test func aRevokedTokenStaysRevokedWhenTokensLiveShorterAfterARestart() async throws {
    var long = AccountsFixture.relaxed()
    long.accessTokenSeconds = AccountsConfiguration.longestAccessTokenSeconds
    try await AccountsFixture.run(long) { fixture in
      let ended = try await fixture.register()
      let lasting = try await fixture.login()
      try await fixture.accounts.logout(try fixture.caller(ended))
      fixture.time.pass(seconds: 3600)
      var short = fixture.configuration
      short.accessTokenSeconds = 60
      short.endedSessionSeconds = 0
      var restarted = try await fixture.restarted(short)
      let refusal = "The session has ended: sign in again."
      #expect(detail(restarted, ended.accessToken.reveal()) == refusal)
      #expect(detail(restarted, lasting.accessToken.reveal()) == nil)
      fixture.time.pass(seconds: 3600)
      try await restarted.removeEnded()
      #expect(detail(restarted, ended.accessToken.reveal()) == refusal)
      restarted = try await fixture.restarted(short)
      #expect(detail(restarted, ended.accessToken.reveal()) == refusal)
    }
  }

  @Test(arguments: [10, -10])
  func aClockThatJumpsSignsNobodyOut(_ years: Int64) async throws {
    try await AccountsFixture.run { fixture in
      var session = try await fixture.register()
      fixture.time.pass(seconds: 100)
      fixture.time.jump(seconds: years * 365 * 86_400)
      try await fixture.accounts.removeEnded()
      _ = try fixture.caller(session)
      session = try await fixture.refresh(session)
      _ = try fixture.caller(session)
      fixture.time.pass(seconds: 605)
      #expect(throws: RoostError.self) { try fixture.caller(session) }
      fixture.time.jump(seconds: -years * 365 * 86_400)
      session = try await fixture.refresh(session)
      _ = try fixture.caller(session)
    }
  }

  @Test func aStartWithAClockSetBackRefusesNewTokensButNoRefresh() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      fixture.time.jump(seconds: -10 * 365 * 86_400)
      let restarted = try await fixture.restarted()
      #expect(detail(restarted, session.accessToken.reveal()) != nil)
      let fresh = try await restarted.refresh(
        session.refreshToken.reveal(), from: AccountsFixture.client)
      #expect(detail(restarted, fresh.accessToken.reveal()) == nil)
    }
  }

  @Test func anOldKeyVerifiesForATokensLife() async throws {
    try await AccountsFixture.run { fixture in
      let old = try await fixture.register()
      fixture.time.pass(seconds: 1)
      try await fixture.accounts.rotateKey()
      let new = try await fixture.login()
      let header = { (session: Session) in
        String(session.accessToken.reveal().prefix { $0 != "." })
      }
      #expect(header(old) != header(new))
      let restarted = try await fixture.restarted()
      for token in [old.accessToken.reveal(), new.accessToken.reveal()] {
        #expect(detail(fixture.accounts, token) == nil)
        #expect(detail(restarted, token) == nil)
      }
      try await fixture.accounts.removeEnded()
      let keys: SQL = "SELECT count(*) FROM roost_key WHERE purpose = 'access'"
      #expect(try await fixture.count(keys) == 2)
      fixture.time.pass(seconds: 606)
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count(keys) == 1)
      _ = try fixture.caller(try await fixture.refresh(new))
    }
  }

  @Test func theCacheIsBoundedAndNeverWrong() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.cachedTokens = 16
    try await AccountsFixture.run(configuration) { fixture in
      var sessions: [Session] = []
      for _ in 0..<60 { sessions.append(try await fixture.anonymous()) }
      for _ in 0..<3 {
        for session in sessions {
          #expect(try fixture.caller(session).uid == session.account.id)
          #expect(try fixture.caller(session).uid == session.account.id)
        }
      }
      #expect(fixture.accounts.cache.count <= 16)
      #expect(fixture.accounts.cache.count >= 8)
    }
  }

  @Test func cursorsAreSignedUnderAKeyThatSurvivesARestart() async throws {
    try await AccountsFixture.run { fixture in
      let text = try fixture.accounts.cursorSigner().sign([1, 2], purpose: "list")
      let restarted = try await fixture.restarted()
      #expect(try restarted.cursorSigner().verify(text, purpose: "list") == [1, 2])
      let unstarted = AccountStore(database: fixture.database, ambient: Ambient())
      #expect(throws: RoostError.self) { try unstarted.cursorSigner() }
    }
  }
}
