import RoostCore
import Schema

@testable import SyncProtocol

/// A history of one field: what is stored first, the edits, and what each of them gives.
struct MergeVector {
  let name: String
  let rule: MergeRule
  let start: JSON
  let edits: [FieldEdit]

  init(_ name: String, _ rule: MergeRule, _ start: JSON, _ edits: [FieldEdit]) {
    self.name = name
    self.rule = rule
    self.start = start
    self.edits = edits
  }

  static let origin = Stamp.at(5, 9)

  var json: JSON {
    var state = FieldState(created: start, at: MergeVector.origin)
    let steps = edits.map { edit -> JSON in
      let merged = rule.merge(edit, into: state)
      state = merged.state
      var step = MergeVector.json(edit)
      step["gives"] = [
        "outcome": .string(MergeVector.word(merged.outcome)), "value": state.value,
        "stamp": .string(state.clocks.stamp.description),
        "parts": .object(MergeVector.json(state.clocks.parts)),
      ]
      return .object(step)
    }
    return [
      "name": .string(name), "rule": .object(MergeVector.json(rule)), "start": start,
      "origin": .string(MergeVector.origin.description), "edits": .array(steps),
    ]
  }

  private static func word(_ outcome: MergeOutcome) -> String {
    switch outcome {
    case .applied: "applied"
    case .merged: "merged"
    case .ignored: "ignored"
    case .rejected(let refusal): "rejected(\(refusal.rawValue))"
    case .conflict: "conflict"
    }
  }

  private static func json(_ edit: FieldEdit) -> JSONObject {
    var object: JSONObject
    switch edit.operation {
    case .set(let value): object = ["set": value]
    case .increment(let amount): object = ["increment": amount]
    case .edit(let add, let remove): object = ["add": .array(add), "remove": .array(remove)]
    }
    object["stamp"] = .string(edit.stamp.description)
    switch edit.base {
    case .unchecked: break
    case .none: object["base"] = .null
    case .stamp(let stamp): object["base"] = .string(stamp.description)
    }
    if edit.receivedAt != edit.stamp.time.milliseconds {
      object["receivedAt"] = .int(edit.receivedAt)
    }
    if !edit.newIsValid { object["newIsValid"] = false }
    if !edit.storedIsValid { object["storedIsValid"] = false }
    return object
  }

  private static func json(_ parts: [String: FieldClocks.Part]) -> JSONObject {
    var object = JSONObject()
    for (key, part) in parts.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      object[key] = [
        "stamp": .string(part.stamp.description), "removed": .bool(part.isRemoved),
      ]
    }
    return object
  }

  private static func json(_ order: ValueOrder) -> JSON {
    switch order {
    case .natural: "natural"
    case .duration: "duration"
    case .declared(let values): ["declared": .array(values.map { .string($0) })]
    }
  }

  private static func json(_ rule: MergeRule) -> JSONObject {
    var object: JSONObject = ["strategy": .string(rule.strategy.rawValue)]
    if rule.numbers != .int64 { object["numbers"] = .string(rule.numbers.rawValue) }
    if rule.order != .natural { object["order"] = json(rule.order) }
    if let least = rule.least { object["least"] = .double(least) }
    if let most = rule.most { object["most"] = .double(most) }
    if let stale = rule.staleAfterMilliseconds { object["staleAfter"] = .int(stale) }
    if case .objects(let elements) = rule.elements {
      var ordered = JSONObject()
      for (member, way) in elements.ordered.sorted(by: { $0.key < $1.key }) {
        ordered[member] = ["order": json(way.order), "rising": .bool(way.isRising)]
      }
      object["elements"] = [
        "id": .string(elements.idMember), "ordered": .object(ordered),
      ]
    }
    return object
  }
}

enum MergeVectors {
  private static func set(_ value: JSON, _ time: Int, _ client: Int = 1) -> FieldEdit {
    FieldEdit(.set(value), stamp: .at(time, client))
  }

  private static func based(
    _ value: JSON, _ time: Int, _ client: Int, on base: FieldEdit.Base
  ) -> FieldEdit {
    FieldEdit(.set(value), stamp: .at(time, client), base: base)
  }

  private static func add(_ elements: [JSON], _ time: Int, remove: [JSON] = []) -> FieldEdit {
    FieldEdit(.edit(add: elements, remove: remove), stamp: .at(time))
  }

  private static func increment(_ amount: JSON, _ time: Int) -> FieldEdit {
    FieldEdit(.increment(amount), stamp: .at(time))
  }

  private static let grades = ValueOrder.declared(["BRONZE", "SILVER", "GOLD"])
  private static let compared: [FieldEdit] = [
    based("b", 10, 1, on: .stamp(MergeVector.origin)),
    based("c", 12, 2, on: .stamp(MergeVector.origin)), based("b", 13, 3, on: .none),
    based("d", 14, 1, on: .stamp(MergeVector.origin)), based("e", 16, 2, on: .stamp(.at(14, 1))),
    based("f", 17, 3, on: .none), set("g", 18, 4),
    FieldEdit(.increment(1), stamp: .at(19, 5), base: .none),
    based("h", 11, 6, on: .stamp(.at(18, 4))), based("i", 12, 6, on: .stamp(.at(18, 4))),
    based("j", 30, 7, on: .stamp(.at(18, 4))),
  ]

  static let all: [String: [MergeVector]] = [
    "last-write-wins": [
      MergeVector(
        "the later one wins, also when it arrives first", MergeRule(.lastWriteWins), "a",
        [set("c", 20), set("b", 10), set("d", 20, 2), set("e", 20), set(nil, 30), set("f", 25)]),
      MergeVector(
        "the same value again is a later change", MergeRule(.lastWriteWins), 1,
        [set(2, 10), set(2, 20), set(3, 15)]),
      MergeVector(
        "no edit is older than its row", MergeRule(.lastWriteWins), "a",
        [set("c", 3), set("b", 2), set("d", 4, 2), set("e", 20)]),
      MergeVector(
        "nor is an increment", MergeRule(.lastWriteWins), 1,
        [increment(2, 3), set(7, 2), set(9, 4)]),
    ],
    "client-wins": [
      MergeVector("order of arrival", MergeRule(.clientWins), "a", [set("c", 20), set("b", 10)]),
      MergeVector(
        "what waited too long does not win over what it did not see",
        MergeRule(.clientWins, staleAfterMilliseconds: 100), "a",
        [
          FieldEdit(
            .set("b"), stamp: .at(10, 1), base: .stamp(MergeVector.origin), receivedAt: 500),
          FieldEdit(
            .set("c"), stamp: .at(20, 2), base: .stamp(MergeVector.origin), receivedAt: 120),
          FieldEdit(
            .set("d"), stamp: .at(30, 3), base: .stamp(MergeVector.origin), receivedAt: 131),
          FieldEdit(.set("e"), stamp: .at(40, 2), base: .none, receivedAt: 900),
        ]),
    ],
    "server-wins": [MergeVector("only on what is stored", MergeRule(.serverWins), "a", compared)],
    "reject": [MergeVector("only on what is stored", MergeRule(.reject), "a", compared)],
    "user-choice": [
      MergeVector("only on what is stored", MergeRule(.userChoice), "a", compared),
      MergeVector(
        "older than its row", MergeRule(.userChoice), "a",
        [
          based("b", 2, 1, on: .none), based("c", 3, 1, on: .stamp(MergeVector.origin)),
          based("d", 1, 1, on: .none), based("e", 4, 2, on: .stamp(MergeVector.origin)),
        ]),
    ],
    "merge-deep": [
      MergeVector(
        "members merge, null takes away, arrays are whole", MergeRule(.mergeDeep),
        ["a": ["b": 1, "c": [1, 2]], "d": 4],
        [
          set(["a": ["b": 2, "e": nil]], 10), set(["a": ["c": [3]]], 11), set(["d": nil], 12),
          set(["d": 5], 11), set(["f": ["g": ["h": nil]]], 13), set([:], 14), set([1], 15),
        ]),
      MergeVector(
        "a value ends what was below, but not what is later", MergeRule(.mergeDeep), [:],
        [
          set(["a": ["x": 1]], 20), set(["a": 5], 15), set(["a": ["y": 2]], 14),
          set(["a": ["y": 3]], 16), set(["a": 6], 18), set(["a": nil], 30),
          set(["a": ["z": 1]], 25),
          set(["a": ["z": [:]]], 31), set(["a": ["z": nil]], 31), set(nil, 40), set(["b": 1], 39),
        ]),
      MergeVector(
        "no edit is older than its row", MergeRule(.mergeDeep), ["a": ["b": 1], "c": 2],
        [
          set(["a": ["b": 3]], 4), set(["a": ["b": 4, "d": 5]], 3), set(["c": nil], 2),
          set(["a": nil], 3), set(nil, 1), set(["e": 6], 20),
        ]),
    ],
    "max": [
      MergeVector(
        "numbers", MergeRule(.max), nil, [set(3, 10), set(2, 20), set(nil, 30), set(4, 9)]),
      MergeVector(
        "texts by their bytes", MergeRule(.max), "a", [set("é", 10), set("z", 11), set("🎸", 12)]),
      MergeVector(
        "enums by their order", MergeRule(.max, order: grades), "BRONZE",
        [set("GOLD", 10), set("SILVER", 20), set("LEAD", 30)]),
      MergeVector(
        "durations by their length", MergeRule(.max, order: .duration), "PT90S",
        [set("PT1M", 10), set("PT2M", 11), set("P1D", 12)]),
    ],
    "min": [
      MergeVector("numbers", MergeRule(.min, numbers: .double), 2, [set(1.5, 10), set(3, 20)]),
      MergeVector(
        "enums by their order", MergeRule(.min, order: grades), "GOLD",
        [set("BRONZE", 10), set("SILVER", 20)]),
    ],
    "counter": [
      MergeVector(
        "a sum within its bounds", MergeRule(.counter, least: 0, most: 10), nil,
        [
          increment(4, 20), increment(3, 10), increment(-8, 11), increment(4, 12),
          increment("x", 13),
        ]),
      MergeVector(
        "the range of the type", MergeRule(.counter, numbers: .int32), 2_147_483_646,
        [increment(1, 10), increment(1, 11), increment(1.5, 12), set(0, 13)]),
      MergeVector(
        "doubles", MergeRule(.counter, numbers: .double), 0.5,
        [increment(0.25, 10), increment(1, 9)]),
    ],
    "set-union": [
      MergeVector(
        "the last of adds and removes of each element", MergeRule(.setUnion), ["a"],
        [
          add(["b", "a"], 10), add([], 12, remove: ["b"]), add(["b"], 11), add(["b"], 13),
          add([], 11, remove: ["b", "a"]), set(["c", "a"], 20), set(nil, 19), set(nil, 30),
          set(["d"], 29), set([], 31),
        ]),
      MergeVector(
        "no edit is older than its row", MergeRule(.setUnion), nil,
        [add(["a"], 3), add(["b"], 2), add([], 4, remove: ["a"]), set(nil, 1), set(nil, 3)]),
      MergeVector(
        "and what its creation has goes with an older one", MergeRule(.setUnion), ["a", "b"],
        [add([], 3, remove: ["a"]), add(["a"], 2), set(nil, 1), add(["a"], 4), set(nil, 20)]),
    ],
    "append": [
      MergeVector(
        "in the order of arrival, each once", MergeRule(.append), [["id": 1, "t": "a"]],
        [
          add([["id": 2, "t": "b"], ["id": 1, "t": "z"]], 20), add([["id": 3]], 10),
          add([], 21, remove: [["id": 2]]), add([["id": 2], ["id": 4]], 30),
          set(["x", ["id": 3]], 31),
        ])
    ],
    "latest-valid": [
      MergeVector(
        "the most recent value that is valid", MergeRule(.latestValid), 3,
        [
          set(4, 10), FieldEdit(.set(9), stamp: .at(20), newIsValid: false), set(5, 9),
          FieldEdit(.set(1), stamp: .at(8), storedIsValid: false), set(2, 9),
        ]),
      MergeVector(
        "no edit is older than its row", MergeRule(.latestValid), 3,
        [set(4, 3), set(5, 2), set(6, 4)]),
    ],
    "lists": [
      MergeVector(
        "objects by id, each member on its own",
        MergeRule(.setUnion, elements: .objects(ObjectElements())), [["id": "x", "note": "a"]],
        [
          add([["id": "y", "note": "b"]], 10), add([["id": "x", "done": true]], 11),
          add([["id": "x", "note": "c"]], 9), add([], 20, remove: [["id": "y"]]),
          add([["id": "y", "note": "d"]], 15), add([["id": "y", "note": nil, "n": 1]], 21),
          add([["note": "without"]], 22), set([["id": 7]], 23),
        ]),
      MergeVector(
        "a status that only rises",
        MergeRule(
          .mergeDeep,
          elements: .objects(
            ObjectElements(
              ordered: ["status": OrderedMember(.declared(["OPEN", "JOINED", "DONE"]))]))),
        [["id": "x", "status": "OPEN"]],
        [
          set([["id": "x", "status": "DONE"]], 10), set([["id": "x", "status": "JOINED"]], 20),
          set([["id": "x", "title": "Run"], ["id": "y", "status": "OPEN"]], 15),
        ]),
      MergeVector(
        "no edit is older than its row",
        MergeRule(
          .setUnion, elements: .objects(ObjectElements(ordered: ["n": OrderedMember(.natural)]))),
        [["id": "x", "note": "a", "n": 5]],
        [
          add([["id": "x", "note": "b", "n": 3]], 4), add([["id": "y"]], 2),
          add([["id": "x", "note": "c", "n": 6]], 3), set(.null, 2),
          add([], 3, remove: ["y", "x"]),
        ]),
      MergeVector(
        "null meets older elements that come after it",
        MergeRule(.setUnion, elements: .objects(ObjectElements())), [["id": "x", "note": "a"]],
        [
          add([["id": "y", "note": "b"]], 20), set(.null, 15), add([["id": "x", "note": "c"]], 12),
          add([["id": "z"]], 16), set(.null, 30), add([["id": "z", "note": "d"]], 25),
          add([], 40, remove: [["id": "z"]]), set(.null, 35), set(.null, 50), set([], 45),
          set([["id": "x", "n": 1]], 60),
        ]),
      MergeVector(
        "a status that was taken away between two writes",
        MergeRule(
          .setUnion,
          elements: .objects(
            ObjectElements(
              ordered: [
                "status": OrderedMember(.declared(["OPEN", "JOINED", "DONE"])),
                "rank": OrderedMember(.natural, isRising: false),
              ]))),
        [["id": "x", "status": "OPEN", "rank": 5]],
        [
          add([["id": "x", "status": "DONE", "rank": 2]], 10),
          add([["id": "x", "status": "JOINED", "rank": 3]], 20),
          add([["id": "x", "status": "OPEN", "rank": 4]], 30), add([], 15, remove: ["x"]),
          add([["id": "x", "status": .null]], 25), add([["id": "x", "status": "DONE"]], 22),
          set(.null, 27), add([["id": "x", "rank": 1]], 26), add([["id": "x", "rank": 1.5]], 28),
          add([], 40, remove: ["x"]), add([["id": "x", "status": "UNKNOWN", "rank": "first"]], 41),
        ]),
    ],
  ]
}
