import Queries
import Records
import RoostCore
import SyncProtocol
import Testing

/// What two devices did to one row, as the strategies say.
@Suite struct PushMergeTests {
  private static let now: Int64 = 1_760_000_000_000

  /// Ann creates the note and Bob edits it; then Ann edits what she has seen before that.
  private func meet(
    _ start: JSON, bob: JSON, ann: JSON, annAt: Int64 = now + 10, bobAt: Int64 = now + 20,
    base: (PushHouse) -> [String: Stamp] = { _ in [:] },
    _ check: (Pushed, JSON, PushHouse) async throws -> Void
  ) async throws {
    try await PushHouse.run { own async throws in
      own.house.time.advance(1000)
      var first = Phone(1)
      var second = Phone(2)
      first.make([.note(row(1), start)], at: PushMergeTests.now)
      _ = try await own.push(first.push())
      let seen = Dictionary(
        uniqueKeysWithValues: ["choice", "slot", "fixed", "plan"].map { field in
          (field, PushMergeTests.created)
        })
      second.make([.edit(row(1), bob, base: seen)], at: bobAt)
      _ = try await own.push(second.push(), by: own.house.bob)
      // A third device, because a device knows what it wrote itself.
      var third = Phone(3)
      third.make([.edit(row(1), ann, base: base(own))], at: annAt)
      let pushed = try await own.push(third.push())
      try await check(pushed, try await own.note(row(1)), own)
    }
  }

  static let plain: [(JSON, JSON, JSON, String, JSON)] = [
    // The later write wins, whichever comes first.
    (["title": "a"], ["title": "bob"], ["title": "ann"], "merged", ["title": "bob"]),
    (["title": "a"], ["low": 1], ["title": "ann"], "ok", ["title": "ann"]),
    (["count": 1], ["count": ["$increment": 2]], ["count": ["$increment": 3]], "ok", ["count": 6]),
    (["best": 1], ["best": 9], ["best": 5], "merged", ["best": 9]),
    (["best": 1], ["best": 5], ["best": 9], "ok", ["best": 9]),
    (["stage": "open"], ["stage": "done"], ["stage": "started"], "merged", ["stage": "done"]),
    (
      ["tags": ["x"]], ["tags": ["$add": ["b"]]], ["tags": ["$add": ["a"]]], "ok",
      ["tags": ["x", "b", "a"]]
    ),
    (
      ["tags": ["x"]], ["tags": ["$remove": ["x"]]], ["tags": ["$add": ["x"]]], "merged",
      ["tags": []]
    ),
    (
      ["goals": [["id": "g", "stage": 1]]], ["goals": [["id": "g", "stage": 2]]],
      ["goals": [["id": "g", "note": "n"]]], "merged",
      ["goals": [["id": "g", "stage": 2, "note": "n"]]]
    ),
    (
      ["prefs": ["a": 1]], ["prefs": ["b": 2, "c": 2]], ["prefs": ["b": 3, "a": 4]], "merged",
      ["prefs": ["a": 4, "b": 2, "c": 2]]
    ),
    // A document may hold members of any name: no intent is read in it.
    (
      ["prefs": ["a": 1]], ["prefs": ["$increment": 2]], ["prefs": ["a": ["$increment": 3]]], "ok",
      ["prefs": ["a": ["$increment": 3], "$increment": 2]]
    ),
    (
      ["diary": ["x"]], ["diary": ["$add": ["b"]]], ["diary": ["$add": ["x", "a"]]], "ok",
      ["diary": ["x", "b", "a"]]
    ),
    (["streak": 1], ["streak": 5], ["streak": 7], "merged", ["streak": 5]),
    (["streak": 1], ["low": 1], ["streak": -7], "merged", ["streak": 1]),
    (["fixed": "a"], ["fixed": "b"], ["fixed": "c"], "merged", ["fixed": "b"]),
    (["plan": "a"], ["plan": "b"], ["plan": "c"], "ok", ["plan": "c"]),
    (["choice": "a"], ["choice": "b"], ["choice": "b"], "ok", ["choice": "b"]),
  ]

  @Test(arguments: plain.indices)
  func strategiesMergeWhatTwoDevicesDid(_ index: Int) async throws {
    let (start, bob, ann, outcome, expected) = PushMergeTests.plain[index]
    try await meet(start, bob: bob, ann: ann) { pushed, note, _ async throws in
      #expect(pushed.words == [outcome], "\(pushed.results)")
      for (field, value) in expected.object ?? JSONObject() { #expect(note[field] == value) }
    }
  }

  private static let early: [(start: JSON, edit: JSON, later: JSON, expected: JSON)] = [
    (["title": "a"], ["title": "ann"], ["title": "bob"], ["title": "bob"]),
    (["low": 1], ["tags": ["$add": ["g"]]], ["tags": ["$add": ["h"]]], ["tags": ["g", "h"]]),
    (["tags": ["x"]], ["tags": ["$remove": ["x"]]], ["tags": ["$add": ["x"]]], ["tags": ["x"]]),
    (["prefs": ["a": 1]], ["prefs": ["a": 2]], ["prefs": ["a": nil]], ["prefs": [:]]),
    (["streak": 1], ["streak": 2], ["streak": 3], ["streak": 3]),
    (
      ["goals": [["id": "g", "n": 1]]], ["goals": [["id": "g", "n": 2]]],
      ["goals": [["id": "g", "n": 3]]], ["goals": [["id": "g", "n": 3]]]
    ),
  ]

  /// A copy of a device may know a row by an earlier stamp than the one under which it was made.
  @Test(arguments: early.indices)
  func anEditWhoseStampLiesBeforeItsRowTakesPlace(_ index: Int) async throws {
    let (start, edit, later, expected) = PushMergeTests.early[index]
    for order in [[0, 1], [1, 0]] {
      try await PushHouse.run { own async throws in
        own.house.time.advance(1000)
        var first = Phone(9)
        first.make([.note(row(1), start)], at: PushMergeTests.now)
        _ = try await own.push(first.push())
        var words: [String] = []
        for number in order {
          var phone = Phone(UInt64(number + 1))
          phone.make(
            [.edit(row(1), [edit, later][number])],
            at: PushMergeTests.now - 9000 + Int64(number) * 10)
          words += try await own.push(phone.push()).words
        }
        #expect(words.first == "ok")
        let note = try await own.note(row(1))
        for (field, value) in expected.object ?? JSONObject() {
          let stands =
            field == "tags"
            ? Set((note[field]?.array ?? []).map(\.text)) == Set((value.array ?? []).map(\.text))
            : note[field] == value
          #expect(stands, "\(order): \(note[field]?.text ?? "")")
        }
      }
    }
  }

  /// Devices bring again what the values of a row that comes back have in them already.
  @Test func anEditFromBeforeWhatAnImportBroughtBackIsOld() async throws {
    try await PushHouse.run { own async throws in
      own.house.time.advance(1000)
      let time = Timestamp(milliseconds: PushMergeTests.now)
      let create = try own.house.records.systemCreate(
        own.house.collection("notes"),
        [
          "id": .string(row(1).description), "title": "back", "tags": ["x"], "prefs": ["a": 1],
          "owner": .string(own.house.ann.uid?.description ?? ""),
        ], stamp: RecordStamp(version: 4, createdAt: time, updatedAt: time))
      #expect(try await own.house.records.importBatch([create]).allSatisfy { $0 == nil })
      for (at, word) in [(-9000, "merged"), (10, "ok")] as [(Int64, String)] {
        var phone = Phone(UInt64(abs(at)))
        phone.make(
          [
            .edit(
              row(1), ["title": "t", "tags": ["$remove": ["x"]], "prefs": ["a": 2], "low": 1])
          ], at: PushMergeTests.now + at)
        #expect(try await own.push(phone.push()).words == [word])
        let note = try await own.note(row(1))
        #expect(note["title"] == (at < 0 ? "back" : "t"))
        #expect(note["tags"] == (at < 0 ? ["x"] : []))
        #expect(note["prefs"] == (at < 0 ? ["a": 1] : ["a": 2]))
      }
    }
  }

  @Test func theOrderOfArrivalDoesNotMatterToTheLastWrite() async throws {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      try await PushHouse.run { own async throws in
        own.house.time.advance(1000)
        var first = Phone(9)
        first.make([.note(row(1), ["title": "start"])], at: PushMergeTests.now)
        _ = try await own.push(first.push())
        // The same value at times around another one: its later time counts.
        let values = ["x", "y", "x"]
        for number in order {
          var phone = Phone(UInt64(number + 1))
          phone.make(
            [.edit(row(1), ["title": .string(values[number])])],
            at: PushMergeTests.now + Int64(number) * 10)
          _ = try await own.push(phone.push())
        }
        #expect(try await own.note(row(1))["title"] == "x", "\(order)")
      }
    }
  }

  /// The stamp that the creation gave to every field.
  private static let created = Stamp(
    time: HybridTime(milliseconds: now, counter: 0), client: Phone(1).cid)

  @Test func whatIsMadeOnTheStoredValueTakesPlace() async throws {
    for field in ["choice", "slot", "fixed"] {
      try await meet(
        [field: "a"], bob: ["low": 1], ann: [field: "c"],
        base: { _ in [field: PushMergeTests.created] }
      ) { pushed, note, _ async throws in
        #expect(pushed.words == ["ok"], "\(field)")
        #expect(note[field] == "c")
      }
    }
  }

  @Test func aDeviceKnowsWhatItWroteItself() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["slot": "a", "choice": "a"])])
      phone.make([.edit(row(1), ["slot": "b", "choice": "b"])])
      phone.make([.edit(row(1), ["slot": "c", "choice": "c"])])
      #expect(try await own.push(phone.push()).words == ["ok", "ok", "ok"])
    }
  }

  @Test func aRejectedChangeBringsTheServersValues() async throws {
    try await meet(
      ["slot": "a"], bob: ["slot": "b"], ann: ["slot": "c", "title": "not either"],
      base: { _ in ["slot": PushMergeTests.created] }
    ) { pushed, note, _ async throws in
      #expect(pushed.words == ["rejected conflict"])
      #expect(JSON.object(pushed.results[0].values) == ["slot": "b"])
      #expect(note["slot"] == "b")
      #expect(note["title"] == .null)
    }
  }

  @Test func aChoiceIsAPersonsAndIsMadeOnce() async throws {
    for (choice, expected) in [
      (ConflictChoice.theirs, "b"), (.mine, "c"), (.value("d"), "d"),
    ] {
      try await meet(
        ["choice": "a"], bob: ["choice": "b"], ann: ["choice": "c", "title": "set"],
        base: { _ in ["choice": PushMergeTests.created] }
      ) { pushed, note, own async throws in
        #expect(pushed.words == ["conflict conflict"])
        #expect(note["choice"] == "b")
        #expect(note["title"] == "set")
        let open = try await own.house.records.conflicts(of: own.house.ann)
        #expect(open.map(\.id) == pushed.results[0].conflicts)
        #expect(open.first?.theirs == "b")
        #expect(open.first?.mine == "c")
        #expect(open.first?.field == "choice")
        #expect(try await own.house.records.conflicts(of: own.house.bob).isEmpty)
        #expect(try await own.house.records.openConflicts() == 1)
        let id = try #require(open.first?.id)
        var other = Phone(7)
        other.make([.resolve(conflict: id, choice: .mine)])
        #expect(
          try await own.push(other.push(), by: own.house.bob).words == ["rejected row_gone"])
        var phone = Phone(4)
        phone.make([.resolve(conflict: id, choice: choice)])
        phone.make([.resolve(conflict: id, choice: .value("too late"))])
        #expect(try await own.push(phone.push()).words == ["ok", "rejected closed"])
        #expect(try await own.note(row(1))["choice"] == .string(expected))
        #expect(try await own.house.records.conflicts(of: own.house.ann).isEmpty)
        #expect(try await own.house.records.openConflicts() == 0)
        own.house.time.advance(399 * 86_400_000)
        try await own.house.records.removeExpiredConflicts()
        #expect(try await own.count("roost_conflict") == "1")
        own.house.time.advance(2 * 86_400_000)
        try await own.house.records.removeExpiredConflicts()
        #expect(try await own.count("roost_conflict") == "0")
      }
    }
  }

  @Test func noMoreConflictsAreReadThanThereIsRoomFor() async throws {
    try await meet(
      ["choice": "a"], bob: ["choice": "b"], ann: ["choice": "c"],
      base: { _ in ["choice": PushMergeTests.created] }
    ) { _, _, own async throws in
      var fourth = Phone(4)
      fourth.make([.edit(row(1), ["choice": "d"], base: ["choice": PushMergeTests.created])])
      #expect(try await own.push(fourth.push()).words == ["conflict conflict"])
      // Both values of each are three bytes of JSON, and the last may go beyond.
      for (room, expected) in [(1, ["c"]), (6, ["c"]), (7, ["c", "d"]), (.max, ["c", "d"])] {
        let open = try await own.house.records.conflicts(of: own.house.ann, room: room)
        #expect(open.map(\.mine) == expected.map { JSON.string($0) })
      }
    }
  }

  @Test func aConflictIsARowInTheStreamOfItsPersonUntilItIsDecided() async throws {
    try await meet(
      ["choice": "a"], bob: ["choice": "b"], ann: ["choice": "c"],
      base: { _ in ["choice": PushMergeTests.created] }
    ) { pushed, _, own async throws in
      let id = try #require(pushed.results[0].conflicts.first)
      func rows(_ caller: Caller) async throws -> [StreamEntry] {
        try await own.entries(caller).filter { $0.row.collection == "_conflicts" }
      }
      let entry = try #require(try await rows(own.house.ann).first)
      #expect(entry.row.id == id)
      #expect(entry.kind == .put)
      #expect(entry.fields["coll"] == "notes")
      #expect(entry.fields["row"] == .string(row(1).description))
      #expect(entry.fields["field"] == "choice")
      #expect(entry.fields["mine"] == "c")
      // What stands is in the row, and goes with it.
      #expect(entry.fields["theirs"] == nil)
      #expect(try await rows(own.house.bob).isEmpty)
      var phone = Phone(4)
      phone.make([.new("_conflicts", row(9), [:])])
      phone.make([.change("_conflicts", id, ["mine": "d"])])
      phone.make([.delete(collection: "_conflicts", id: id)])
      #expect(
        try await own.push(phone.push()).words
          == ["rejected denied", "rejected denied", "rejected denied"])
      phone.make([.resolve(conflict: id, choice: .mine)])
      #expect(try await own.push(phone.last).words == ["ok"])
      let after = try await rows(own.house.ann)
      #expect(after.map(\.kind) == [.leave])
      #expect(after.map(\.fields.count) == [0])
      #expect((after.first?.seq ?? 0) > entry.seq)
    }
  }

  @Test func aStaleChangeIsAConflictWhereAFreshOneWins() async throws {
    try await meet(
      ["plan": "a"], bob: ["plan": "b"], ann: ["plan": "c"],
      annAt: PushMergeTests.now - 7_200_000
    ) { pushed, note, own async throws in
      #expect(pushed.words == ["conflict conflict"])
      #expect(note["plan"] == "b")
      #expect(try await own.house.records.openConflicts() == 1)
    }
  }

  @Test func neitherResultsNorConflictsTellOfAHiddenValue() async throws {
    try await PushHouse.run { own async throws in
      let ann = own.house.ann.uid?.description ?? ""
      var first = Phone(1)
      first.make([.note(row(1), ["owner": .string(ann), "hidden": "treasure"])])
      _ = try await own.push(first.push())
      var second = Phone(2)
      second.make([.edit(row(1), ["hidden": "guess"])])
      second.make([.edit(row(1), ["hidden": "treasure"])])
      let pushed = try await own.push(second.push(), by: own.house.bob)
      #expect(pushed.words == ["rejected denied", "rejected denied"])
      // A conflict of a person who may not see the row any more.
      var third = Phone(3)
      third.make([.edit(row(1), ["hidden": "mine"])])
      #expect(try await own.push(third.push()).words == ["conflict conflict"])
      #expect(try await own.house.records.conflicts(of: own.house.ann).first?.theirs == "treasure")
      try await own.house.update(
        "notes", .string(row(1).description),
        ["owner": .string(own.house.bob.uid?.description ?? "")])
      let open = try await own.house.records.conflicts(of: own.house.ann)
      #expect(open.count == 1)
      #expect(open.first?.theirs == nil)
      #expect(open.first?.mine == "mine")
    }
  }

  @Test func requestsGoTheSameWayWithTheServersClock() async throws {
    try await PushHouse.run { own async throws in
      own.house.time.advance(1000)
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a", "diary": ["x"], "streak": 1])])
      _ = try await own.push(phone.push())
      let id = JSON.string(row(1).description)
      try await own.house.update("notes", id, ["title": "rest", "diary": ["$add": ["x", "y"]]])
      try await own.house.update("notes", id, ["streak": -1])
      phone.make([.edit(row(1), ["title": "phone"])])
      #expect(try await own.push(phone.last).words == ["merged"])
      let note = try await own.note(row(1))
      #expect(note["title"] == "rest")
      #expect(note["diary"] == ["x", "y"])
      #expect(note["streak"] == 1)
    }
  }
}
