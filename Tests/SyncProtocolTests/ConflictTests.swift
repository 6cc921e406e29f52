import RoostCore
import Schema
import Testing

@testable import SyncProtocol

@Suite struct ConflictTests {
  private let stored = FieldState(created: "theirs", at: .at(10, 2))

  private func conflict() throws -> FieldConflict {
    let edit = FieldEdit(.set("mine"), stamp: .at(9), base: .none)
    let merged = MergeRule(.userChoice).merge(edit, into: stored)
    #expect(merged == Merged(state: stored, outcome: .conflict))
    return try #require(FieldConflict(edit, against: merged.state))
  }

  @Test(arguments: [
    (ConflictChoice.theirs, JSON.string("theirs")), (.mine, "mine"), (.value("both"), "both"),
  ]) func aPersonChoosesOnce(_ choice: ConflictChoice, _ value: JSON) throws {
    var conflict = try conflict()
    guard case .resolved(let state) = conflict.resolve(choice, stored: stored, stamp: .at(8, 3))
    else {
      Issue.record("not resolved")
      return
    }
    #expect(state.value == value)
    // A new value has a stamp of its own, also where the clock of the one who chose is behind.
    #expect((state.clocks.stamp == stored.clocks.stamp) == (choice == .theirs))
    conflict.isOpen = false
    #expect(conflict.resolve(choice, stored: state, stamp: .at(20)) == .closed)
  }

  @Test func whatWasNotShownIsNotOverwritten() throws {
    let conflict = try conflict()
    let newer = MergeRule(.userChoice).merge(
      FieldEdit(.set("newer"), stamp: .at(12, 2), base: .stamp(.at(10, 2))), into: stored
    ).state
    guard case .outdated(let shown) = conflict.resolve(.mine, stored: newer, stamp: .at(20)) else {
      Issue.record("not outdated")
      return
    }
    #expect(shown == FieldConflict(theirs: "newer", theirsStamp: .at(12, 2), mine: "mine"))
    guard case .resolved(let state) = shown.resolve(.mine, stored: newer, stamp: .at(20)) else {
      Issue.record("not resolved")
      return
    }
    #expect(state.value == "mine")
  }

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
