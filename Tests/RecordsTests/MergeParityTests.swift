import RoostCore
import Schema
import SyncProtocol
import Testing

@testable import Records

/// The merges of the write path and those of sync give the same values, edit for edit.
@Suite struct MergeParityTests {
  private static let grades = ["BRONZE", "SILVER", "GOLD"]

  private struct Kind: Sendable {
    let strategy: MergeStrategy
    let type: FieldType
    var isList = false
    let rule: MergeRule
    /// A value for a `set`.
    let value: @Sendable (inout MergeDice) -> FieldValue
  }

  private static func number(_ random: inout MergeDice) -> FieldValue {
    if Int.random(in: 0..<9, using: &random) == 0 { return .null }
    return .int(Int64.random(in: -9...9, using: &random))
  }

  private static func grade(_ random: inout MergeDice) -> FieldValue {
    .text(grades[Int.random(in: 0..<3, using: &random)])
  }

  private static func letters(_ random: inout MergeDice) -> [JSON] {
    let all: [JSON] = ["a", "b", "c", ["id": 1], 2]
    return all.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random)).map { $0 }
  }

  private static func document(
    _ random: inout MergeDice, _ depth: Int = 0
  ) -> JSON {
    switch Int.random(in: depth > 2 ? 0..<5 : 0..<9, using: &random) {
    case 0: return .null
    case 1, 2: return .int(Int64.random(in: 0...5, using: &random))
    case 3: return .array([nil, 1])
    case 4: return .object(JSONObject())
    default:
      var object = JSONObject()
      for key in ["a", "b", "c"].shuffled(using: &random).prefix(2) {
        object[key] = document(&random, depth + 1)
      }
      return .object(object)
    }
  }

  private static let kinds: [String: Kind] = {
    var kinds: [String: Kind] = [
      "MAX enum": Kind(
        strategy: .max, type: .enumeration(name: "Grade", values: grades),
        rule: MergeRule(.max, order: .declared(grades)), value: grade),
      "MIN enum": Kind(
        strategy: .min, type: .enumeration(name: "Grade", values: grades),
        rule: MergeRule(.min, order: .declared(grades)), value: grade),
      "SET_UNION": Kind(
        strategy: .setUnion, type: .json, isList: true, rule: MergeRule(.setUnion),
        value: { .json(.array(letters(&$0))) }),
      "LAST_WRITE_WINS list": Kind(
        strategy: .lastWriteWins, type: .json, isList: true, rule: MergeRule(.lastWriteWins),
        value: { .json(.array(letters(&$0))) }),
      "MERGE_DEEP": Kind(
        strategy: .mergeDeep, type: .json, rule: MergeRule(.mergeDeep),
        value: { .json(document(&$0)) }),
      "COUNTER Int": Kind(
        strategy: .counter, type: .int, rule: MergeRule(.counter, numbers: .int32), value: number),
    ]
    let plain: [(MergeStrategy, MergeRule.Strategy)] = [
      (.lastWriteWins, .lastWriteWins), (.max, .max), (.min, .min), (.counter, .counter),
      (.clientWins, .clientWins), (.serverWins, .serverWins), (.reject, .reject),
      (.userChoice, .userChoice),
    ]
    for (strategy, rule) in plain {
      kinds[strategy.rawValue] = Kind(
        strategy: strategy, type: .int64, rule: MergeRule(rule), value: number)
    }
    return kinds
  }()

  private static func operation(
    _ kind: Kind, _ random: inout MergeDice
  ) -> (FieldChange.Operation, FieldOperation) {
    if kind.isList, Bool.random(using: &random) {
      let (add, remove) = (letters(&random), letters(&random))
      return (.edit(add: add, remove: remove), .edit(add: add, remove: remove))
    }
    if [.int, .int64].contains(kind.type), Bool.random(using: &random) {
      let isHuge = Int.random(in: 0..<12, using: &random) == 0
      let amount: Int64 = isHuge ? (kind.type == .int ? Int64(Int32.max) : .max) : 3
      return (.increment(.int(amount)), .increment(.int(amount)))
    }
    let value = kind.value(&random)
    return (.set(value), .set(json(value)))
  }

  private static func json(_ value: FieldValue) -> JSON {
    switch value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .uuid(let value): .string(value.description)
    case .json(let value): value
    }
  }

  @Test(arguments: kinds.keys.sorted()) func bothGiveTheSame(_ name: String) throws {
    let kind = try #require(Self.kinds[name])
    let field = Field(
      name: "f", type: kind.type, isRequired: false, isList: kind.isList, merge: kind.strategy)
    var random = MergeDice(state: UInt64(name.utf8.count))
    var refused = 0
    for _ in 0..<700 {
      let origin = HybridTime(milliseconds: 1, counter: 0)
      var value = kind.value(&random)
      var clocks = RowClocks(base: FieldClock(time: origin, client: .zero))
      var state = FieldState(
        created: Self.json(value), at: Stamp(time: origin, client: .zero))
      for step in 2...8 {
        // The write path's clock lies behind every clock of the row.
        let time = HybridTime(milliseconds: Int64(step), counter: 0)
        let (change, edit) = Self.operation(kind, &random)
        let stored = (value, state)
        let merged = kind.rule.merge(
          FieldEdit(edit, stamp: Stamp(time: time, client: .zero)), into: state)
        state = merged.state
        let merge = FieldMerge(
          field: field, strategy: kind.strategy, number: 1,
          clock: FieldClock(time: time, client: .zero))
        do {
          value = try merge.apply(change, to: value, &clocks)
        } catch {
          refused += 1
          #expect(merged.outcome == .rejected(.range))
        }
        try #require(
          SameValue.test(Self.json(value), state.value),
          "\(change) over \(stored): \(value) and \(state.value)")
        if kind.strategy != .lastWriteWins {
          try #require(clocks.clock(1).time == state.clocks.stamp.time)
        }
      }
    }
    if kind.type == .int || kind.strategy == .counter { #expect(refused > 10) }
  }
}

/// A generator of repeatable random numbers (SplitMix64).
private struct MergeDice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
