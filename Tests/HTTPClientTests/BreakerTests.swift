import HTTPClient
import Testing

@Suite("The breaker")
struct BreakerTests {
  private func opened() -> Breaker {
    var breaker = Breaker()
    for time in 0..<10 { breaker.record(.failure, isProbe: false, at: Int64(time)) }
    return breaker
  }

  @Test(
    "It opens when half of the last requests failed, and not before",
    arguments: [
      (0, 10, true), (0, 9, false), (5, 5, true), (6, 5, false), (6, 6, true), (25, 24, false),
      (25, 25, true),
    ])
  func opens(_ successes: Int, _ failures: Int, _ isOpen: Bool) {
    var breaker = Breaker()
    for _ in 0..<successes { breaker.record(.success, isProbe: false, at: 0) }
    for _ in 0..<failures { breaker.record(.failure, isProbe: false, at: 0) }
    #expect(breaker.state == (isOpen ? .open : .closed))
  }

  @Test("It looks at the last fifty requests alone")
  func forgets() {
    var breaker = Breaker()
    for _ in 0..<200 { breaker.record(.success, isProbe: false, at: 0) }
    for _ in 0..<24 { breaker.record(.failure, isProbe: false, at: 0) }
    #expect(breaker.state == .closed)
    breaker.record(.failure, isProbe: false, at: 0)
    #expect(breaker.state == .open)
  }

  @Test("Open, it lets nothing through until its time, and then one request")
  func probes() {
    var breaker = opened()
    #expect(breaker.admit(at: 10) == .wait(milliseconds: 4999))
    #expect(breaker.admit(at: 5009) == .probe)
    #expect(breaker.state == .halfOpen)
    #expect(breaker.admit(at: 5010) == .wait(milliseconds: 1000))
    breaker.record(.success, isProbe: true, at: 5020)
    #expect(breaker.state == .closed)
    #expect(breaker.admit(at: 5021) == .go)
  }

  @Test("A probe that fails opens it for twice as long, up to five minutes")
  func doubles() {
    var breaker = opened()
    var now: Int64 = 5009
    for expected: Int64 in [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] {
      #expect(breaker.admit(at: now) == .probe)
      breaker.record(.failure, isProbe: true, at: now)
      #expect(breaker.admit(at: now) == .wait(milliseconds: expected))
      now += expected
    }
  }

  @Test("Credentials that are not accepted open it at once")
  func credentials() {
    var breaker = Breaker()
    breaker.record(.credentials, isProbe: false, at: 0)
    #expect(breaker.state == .open)
    #expect(breaker.refusesCredentials)
    // A probe that fails otherwise is another reason.
    #expect(breaker.admit(at: 5000) == .probe)
    breaker.record(.failure, isProbe: true, at: 5001)
    #expect(!breaker.refusesCredentials)
  }

  @Test("What says nothing about the target changes nothing")
  func neutral() {
    var breaker = Breaker()
    for _ in 0..<100 { breaker.record(.neutral, isProbe: false, at: 0) }
    #expect(breaker.state == .closed)
    breaker = opened()
    #expect(breaker.admit(at: 6000) == .probe)
    breaker.record(.neutral, isProbe: true, at: 6001)
    #expect(breaker.admit(at: 6001) == .probe)
  }

  @Test("A probe of which nothing is heard makes room for another one")
  func lostProbe() {
    var breaker = opened()
    #expect(breaker.admit(at: 6000) == .probe)
    #expect(breaker.admit(at: 125_999) == .wait(milliseconds: 1))
    #expect(breaker.admit(at: 126_000) == .probe)
  }

  @Test("It waits as long as the target asks for, within its bound")
  func floors() {
    var breaker = Breaker()
    for _ in 0..<10 {
      breaker.record(.failure, isProbe: false, at: 0, floorMilliseconds: 60_000)
    }
    #expect(breaker.admit(at: 0) == .wait(milliseconds: 60_000))
    breaker = Breaker()
    breaker.record(.credentials, isProbe: false, at: 0, floorMilliseconds: .max)
    #expect(breaker.admit(at: 0) == .wait(milliseconds: 300_000))
  }

  @Test("Answers that were under way when it opened change nothing")
  func stragglers() {
    var breaker = opened()
    breaker.record(.success, isProbe: false, at: 20)
    breaker.record(.failure, isProbe: false, at: 21)
    #expect(breaker.state == .open)
    #expect(breaker.admit(at: 5009) == .probe)
  }
}
