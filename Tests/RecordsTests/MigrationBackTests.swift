import Queries
import Records
import RoostCore
import Schema
import Testing

/// What is kept for the way back: that it comes back whole, and goes whole.
@Suite struct MigrationBackTests {
  private let number = MigrationHouse.schema("x: Int")
  private let string = MigrationHouse.schema("x: String")

  /// Makes rows that all hold `value`.
  private func fill(
    _ house: MigrationHouse, _ schema: String, _ count: Int, _ value: JSON
  ) async throws {
    try await house.serve(schema) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      _ = try await served.records.importBatch(
        try (0..<count).map { _ in
          try served.records.systemCreate(notes, ["x": value, "owner": owner])
        })
    }
  }

  @Test func importedRowsOfAnOldTimeTakeTheirValuesBack() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(number) { try await $0.create("notes", ["x": 1]) }
    try await house.apply(number, string)
    try await fill(house, string, 450, "7")
    try await house.serve(string) { served async throws in
      _ = try await served.database.write { transaction in
        try await transaction.execute(
          "UPDATE notes SET \(identifier: "updatedAt") = 1 WHERE x = \("7")")
      }
    }
    try await house.apply(string, number, isRollback: true)
    try await house.serve(number) { served async throws in
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE x = 7") == ["450"])
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE x = 1") == ["1"])
    }
  }

  @Test func aValueThatIsLeftBehindLeavesNoEarlierOne() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await fill(house, string, 250, "12")
    let work = Task {
      try await house.migrate(string, number) { migration, _ async throws in
        _ = try await migration.apply(
          allowing: ["Note.x"],
          onProgress: { _ in withUnsafeCurrentTask { $0?.cancel() } })
      }
    }
    let error = await #expect(throws: (any Error).self) { try await work.value }
    #expect(error is CancellationError)
    house.time.advance(1000)
    let now = house.time.now()
    try await house.serve(string) { served async throws in
      _ = try await served.database.write { transaction in
        try await transaction.execute(
          "UPDATE notes SET x = \("twelve"), \(identifier: "updatedAt") = \(now)")
      }
      try await served.create("notes", ["x": "13"])
    }
    try await house.apply(string, number)
    try await house.serve(number) { served async throws in
      #expect(try await served.texts("SELECT x FROM notes WHERE x IS NOT NULL") == ["13"])
    }
  }

  @Test func aCollectionIsForgottenWithItsRetiredFields() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    func schema(_ memo: String) -> String { MigrationHouse.schema("x: Int", others: memo) }
    let rules = "@collection @allow(ops: [ALL], owner: \"owner\")"
    let first = schema("type Memo \(rules) { owner: User! size: Int }")
    let second = schema("type Memo \(rules) { owner: User! }")
    try await house.serve(first) { try await $0.create("memos", ["size": 1]) }
    try await house.apply(first, second, allowing: ["Memo.size"])
    try await house.apply(second, number, allowing: ["Memo"])
    try await house.migrate(number, number) { _, database async throws in
      let kept = try await database.read(.snapshot) { try await RetiredParts.all(in: $0) }
      #expect(kept.map(\.name) == ["Memo.size", "Memo"])
      let gone = try await database.write { try await RetiredParts.forget(["Memo"], in: $0) }
      #expect(gone == ["Memo"])
      let left = try await database.read(.snapshot) { try await RetiredParts.all(in: $0) }
      #expect(left.isEmpty)
      #expect(try await database.write { try await RetiredParts.forget(nil, in: $0) }.isEmpty)
    }
    try await house.serve(number) { try await $0.create("notes", ["x": 1]) }
  }

  // MARK: What stands still

  @Test(arguments: [false, true]) func aRowThatWasWrittenSinceKeepsWhatItHadOfAnotherType(
    isRequired: Bool
  ) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: String\(isRequired ? "!" : "") y: Int")
    let after = MigrationHouse.schema("x: Int y: Int")
    try await house.serve(before) { served async throws in
      for text in ["huge", "007", "8", "9"] {
        try await served.create("notes", ["x": .string(text)])
      }
    }
    try await house.apply(before, after, allowing: ["Note.x"])
    try await house.serve(after) { served async throws in
      for item in try await served.list("notes") where item["x"] != 8 {
        try await served.update("notes", item["id"], ["y": 1])
        if item["x"] == 9 { try await served.update("notes", item["id"], ["x": 10]) }
      }
      try await served.create("notes", ["x": 11])
    }
    try await house.apply(after, before, isRollback: true)
    let back = try await house.serve(before) { try await $0.list("notes") }
    #expect(Set(back.map { $0["x"]?.string }) == ["huge", "007", "8", "10", "11"])
  }

  @Test func aRowThatGotNoValueStandsInTheWayOfARequiredOne() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: String!")
    try await house.serve(before) { try await $0.create("notes", ["x": "huge"]) }
    try await house.apply(before, number, allowing: ["Note.x"])
    try await house.serve(number) { try await $0.create("notes", [:]) }
    let refused = try await house.refusals(number, before, isRollback: true, allowing: ["Note.x"])
    #expect(refused == ["rows_in_the_way"])
    let plan = try await house.plan(number, before, isRollback: true)
    #expect(plan.broken.map { "\($0.code) \($0.breaking)" } == ["revert_field 1"])
    try await house.serve(number) { served async throws in
      for item in try await served.list("notes") {
        try await served.update("notes", item["id"], ["x": 1])
      }
    }
    try await house.apply(number, before, isRollback: true)
  }

  @Test func aValueThatAnEnumLostIsLeftBehindAndComesBack() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    func schema(_ values: String) -> String {
      MigrationHouse.schema(
        "e: E y: Int", directives: "@index(fields: [\"e\"])", others: "enum E { \(values) }")
    }
    let (before, after) = (schema("A B C"), schema("A B"))
    try await house.serve(before) { served async throws in
      for value in ["A", "C", "C"] { try await served.create("notes", ["e": .string(value)]) }
    }
    #expect(try await house.refusals(before, after) == ["rows_in_the_way"])
    #expect(try await house.refusals(before, after, allowing: ["Note.e"]) == [])
    try await house.serve(after) { served async throws in
      let items = try await served.list("notes")
      #expect(Set(items.map { $0["e"]?.string }) == ["A", nil])
      let left = items.first { $0["e"]?.isNull ?? true }
      try await served.update("notes", left?["id"], ["y": 1])
    }
    #expect(try await house.plan(after, after).isEmpty)
    try await house.apply(after, before, isRollback: true)
    let back = try await house.serve(before) { try await $0.list("notes") }
    #expect(back.compactMap { $0["e"]?.string }.sorted() == ["A", "C", "C"])
  }

  @Test func valuesAreLeftBehindByAMigrationThatIsUnderWay() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: Int e: E", others: "enum E { A B C }")
    let after = MigrationHouse.schema("x: String e: E", others: "enum E { A B }")
    try await house.serve(before) { served async throws in
      for _ in 0..<3 { try await served.create("notes", ["e": "A", "x": 1]) }
    }
    let work = Task {
      try await house.migrate(before, after) { migration, _ async throws in
        _ = try await migration.apply(
          onProgress: { _ in withUnsafeCurrentTask { $0?.cancel() } })
      }
    }
    _ = try? await work.value
    house.time.advance(1000)
    try await house.serve(before) { try await $0.create("notes", ["e": "C"]) }
    #expect(try await house.refusals(before, after) == ["rows_in_the_way"])
    #expect(try await house.refusals(before, after, allowing: ["Note.e"]) == [])
    let rows = try await house.serve(after) { try await $0.list("notes") }
    #expect(rows.map { $0["e"]?.text ?? "" }.sorted() == ["\"A\"", "\"A\"", "\"A\"", "null"])
  }
}
