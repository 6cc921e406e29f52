import Cryptography
import Queries
import RoostCore
import Testing

@testable import Accounts

@Suite struct RefreshTests {
  @Test func aRefreshGivesANewPairOfTheSameSession() async throws {
    try await AccountsFixture.run { fixture in
      let first = try await fixture.register()
      fixture.time.pass(seconds: 700)
      #expect(throws: RoostError.self) { try fixture.caller(first) }
      let second = try await fixture.refresh(first)
      #expect(second.account == first.account)
      #expect(second.refreshToken.reveal() != first.refreshToken.reveal())
      let caller = try fixture.caller(second)
      #expect(caller.uid == first.account.id)
      let third = try await fixture.refresh(second)
      #expect(try fixture.caller(third).sessionID == caller.sessionID)
      #expect(try await fixture.count("SELECT count(*) FROM roost_session") == 1)
    }
  }

  @Test func onlyTheDigestOfARefreshTokenIsStored() async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      let token = try #require(RefreshToken(session.refreshToken.reveal()))
      let bytes = try #require(Base64.decode(session.refreshToken.reveal()))
      let stored = try await fixture.database.read(.statement) { reader in
        try await reader.first("SELECT refresh_hash FROM roost_session") { $0.blob(0) }
      }
      #expect(stored == token.digest)
      #expect(stored == SHA256.digest(Array(bytes[16...])))
      #expect(bytes.count == 48)
    }
  }

  @Test func aLostAnswerIsForgivenOnce() async throws {
    try await AccountsFixture.run { fixture in
      let first = try await fixture.register()
      _ = try await fixture.refresh(first)
      let again = try await fixture.refresh(first)
      // The session goes on with the answer that arrived.
      let next = try await fixture.refresh(again)
      _ = try fixture.caller(next)
      // And another answer may be lost later.
      _ = try await fixture.refresh(next)
      _ = try await fixture.refresh(next)
    }
  }

  /// Each way of showing a token that is neither current nor the one before for the first time.
  @Test(arguments: ["thrice", "two back", "the lost one", "forged"])
  func anOlderTokenEndsTheSession(_ way: String) async throws {
    try await AccountsFixture.run { fixture in
      let other = try await fixture.anonymous()
      let first = try await fixture.register()
      let second = try await fixture.refresh(first)
      var latest = second
      var shown = first.refreshToken.reveal()
      switch way {
      case "thrice": latest = try await fixture.refresh(first)
      case "two back": latest = try await fixture.refresh(second)
      case "the lost one":
        latest = try await fixture.refresh(first)
        shown = second.refreshToken.reveal()
      default:
        var bytes = try #require(Base64.decode(shown))
        bytes[40] ^= 1
        shown = Base64.encode(bytes)
      }
      _ = try fixture.caller(latest)
      let refusal = await fixture.refusal {
        _ = try await fixture.accounts.refresh(shown, from: AccountsFixture.client)
      }
      #expect(refusal?.code == .unauthenticated)
      #expect(refusal?.detail.contains("used before") == true)
      // The whole family has ended: the newest tokens too, at once and after a restart.
      #expect(throws: RoostError.self) { try fixture.caller(latest) }
      await #expect(throws: RoostError.self) { try await fixture.refresh(latest) }
      let restarted = try await fixture.restarted()
      #expect(throws: RoostError.self) {
        try restarted.authenticate(latest.accessToken.reveal())
      }
      // Nobody else is touched.
      _ = try fixture.caller(other)
      _ = try await fixture.refresh(other)
    }
  }

  @Test func reuseIsNoticedAfterARestart() async throws {
    try await AccountsFixture.run { fixture in
      let first = try await fixture.register()
      let second = try await fixture.refresh(first)
      _ = try await fixture.refresh(second)
      let restarted = try await fixture.restarted()
      let refusal = await fixture.refusal {
        _ = try await restarted.refresh(
          first.refreshToken.reveal(), from: AccountsFixture.client)
      }
      #expect(refusal?.detail.contains("used before") == true)
    }
  }

  /// Two of one token are the current one and the one before it; then the last answer counts.
  @Test func twoRefreshesAtOnceLeaveOneThatGoesOn() async throws {
    try await AccountsFixture.run { fixture in
      let first = try await fixture.register()
      async let left = fixture.refresh(first)
      async let right = fixture.refresh(first)
      let answers = try await [left, right]
      #expect(answers[0].refreshToken.reveal() != answers[1].refreshToken.reveal())
      let stored = try await fixture.database.read(.statement) { reader in
        try await reader.first("SELECT refresh_hash FROM roost_session") { $0.blob(0) }
      }
      let current = answers.filter {
        RefreshToken($0.refreshToken.reveal())?.digest == stored
      }
      #expect(current.count == 1)
      _ = try await fixture.refresh(try #require(current.first))
    }
  }

  @Test func ofManyRefreshesAtOnceTwoAreAnsweredAndTheSessionEnds() async throws {
    try await AccountsFixture.run { fixture in
      let first = try await fixture.register()
      let answered = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<20 {
          group.addTask { await fixture.refusal { _ = try await fixture.refresh(first) } == nil }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(answered == 2)
      #expect(throws: RoostError.self) { try fixture.caller(first) }
    }
  }

  @Test(arguments: [
    (30 * 86_400 - 1, true), (30 * 86_400, false), (31 * 86_400, false),
  ])
  func aSessionEndsWhenItIsIdleForThirtyDays(_ seconds: Int, _ isAlive: Bool) async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      fixture.time.pass(seconds: Double(seconds))
      let refusal = await fixture.refusal { _ = try await fixture.refresh(session) }
      #expect(refusal?.code == (isAlive ? nil : .unauthenticated))
    }
  }

  @Test func aSessionInUseEndsAfterHalfAYear() async throws {
    try await AccountsFixture.run { fixture in
      var session = try await fixture.register()
      for _ in 0..<7 {
        fixture.time.pass(seconds: 25 * 86_400)
        session = try await fixture.refresh(session)
      }
      fixture.time.pass(seconds: 5 * 86_400 - 120)
      // The last access token does not outlive the session.
      session = try await fixture.refresh(session)
      #expect(session.expiresInSeconds == 120)
      fixture.time.pass(seconds: 121)
      await #expect(throws: RoostError.self) { try await fixture.refresh(session) }
      #expect(throws: Never.self) { try fixture.caller(session) }
      fixture.time.pass(seconds: 5)
      #expect(throws: RoostError.self) { try fixture.caller(session) }
    }
  }

  @Test(arguments: ["", "x", String(repeating: "A", count: 64), String(repeating: "!", count: 64)])
  func aTokenThatIsNoneIsRefused(_ text: String) async throws {
    try await AccountsFixture.run { fixture in
      let session = try await fixture.register()
      for text in [text, session.refreshToken.reveal() + "A", session.accessToken.reveal()] {
        let refusal = await fixture.refusal {
          _ = try await fixture.accounts.refresh(text, from: AccountsFixture.client)
        }
        #expect(refusal?.code == .unauthenticated)
        #expect(refusal?.detail.contains("used before") == false)
      }
      _ = try await fixture.refresh(session)
    }
  }
}
