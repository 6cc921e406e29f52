import RoostCore
import Schema
import Testing

@testable import SyncProtocol

/// What a client shows is what the server makes of the same edits, where nobody else writes.
@Suite struct FoldTests {
  static func operation(
    _ strategy: MergeRule.Strategy, _ dice: inout Dice
  ) -> FieldOperation {
    let number = JSON.int(Int64(dice.roll(0...9)))
    switch strategy {
    case .counter: return .increment(number)
    case .setUnion, .append:
      return .edit(add: [number], remove: dice.chance(0.3) ? [.int(Int64(dice.roll(0...9)))] : [])
    case .mergeDeep:
      return .set(.object([dice.pick(["a", "b"]): dice.chance(0.2) ? .null : number]))
    default: return .set(number)
    }
  }

  static func start(_ strategy: MergeRule.Strategy) -> JSON {
    switch strategy {
    case .setUnion, .append: [1, 2]
    case .mergeDeep: ["a": ["b": 1]]
    default: 1
    }
  }

  @Test(arguments: MergeRule.Strategy.allCases)
  func pendingOverSyncedIsWhatTheServerMakes(_ strategy: MergeRule.Strategy) {
    let rule = MergeRule(strategy, staleAfterMilliseconds: 100)
    for seed in 0..<200 {
      var dice = Dice(seed)
      let synced = FieldState(created: Self.start(strategy), at: .at(5, 9))
      var pending: [FieldEdit] = []
      for step in 0...dice.roll(0...5) {
        pending.append(
          FieldEdit(Self.operation(strategy, &dice), stamp: .at(10 + step), receivedAt: 1000))
      }
      let shown = rule.fold(pending, over: synced)
      // The server compares: each edit names the value of the last commit, which the ones before it
      // in the queue have replaced by now.
      let server = rule.fold(
        pending.map { edit in
          var edit = edit
          edit.base = .stamp(synced.clocks.stamp)
          return edit
        }, over: synced)
      #expect(SameValue.test(server.value, shown.value), "seed \(seed): \(pending)")
    }
  }

  @Test(arguments: MergeRule.Strategy.allCases)
  func oneByOneIsAllAtOnce(_ strategy: MergeRule.Strategy) {
    let rule = MergeRule(strategy)
    for seed in 0..<100 {
      var dice = Dice(seed)
      let start = FieldState(created: Self.start(strategy), at: .at(5, 9))
      let edits = (0...6).map { _ in
        FieldEdit(
          Self.operation(strategy, &dice), stamp: .at(dice.roll(1...20), dice.roll(1...3)))
      }
      let cut = dice.roll(0...edits.count)
      let first = rule.fold(Array(edits[..<cut]), over: start)
      #expect(rule.fold(Array(edits[cut...]), over: first) == rule.fold(edits, over: start))
    }
  }
}
