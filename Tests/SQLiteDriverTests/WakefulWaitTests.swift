import Testing

@testable import SQLiteDriver

/// When the writer looks for its next work before it sleeps.
@Suite struct WakefulWaitTests {
  @Test func `it looks on after one write that came soon, and no longer`() {
    var wait = WakefulWait(processors: 2)
    #expect(!wait.isDue)
    wait.learn(nanoseconds: 90_000, writes: 1)
    #expect(wait.isDue)
    wait.learn(nanoseconds: WakefulWait.limit, writes: 1)
    #expect(!wait.isDue)
    wait.learn(nanoseconds: 0, writes: 2)
    #expect(!wait.isDue)
    wait.learn(nanoseconds: 10_000, writes: 1)
    #expect(wait.isDue)
    wait.learn(nanoseconds: 10_000, writes: 0)
    #expect(!wait.isDue)
  }

  @Test func `looking ends with work, and without`() {
    var looks = 0
    WakefulWait.look(from: WakefulWait.now()) {
      looks += 1
      return looks == 3
    }
    #expect(looks <= 3)
    let start = WakefulWait.now()
    WakefulWait.look(from: start) { false }
    #expect(WakefulWait.now() - start >= WakefulWait.limit)
  }

  @Test func `on one processor it never does`() {
    var wait = WakefulWait(processors: 1)
    wait.learn(nanoseconds: 0, writes: 1)
    #expect(!wait.isDue)
  }
}
