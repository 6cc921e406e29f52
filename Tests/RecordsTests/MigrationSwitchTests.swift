import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

/// What is written between the look at the rows and the switch, and what an interrupted migration
/// remembers.
@Suite struct MigrationSwitchTests {
  private static let others = "enum E { A B } type Use @collection { e: E }"
  private let string = MigrationHouse.schema("x: String")
  private let number = MigrationHouse.schema("x: Int")

  /// Applies while a server of the schema of before writes `body` behind the look at the rows; returns
  /// the faults.
  private func faults(
    _ house: MigrationHouse, _ before: String, _ after: String, writing body: JSON,
    then change: SQL? = nil
  ) async throws -> [MigrationFault] {
    try await house.migrate(before, after) { migration, database async throws in
      let people = TestPeople()
      let ann = Caller(uid: UUID(high: 0xA, low: 1))
      people.known.withLock { $0 = [ann.uid ?? .zero] }
      let records = try await RecordStore.open(
        try SchemaModel.load(source: before), on: database,
        ambient: Ambient(time: house.time, logger: Logger(level: .error)), people: people)
      guard let notes = records.catalogue.collection(named: "notes") else { return [] }
      do {
        _ = try await migration.apply(ahead: { _ in
          _ = try await records.create(notes, body, by: .caller(ann))
          if let change { _ = try await database.write { try await $0.execute(change) } }
        })
        return []
      } catch let error as MigrationRefused {
        return error.faults
      }
    }
  }

  @Test(
    arguments: [
      ("x: Int", "x: Int @constraint(max: 9)", ["x": 10], ["x": 9]),
      ("x: Int", "x: Int!", [:], ["x": 2]),
      ("x: String", "x: E", ["x": "C"], ["x": "A"]),
      ("x: String", "x: String @unique", ["x": "B"], ["x": "A"]),
      ("x: Int", "x: Int y: String!", ["x": 2], nil),
    ] as [(String, String, JSON, JSON?)]) func aRowThatIsWrittenMeanwhileIsLookedAt(
      before: String, after: String, bad: JSON, good: JSON?
    ) async throws
  {
    let old = MigrationHouse.schema(before, others: Self.others)
    let new = MigrationHouse.schema(after, others: Self.others)
    let isText = before == "x: String"
    let isEmpty = good == nil
    for (body, isRefused) in [(bad, true), (good ?? [:], false)] where isRefused || !isEmpty {
      let house = MigrationHouse()
      defer { house.remove() }
      try await house.serve(old) { served async throws in
        if !isEmpty { try await served.create("notes", ["x": isText ? "B" : 1]) }
      }
      let faults = try await faults(house, old, new, writing: body)
      #expect(faults.map(\.code) == (isRefused ? ["rows_in_the_way"] : []))
      guard isRefused else { continue }
      let text = faults.first?.message ?? ""
      #expect(text.contains("in the way, written since they were looked at"), "\(text)")
      // Nothing was switched to.
      try await house.serve(old) { served async throws in
        #expect(try await served.list("notes").count == (isEmpty ? 1 : 2))
      }
    }
  }

  @Test func allRowsAreLookedAtWhereTheLogDoesNotReachBack() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let after = MigrationHouse.schema("x: Int @constraint(max: 9)")
    try await house.serve(number) { try await $0.create("notes", ["x": 1]) }
    let faults = try await faults(
      house, number, after, writing: ["x": 10], then: "DELETE FROM roost_log")
    #expect(faults.map(\.code) == ["rows_in_the_way"])
  }

  // MARK: Interrupted

  /// Makes 250 notes, and ends a migration after its first piece.
  private func interrupt(
    _ house: MigrationHouse, _ before: String, _ after: String,
    _ values: [(key: String, value: JSON)],
    allowing: Set<String> = []
  ) async throws {
    try await house.serve(before) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      let row = JSON.object(JSONObject(uniqueMembers: values + [(key: "owner", value: owner)]))
      _ = try await served.records.importBatch(
        try (0..<250).map { _ in try served.records.systemCreate(notes, row) })
    }
    house.time.advance(1000)
    let work = Task {
      try await house.migrate(before, after) { migration, _ async throws in
        _ = try await migration.apply(
          allowing: allowing, onProgress: { _ in withUnsafeCurrentTask { $0?.cancel() } })
      }
    }
    let error = await #expect(throws: (any Error).self) { try await work.value }
    #expect(error is CancellationError)
    house.time.advance(1000)
  }

  /// Writes `body` into the first of the notes, which are converted already.
  private func write(_ house: MigrationHouse, _ schema: String, _ body: JSON, to place: Int = 0)
    async throws
  {
    try await house.serve(schema) { served async throws in
      let ids = try await served.database.read(.statement) { reader in
        try await reader.all("SELECT id FROM notes ORDER BY id LIMIT 9") { $0.uuid(0) ?? .zero }
      }
      try await served.update("notes", .string(ids[place].description), body)
    }
    house.time.advance(1000)
  }

  @Test func aRowThatNoLongerFitsStopsTheSwitchAndTheMigrationGoesOnLater() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let after = MigrationHouse.schema("x: Int @constraint(max: 50)")
    try await interrupt(house, string, after, [("x", "12")])
    try await write(house, string, ["x": "99"])
    let refused = await #expect(throws: MigrationRefused.self) {
      try await house.apply(string, after)
    }
    #expect(refused?.faults.map(\.code) == ["rows_in_the_way"])
    #expect(refused?.faults.first?.message.contains(": 1 row stands in the way") == true)
    try await write(house, string, ["x": "13"])
    // A row whose time is its own is converted again all the same.
    try await write(house, string, ["x": "14"], to: 1)
    try await house.serve(string) { served async throws in
      _ = try await served.database.write { transaction in
        try await transaction.execute(
          "UPDATE notes SET \(identifier: "updatedAt") = 1 WHERE x = \("14")")
      }
    }
    try await house.apply(string, after)
    try await house.serve(after) { served async throws in
      #expect(
        try await served.texts("SELECT x FROM notes WHERE x <> 12 ORDER BY x") == ["13", "14"])
    }
  }

  @Test func whatWasAllowedIsRememberedAndWhatWasNotIsAskedFor() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: String y: Int")
    try await interrupt(
      house, before, number, [("x", "12"), ("y", 1)], allowing: ["Note.y"])
    func record(_ text: Value) async throws {
      try await house.migrate(before, number) { _, database async throws in
        _ = try await database.write { transaction in
          try await transaction.execute("UPDATE roost_migration_run SET allowed = \(text)")
        }
      }
    }
    try await record(.null)
    #expect(try await house.refusals(before, number) == ["data_loss"])
    try await record(.text("[\"Note.y\"]"))
    // One value that is converted already becomes another, and one that is not.
    try await write(house, before, ["x": "twelve"])
    try await house.serve(before) { try await $0.create("notes", ["x": "twenty"]) }
    await #expect(throws: (any Error).self) { try await house.apply(before, number) }
    try await house.apply(before, number, allowing: ["Note.x"])
    try await house.serve(number) { served async throws in
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE x IS NULL") == ["2"])
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE x = 12") == ["249"])
    }
  }

  // MARK: Rows that are still being filled

  @Test func aFieldThatIsRenamedWhileItIsFilledIsFilledUnderItsNewName() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let first = MigrationHouse.schema("x: Int")
    let second = MigrationHouse.schema("x: Int stars: Int! @default(value: \"3\")")
    let third = MigrationHouse.schema(
      "x: Int points: Int! @default(value: \"3\") @was(name: \"stars\")")
    let count = 1250
    try await house.serve(first) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      for _ in 0..<(count / 250) {
        _ = try await served.records.importBatch(
          try (0..<250).map { _ in try served.records.systemCreate(notes, ["owner": owner]) })
      }
    }
    house.time.advance(1000)
    try await house.serve(second) { served async throws in
      #expect(try await served.texts("SELECT state FROM roost_migration_run") == ["filling"])
    }
    try await house.apply(second, third)
    try await house.serve(third) { served async throws in
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE version = 2") == ["\(count)"])
      #expect(
        try await served.texts("SELECT state FROM roost_migration_run ORDER BY number")
          == ["done", "done"])
    }
  }
}
