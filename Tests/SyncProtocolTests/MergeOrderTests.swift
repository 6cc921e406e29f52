import RoostCore
import Schema
import Testing

@testable import SyncProtocol

/// Edits with different stamps give the same in every order, and nothing when they come again.
@Suite struct MergeOrderTests {
  private struct Case {
    let rule: MergeRule
    let start: JSON
    let edit: @Sendable (inout Dice) -> FieldOperation
    /// Lists whose order is that of arrival are compared as sets.
    var isSet = false

    /// The edits in their order, each by the rule for what is then in hand.
    func fold(_ edits: [FieldEdit], over start: FieldState) -> FieldState {
      edits.reduce(start) { state, edit in
        rule.suited(to: edit.operation, on: state.value).merge(edit, into: state).state
      }
    }
  }

  private static func document(_ dice: inout Dice, _ depth: Int) -> JSON {
    switch dice.roll(0...(depth > 2 ? 5 : 9)) {
    case 0: return .null
    case 1, 2, 3: return .int(Int64(dice.roll(0...9)))
    case 4: return .array([.int(Int64(dice.roll(0...9))), .null])
    case 5: return .object([:])
    default:
      var object = JSONObject()
      for _ in 0...dice.roll(0...2) {
        object[dice.pick(["a", "b", "c"])] = document(&dice, depth + 1)
      }
      return .object(object)
    }
  }

  private static func letters(_ dice: inout Dice) -> [JSON] {
    (0...dice.roll(0...2)).map { _ in .string(dice.pick(["a", "b", "c", "d", "e"])) }
  }

  private static func element(_ dice: inout Dice) -> JSON {
    var object: JSONObject = ["id": .string(dice.pick(["x", "y", "z"]))]
    if dice.chance(0.6) { object["note"] = .int(Int64(dice.roll(0...9))) }
    if dice.chance(0.3) { object["note"] = .null }
    if dice.chance(0.6) { object["more"] = document(&dice, 1) }
    return .object(object)
  }

  /// Its status rises, its rank falls; what is written of them may be null, or of any kind.
  private static func challenge(_ dice: inout Dice) -> JSON {
    var object: JSONObject = ["id": .string(dice.pick(["x", "y"]))]
    if dice.chance(0.8) {
      object["status"] = dice.pick(["OPEN", "JOINED", "DONE", "UNKNOWN", .null])
    }
    if dice.chance(0.5) {
      object["rank"] = dice.pick([
        1, 2, 2.5, "third", true, [1], ["a": 1, "b": 2], ["b": 2, "a": 1], .null,
      ])
    }
    if dice.chance(0.3) { object["note"] = document(&dice, 2) }
    return .object(object)
  }

  private static func challenges(_ dice: inout Dice) -> FieldOperation {
    let gone: JSON = ["id": .string(dice.pick(["x", "y"]))]
    switch dice.roll(0...9) {
    case 0: return .set(.null)
    case 1: return .set([])
    case 2: return .edit(add: [], remove: [gone])
    case 3: return .edit(add: [challenge(&dice)], remove: [gone])
    case 4: return .edit(add: [challenge(&dice), challenge(&dice)], remove: [])
    default: return .set([challenge(&dice)])
    }
  }

  private static func undeclared(_ dice: inout Dice) -> FieldOperation {
    let id: JSON = .string(dice.pick(["x", "y"]))
    switch dice.roll(0...7) {
    case 0: return .set(.null)
    case 1: return .set([])
    case 2: return .edit(add: [], remove: [id])
    case 3: return .edit(add: [], remove: [["id": id]])
    default: return .edit(add: [element(&dice)], remove: [])
    }
  }

  private static let cases: [String: Case] = [
    "LAST_WRITE_WINS": Case(rule: MergeRule(.lastWriteWins), start: 1) { dice in
      .set(dice.chance(0.2) ? .null : .int(Int64(dice.roll(0...3))))
    },
    "MAX": Case(rule: MergeRule(.max), start: .null) { .set(.int(Int64($0.roll(-9...9)))) },
    "MAX of doubles and whole numbers": Case(rule: MergeRule(.max, numbers: .double), start: 0) {
      dice in .set(dice.chance(0.5) ? .double(Double(dice.roll(-9...9)) / 2) : .int(2))
    },
    "MIN of enums": Case(
      rule: MergeRule(.min, order: .declared(["GOLD", "SILVER", "BRONZE"])), start: "BRONZE"
    ) { .set(.string($0.pick(["GOLD", "SILVER", "BRONZE"]))) },
    "MAX of durations": Case(rule: MergeRule(.max, order: .duration), start: "PT10S") { dice in
      .set(.string(dice.pick(["PT9M", "PT1H", "PT59S", "PT1M", "PT60S", "P1D", "PT24H"])))
    },
    "SET_UNION": Case(
      rule: MergeRule(.setUnion), start: ["a", "b"],
      edit: { dice in
        if dice.chance(0.15) { return .set(.null) }
        if dice.chance(0.3) { return .set(.array(letters(&dice))) }
        return .edit(add: letters(&dice), remove: dice.chance(0.5) ? letters(&dice) : [])
      }, isSet: true),
    "MERGE_DEEP": Case(rule: MergeRule(.mergeDeep), start: ["a": ["b": 1, "c": [2]], "c": 3]) {
      dice in .set(document(&dice, 0))
    },
    "SET_UNION of objects": Case(
      rule: MergeRule(.setUnion, elements: .objects(ObjectElements())),
      start: [["id": "x", "note": 1]],
      edit: { dice in
        if dice.chance(0.15) { return .set(.null) }
        return .edit(
          add: [element(&dice)],
          remove: dice.chance(0.4) ? [["id": .string(dice.pick(["x", "y"]))]] : []
        )
      }, isSet: true),
    "SET_UNION of objects that nothing declares": Case(
      rule: MergeRule(.setUnion), start: .null, edit: undeclared, isSet: true),
    "SET_UNION of objects that were null": Case(
      rule: MergeRule(.setUnion, elements: .objects(ObjectElements())), start: .null,
      edit: { dice in dice.chance(0.4) ? .set(.null) : .set([element(&dice)]) }, isSet: true),
    "MERGE_DEEP of objects with a rising status": Case(
      rule: MergeRule(
        .mergeDeep,
        elements: .objects(
          ObjectElements(
            ordered: [
              "status": OrderedMember(.declared(["OPEN", "JOINED", "DONE"])),
              "rank": OrderedMember(.natural, isRising: false),
            ]))),
      start: [["id": "x", "status": "JOINED", "rank": 2]], edit: challenges, isSet: true),
    "COUNTER": Case(rule: MergeRule(.counter), start: .null) {
      .increment(.int(Int64($0.roll(-5...5))))
    },
  ]

  private static func canonical(_ value: JSON, isSet: Bool) -> [[UInt8]] {
    guard isSet, let list = value.array else { return [CanonicalBytes.of(value)] }
    return [[UInt8(list.count)]]
      + list.map(CanonicalBytes.of).sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Times of a row's creation: before all edits, among them, and behind them all.
  private static let origins = [5, 14, 40]

  @Test(arguments: cases.keys.sorted(), origins)
  func theOrderOfArrivalDoesNotMatter(_ name: String, _ origin: Int) throws {
    let tested = try #require(Self.cases[name])
    var different = 0
    for seed in 0..<1200 {
      var dice = Dice(seed)
      let start = FieldState(created: tested.start, at: .at(origin, 9))
      let edits = (0...dice.roll(1...5)).map { index in
        FieldEdit(tested.edit(&dice), stamp: .at(10 + index * 2, dice.roll(1...3)))
      }
      let inOrder = tested.fold(edits, over: start)
      let expected = Self.canonical(inOrder.value, isSet: tested.isSet)
      for _ in 0..<4 {
        let shuffled = edits.shuffled(using: &dice)
        let result = tested.fold(shuffled, over: start)
        guard Self.canonical(result.value, isSet: tested.isSet) == expected else {
          Issue.record("seed \(seed): \(edits) in another order: \(shuffled)")
          return
        }
      }
      if expected != Self.canonical(tested.start, isSet: tested.isSet) { different += 1 }
    }
    #expect(different > 200)
  }

  /// Nobody edits a row that is not there: what its clock says of an edit is no reason to lose it.
  @Test(arguments: cases.keys.sorted())
  func noEditIsOlderThanItsRow(_ name: String) throws {
    let tested = try #require(Self.cases[name])
    for seed in 0..<800 {
      var dice = Dice(seed)
      let edits = (0...dice.roll(0...5)).map { index in
        FieldEdit(tested.edit(&dice), stamp: .at(10 + index * 2, dice.roll(1...3)))
      }
      let values = Self.origins.map { origin in
        tested.fold(edits, over: FieldState(created: tested.start, at: .at(origin, 9))).value
      }
      try #require(
        values.allSatisfy { SameValue.test($0, values[0]) }, "seed \(seed): \(edits): \(values)")
    }
  }

  /// The same of strategies to which the order of arrival matters, and of what became of each edit.
  @Test(arguments: MergeRule.Strategy.allCases)
  func whatBecomesOfAnEditDoesNotHangOnWhenItsRowWasMade(
    _ strategy: MergeRule.Strategy
  ) throws {
    let rule = MergeRule(strategy)
    for seed in 0..<200 {
      var dice = Dice(seed)
      var states = Self.origins.map {
        FieldState(created: FoldTests.start(strategy), at: .at($0, 9))
      }
      for index in 0...dice.roll(0...5) {
        let edit = FieldEdit(
          FoldTests.operation(strategy, &dice), stamp: .at(10 + index * 2, dice.roll(1...3)))
        let merged = states.map { rule.merge(edit, into: $0) }
        try #require(merged.allSatisfy { $0.outcome == merged[0].outcome }, "seed \(seed)")
        states = merged.map(\.state)
      }
      try #require(states.allSatisfy { SameValue.test($0.value, states[0].value) }, "seed \(seed)")
    }
  }

  @Test(arguments: cases.keys.sorted().filter { $0 != "COUNTER" }, origins)
  func whatComesAgainChangesNothing(_ name: String, _ origin: Int) throws {
    let tested = try #require(Self.cases[name])
    for seed in 0..<800 {
      var dice = Dice(seed)
      let start = FieldState(created: tested.start, at: .at(origin, 9))
      var edits = (0...dice.roll(1...4)).map { index in
        FieldEdit(tested.edit(&dice), stamp: .at(10 + index * 2, dice.roll(1...3)))
      }
      let once = tested.fold(edits, over: start)
      edits.insert(dice.pick(edits), at: edits.count)
      let twice = tested.fold(edits, over: start)
      try #require(
        Self.canonical(once.value, isSet: tested.isSet)
          == Self.canonical(twice.value, isSet: tested.isSet), "seed \(seed): \(edits)")
    }
  }

  /// Lists of an earlier version have no mark of their own, but those of their elements.
  @Test func aListWithoutAMarkKnowsWhatWasWrittenLater() {
    let rule = MergeRule(.setUnion, elements: .objects(ObjectElements()))
    var start = FieldState(created: [["id": "x", "note": 1]], at: .at(5))
    for part in ["[\"x\",{}]", "[\"x\",\"id\"]", "[\"x\",\"note\"]"] {
      start.clocks.parts[part] = FieldClocks.Part(stamp: .at(30), isRemoved: false)
    }
    let edits = [
      FieldEdit(.set([["id": "y"]]), stamp: .at(20)), FieldEdit(.set(.null), stamp: .at(25)),
    ]
    for edits in [edits, edits.reversed()] {
      #expect(rule.fold(edits, over: start).value == [["id": "x", "note": 1]])
    }
  }

  @Test func whatWasStoredBeforeTheListWasDeclaredStays() {
    let rule = MergeRule(.setUnion, elements: .objects(ObjectElements()))
    let stored: JSON = [["t": 1], ["id": "x", "n": 1], ["id": "x", "n": 2]]
    let clocks = FieldClocks(origin: .at(5), floor: .at(5))
    let start = FieldState(value: stored, clocks: clocks)
    // Older than what came back with its row.
    let late = rule.merge(FieldEdit(.set(.null), stamp: .at(3)), into: start)
    #expect((late.outcome, late.state.value) == (.ignored, stored))
    let edited = rule.merge(FieldEdit(.set([["id": "y"]]), stamp: .at(9)), into: start)
    #expect(edited.state.value.array?.count == 4)
    #expect(rule.merge(FieldEdit(.set(.null), stamp: .at(9)), into: start).state.value == .null)
  }

  /// Somebody may write ever less of a member that rises.
  @Test func whatIsKeptOfAnOrderedMemberIsBounded() {
    let rule = MergeRule(
      .setUnion,
      elements: .objects(ObjectElements(ordered: ["n": OrderedMember(.natural)])))
    var state = FieldState(created: [["id": "x", "n": 1000]], at: .at(5))
    for index in 0..<500 {
      let edit = FieldEdit(
        .set([["id": "x", "n": .int(Int64(999 - index))]]), stamp: .at(10 + index))
      state = rule.merge(edit, into: state).state
    }
    #expect(state.value == [["id": "x", "n": 1000]])
    #expect(state.clocks.parts.count < 80)
  }

  @Test func aCounterIsTheSumOfWhatWasTaken() {
    for seed in 0..<500 {
      var dice = Dice(seed)
      let rule = MergeRule(.counter, least: 0, most: 20)
      var state = FieldState(created: 3, at: .at(1))
      var sum: Int64 = 3
      for time in 2...20 {
        let amount = Int64(dice.roll(-9...9))
        let merged = rule.merge(
          FieldEdit(.increment(.int(amount)), stamp: .at(dice.roll(1...time))), into: state)
        switch merged.outcome {
        case .applied: sum += amount
        default:
          #expect(merged.outcome == .rejected(.range))
          #expect(merged.state == state)
          #expect(!(0...20).contains(sum + amount))
        }
        state = merged.state
        #expect(state.value == .int(sum))
      }
    }
  }
}
