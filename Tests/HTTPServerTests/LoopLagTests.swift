import Testing

@testable import HTTPServer

@Suite("The lag of a loop")
struct LoopLagTests {
  private static let ms: UInt64 = 1_000_000

  /// A look at the sockets: when it returned, since when it may have slept (nil where it has not), how
  /// many events it showed, and how old the kernel says their input is; all in milliseconds.
  struct Look: Sendable {
    var woken: UInt64
    var asked: UInt64?
    var count: Int
    var age: UInt64 = 0
  }

  @Test(
    arguments: [
      (
        "who comes while the loop sleeps is served at once",
        [Look(woken: 100, asked: 10, count: 1)], 0
      ),
      (
        "who comes while it works waits for the others of that look",
        [Look(woken: 100, asked: 10, count: 10), Look(woken: 200, count: 10)], 90
      ),
      (
        "who asks again as soon as it is answered waits for nobody",
        [Look(woken: 100, asked: 10, count: 1), Look(woken: 200, asked: 200, count: 1)], 0
      ),
      (
        "where a look did not show all, some wait since the one before",
        [Look(woken: 100, asked: 10, count: 256), Look(woken: 200, count: 256)], 100
      ),
      (
        "where no look shows all, the kernel is asked since when",
        [
          Look(woken: 100, asked: 10, count: 256), Look(woken: 200, count: 256, age: 100),
          Look(woken: 300, count: 256, age: 170), Look(woken: 400, count: 256, age: 130),
        ], 130
      ),
      (
        "a pause that looks like a sleep is told by the age of the input",
        [Look(woken: 100, asked: 10, count: 200, age: 80)], 80
      ),
      (
        "those who came in the pause may be shown after it",
        [
          Look(woken: 100, asked: 10, count: 2, age: 80),
          Look(woken: 101, asked: 101, count: 200, age: 81),
        ], 81
      ),
      (
        "a few are not asked about",
        [Look(woken: 100, asked: 10, count: 4, age: 80)], 0
      ),
      (
        "many clients that come at once are served at once",
        [Look(woken: 100, asked: 10, count: 200, age: 1)], 0
      ),
      (
        "old input is no news where the loop has not slept",
        [Look(woken: 100, asked: 99, count: 10), Look(woken: 110, count: 10, age: 80)], 9
      ),
    ] as [(String, [Look], UInt64)])
  func waits(what: String, looks: [Look], wait: UInt64) throws {
    var lag = LoopLag()
    for look in looks {
      lag.note(
        woken: look.woken * LoopLagTests.ms, asked: look.asked.map { $0 * LoopLagTests.ms },
        count: look.count
      ) { look.age * LoopLagTests.ms }
    }
    let last = try #require(looks.last).woken * LoopLagTests.ms
    #expect(last - lag.arrivedNanoseconds == wait * LoopLagTests.ms, "\(what)")
  }

  @Test(arguments: [
    (Look(woken: 100, asked: 99, count: 1), true), (Look(woken: 100, asked: 99, count: 4), true),
    // Many have come in a pause.
    (Look(woken: 100, asked: 10, count: 5), false), (Look(woken: 100, asked: 100, count: 1), false),
    (Look(woken: 100, count: 1), false),
  ])
  func aLoopRestsWhereItWaitsForFew(look: Look, rests: Bool) {
    var lag = LoopLag()
    lag.note(
      woken: look.woken * LoopLagTests.ms, asked: look.asked.map { $0 * LoopLagTests.ms },
      count: look.count
    ) { 0 }
    #expect(lag.hasRested == rests)
  }

  @Test func turnsWithoutEventsCountAsWell() {
    var lag = LoopLag()
    lag.note(woken: 100, asked: nil, count: 1) { 0 }
    lag.noteTurns(3)
    lag.note(woken: 200, asked: nil, count: 1) { 0 }
    #expect(lag.arrivedNanoseconds == 125)
  }
}
