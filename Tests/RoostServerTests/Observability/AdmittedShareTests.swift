import Testing

@testable import RoostServer

@Suite("The admitted share")
struct AdmittedShareTests {
  private static let ms: UInt64 = 1_000_000

  /// How many of a thousand are let in within a microsecond.
  private func admitted(_ share: AdmittedShare, at now: UInt64) -> Int {
    (0..<1000).count { share.admits(at: now + UInt64($0)) }
  }

  /// A share in whose loops' turns of 100 ms `isRested` said whether there was rest, and the time then.
  private func turns(_ count: Int, isRested: Bool) -> (AdmittedShare, now: UInt64) {
    let share = AdmittedShare()
    var now = 5000 * AdmittedShareTests.ms
    share.adjust(at: now)
    for _ in 0..<count {
      now += 100 * AdmittedShareTests.ms
      if isRested { share.rested() }
      share.adjust(at: now)
    }
    return (share, now)
  }

  @Test func loopsThatNeverRestAreLeftLessToDoButNotNothing() {
    let (few, soon) = turns(5, isRested: false)
    #expect((130...230).contains(admitted(few, at: soon)))
    let (least, late) = turns(50, isRested: false)
    #expect((8...24).contains(admitted(least, at: late)))
  }

  /// How many of ten thousand that are late are let in.
  private func lateAdmitted(_ share: AdmittedShare, at now: UInt64) -> Int {
    (0..<10_000).count { share.admitsLate(at: now + UInt64($0)) }
  }

  @Test func ofThoseWhoAreLateFewerAreLetInTheLongerNothingRests() {
    let (calm, then) = turns(10, isRested: true)
    #expect((280...345).contains(lateAdmitted(calm, at: then)))  // one in 32
    let (least, late) = turns(50, isRested: false)
    #expect((90...145).contains(lateAdmitted(least, at: late)))  // one in 85, and never nobody
  }

  @Test func loopsThatRestAreGivenAll() {
    let (share, now) = turns(10, isRested: true)
    #expect(share.isWhole)
    #expect(admitted(share, at: now) == 1000)
  }

  @Test func afterAFloodAllAreLetInWithinTwoSeconds() {
    var (share, now) = turns(50, isRested: false)
    for number in 1...20 {
      now += 100 * AdmittedShareTests.ms
      share.rested()
      share.adjust(at: now)
      // But not at once: a rest or two are part of a flood that is held.
      if number <= 8 { #expect(admitted(share, at: now) < 100) }
    }
    #expect(share.isWhole)
  }

  @Test func theSameRequestIsAnsweredTheSame() {
    let (share, now) = turns(5, isRested: false)
    for later in 0..<100 as Range<UInt64> {
      #expect(share.admits(at: now + later) == share.admits(at: now + later))
    }
  }

  @Test func afterASilenceItBeginsAnew() {
    let (share, now) = turns(50, isRested: false)
    let later = now + 1000 * AdmittedShareTests.ms
    share.adjust(at: later)
    #expect((700...800).contains(admitted(share, at: later)))
  }

  /// A process with 25 ms of each 100, 10 µs for a refusal and 58 for an answer, and clients who wait
  /// until they are answered: it serves most of what it can beside the refusals, and nobody is left.
  @Test(arguments: [600, 900, 1300, 2000])
  func aShareOfAProcessorIsUsedWell(asked: Int) {
    let share = AdmittedShare()
    let turn = 25_000
    var (now, waiting, taken, longest) = (5000 * AdmittedShareTests.ms, 0, 0, 0)
    for number in 0..<300 {
      waiting += asked
      var left = turn
      while waiting > 0, left > 0 {
        waiting -= 1
        now += 1000
        share.adjust(at: now)
        let isAdmitted = share.admits(at: now)
        left -= isAdmitted ? 58 : 10
        if isAdmitted, number >= 100 { taken += 1 }
      }
      if waiting == 0, left > 0 { share.rested() }
      if number >= 100 { longest = max(longest, waiting) }
      now = UInt64(5000 + (number + 1) * 100) * AdmittedShareTests.ms
    }
    let best = min(asked, (turn - asked * 10) / 48)
    #expect(taken >= 200 * best * 6 / 10, "\(taken / 200) of \(best) a turn")
    #expect(longest <= asked, "\(longest) were left")
  }
}
