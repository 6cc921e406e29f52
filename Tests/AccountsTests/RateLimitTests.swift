import RoostCore
import Testing

@testable import Accounts

@Suite struct RateLimitTests {
  private func seconds(_ limiter: RateLimiter, _ key: String) -> Int? {
    do {
      try limiter.take(key)
      return nil
    } catch {
      return (error as? RoostError)?.retryAfterSeconds
    }
  }

  @Test func aBurstPassesThenOneEachInterval() {
    let time = TestTime()
    let limiter = RateLimiter(
      Rate(count: 5, seconds: 60, burst: 10), capacity: 100, time: time)
    for _ in 0..<10 { #expect(seconds(limiter, "a") == nil) }
    #expect(seconds(limiter, "a") == 12)
    #expect(seconds(limiter, "b") == nil)
    time.pass(seconds: 11.5)
    #expect(seconds(limiter, "a") == 1)
    time.pass(seconds: 0.5)
    #expect(seconds(limiter, "a") == nil)
    #expect(seconds(limiter, "a") == 12)
    // A minute lets five through, and rest gives the whole burst back.
    time.pass(seconds: 60)
    for _ in 0..<5 { #expect(seconds(limiter, "a") == nil) }
    #expect(seconds(limiter, "a") != nil)
    time.pass(seconds: 120)
    for _ in 0..<10 { #expect(seconds(limiter, "a") == nil) }
    #expect(seconds(limiter, "a") != nil)
  }

  @Test(arguments: [
    ("600 per minute", Rate(count: 600, seconds: 60, burst: 600)),
    ("600 per minute, burst 100", Rate(count: 600, seconds: 60, burst: 100)),
    ("1 per day", Rate(count: 1, seconds: 86_400, burst: 1)),
    ("1000000000 per second", Rate(count: 1_000_000_000, seconds: 1, burst: 1_000_000_000)),
  ]) func ratesAreRead(text: String, rate: Rate) { #expect(Rate(text) == rate) }

  @Test(arguments: [
    "", "600", "600/minute", "0 per minute", "-1 per minute", "600 per week", "many per minute",
    "600 per minute burst 100", "600 per minute, burst 0", "600 per minute, burst",
    "600 per minute, burst 100 or so", "1e3 per minute", "99999999999999999999 per second",
    // It would take millions of years to come back, and no number holds it.
    "1 per day, burst 1000000000",
  ]) func whatIsNoRateIsRefused(text: String) { #expect(Rate(text) == nil) }

  @Test func whatIsLeftIsTold() {
    let time = TestTime()
    let limiter = RateLimiter(Rate(count: 6, seconds: 60, burst: 3), capacity: 100, time: time)
    typealias Standing = RateLimiter.Standing
    #expect(limiter.count("a") == Standing(waitSeconds: nil, remaining: 2, resetSeconds: 10))
    #expect(limiter.count("a") == Standing(waitSeconds: nil, remaining: 1, resetSeconds: 20))
    #expect(limiter.count("a") == Standing(waitSeconds: nil, remaining: 0, resetSeconds: 30))
    #expect(limiter.count("a") == Standing(waitSeconds: 10, remaining: 0, resetSeconds: 30))
    time.pass(seconds: 10)
    #expect(limiter.count("a") == Standing(waitSeconds: nil, remaining: 0, resetSeconds: 30))
    time.pass(seconds: 30)
    #expect(limiter.count("a") == Standing(waitSeconds: nil, remaining: 2, resetSeconds: 10))
    #expect(Rate(count: 6, seconds: 60, burst: 3).refillSeconds == 30)
  }

  @Test func refusedAttemptsDoNotProlongTheWait() {
    let time = TestTime()
    let limiter = RateLimiter(Rate(count: 1, seconds: 10, burst: 1), capacity: 100, time: time)
    #expect(seconds(limiter, "a") == nil)
    for _ in 0..<50 { #expect(seconds(limiter, "a") == 10) }
    time.pass(seconds: 10)
    #expect(seconds(limiter, "a") == nil)
  }

  @Test func settingTheWallClockChangesNothing() {
    let time = TestTime()
    let limiter = RateLimiter(Rate(count: 1, seconds: 10, burst: 1), capacity: 100, time: time)
    #expect(seconds(limiter, "a") == nil)
    time.jump(seconds: 1_000_000)
    #expect(seconds(limiter, "a") == 10)
    time.jump(seconds: -2_000_000)
    #expect(seconds(limiter, "a") == 10)
  }

  @Test func aFloodOfKeysStaysBoundedAndFreesNobody() {
    let time = TestTime()
    let limiter = RateLimiter(Rate(count: 1, seconds: 60, burst: 3), capacity: 100, time: time)
    for _ in 0..<3 { #expect(seconds(limiter, "offender") == nil) }
    for number in 0..<10_000 { #expect(seconds(limiter, "key \(number)") == nil) }
    #expect(limiter.count <= 100)
    #expect(seconds(limiter, "offender") == 60)
  }

  @Test(arguments: [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"),
    ("2001:db8::1", "20:1:d:b8:0:0:0:0/64"), ("2001:db8::ffff:1", "20:1:d:b8:0:0:0:0/64"),
    ("2001:db8:0:1::1", "20:1:d:b8:0:0:0:1/64"), ("unix", "unix"), ("", ""),
  ])
  func anAddressIsLimitedByItsNetwork(_ address: String, _ key: String) {
    #expect(ClientAddress(address).networkKey == key)
  }

  @Test func aLongUserAgentIsCut() {
    #expect(
      ClientAddress("a", userAgent: String(repeating: "x", count: 999)).userAgent?.count == 200)
    #expect(ClientAddress("a", userAgent: "curl").userAgent == "curl")
  }

  /// The limits of a fresh configuration, each by its own attempts: how many pass, then the wait.
  @Test(arguments: [
    ("login", 10, 12), ("register", 30, 2), ("anonymous", 10, 360), ("refresh", 60, 1),
  ])
  func eachDoorHasItsLimit(_ door: String, _ count: Int, _ wait: Int) async throws {
    var configuration = AccountsConfiguration()
    configuration.passwordCost = AccountsFixture.relaxed().passwordCost
    try await AccountsFixture.run(configuration) { fixture in
      func attempt(_ address: String = "192.0.2.1") async -> RoostError? {
        let client = ClientAddress(address)
        return await fixture.refusal {
          switch door {
          case "login":
            _ = try await fixture.accounts.login(email: "a@b.example", password: "x", from: client)
          case "register":
            _ = try await fixture.accounts.register(email: "a", password: "x", from: client)
          case "anonymous": _ = try await fixture.accounts.anonymous(from: client)
          default: _ = try await fixture.accounts.refresh("x", from: client)
          }
        }
      }
      for _ in 0..<count { #expect(await attempt()?.code != .rateLimited) }
      let refusal = await attempt()
      #expect(refusal?.code == .rateLimited)
      #expect(refusal?.retryAfterSeconds == wait)
      // An account is limited wherever the attempts come from, an address whatever it asks for.
      #expect((await attempt("192.0.2.2")?.code == .rateLimited) == (door == "login"))
      fixture.time.pass(seconds: Double(wait))
      #expect(await attempt()?.code != .rateLimited)
    }
  }
}
