import RoostCore
import Schema
import Testing

@testable import SyncProtocol

@Suite struct ConflictTests {
  private let stored = FieldState(created: "theirs", at: .at(10, 2))

  @Test(arguments: [MergeRule.Strategy.userChoice, .reject, .serverWins])
  func whoMayNotSeeAValueIsNotToldThatTheyGuessedIt(_ strategy: MergeRule.Strategy) {
    var guess = FieldEdit(.set("theirs"), stamp: .at(20, 1), base: .none)
    #expect(MergeRule(strategy).merge(guess, into: stored).outcome == .applied)
    guess.isBlind = true
    let right = MergeRule(strategy).merge(guess, into: stored).outcome
    guess.operation = .set("another")
    #expect(MergeRule(strategy).merge(guess, into: stored).outcome == right)
    #expect(right != .applied)
  }
}
