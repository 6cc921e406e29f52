import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

/// What was one field and is several: forward, interrupted, and back.
@Suite struct MigrationSplitTests {
  private static let first =
    "firstName: String! @was(name: \"name\", expr: \"{name | before last ' '}\""
  private static let last =
    "lastName: String @was(name: \"name\", expr: \"{name | after last ' '}\")"
  private static let back = ", back: \"{firstName} {lastName}\")"

  private let one = MigrationHouse.schema("name: String!")
  private let two = MigrationHouse.schema("\(first)\(back) \(last)")

  private func names(_ house: MigrationHouse, _ schema: String) async throws -> Set<String> {
    try await house.serve(schema) { served async throws in
      Set(
        try await served.list("notes").map { item in
          ["name", "firstName", "lastName"].compactMap { item[$0] }.map {
            $0.string ?? "-"
          }.joined(separator: "|")
        })
    }
  }

  private func write(
    _ house: MigrationHouse, _ schema: String, _ bodies: [JSON]
  ) async throws {
    try await house.serve(schema) { served async throws in
      for body in bodies { try await served.create("notes", body) }
    }
    house.time.advance(1000)
  }

  @Test func aFieldIsSplitAndPutTogetherAgain() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await write(house, one, [["name": "Ann  Bach"], ["name": "Cher"], ["name": "Jo An Oz"]])
    let plan = try await house.plan(one, two)
    #expect(
      plan.steps.map { "\($0.code) \($0.item) \($0.kind)" } == [
        "split_field Note.firstName explicit", "split_field Note.lastName explicit",
        "retire_field Note.name explicit",
      ])
    #expect(plan.steps.last?.wayBack.contains("{firstName} {lastName}") == true)
    // It is nothing that a start does.
    await #expect(throws: SchemaChangeError.self) { try await house.serve(two) { _ in } }
    try await house.apply(one, two)
    #expect(try await names(house, two) == ["Ann|Bach", "Cher|-", "Jo An|Oz"])
    #expect(try await house.plan(two, two).isEmpty)
    try await house.serve(two) { served async throws in
      for item in try await served.list("notes") where item["firstName"] == "Jo An" {
        try await served.update("notes", item["id"], ["lastName": "Poe"])
      }
      for item in try await served.list("notes") where item["firstName"] == "Ann" {
        // A change that leaves the name as it is leaves its spelling, too.
        try await served.update("notes", item["id"], ["lastName": "Bach"])
      }
      try await served.create("notes", ["firstName": "Zoe", "lastName": .null])
    }
    try await house.apply(two, one, isRollback: true)
    #expect(try await names(house, one) == ["Ann  Bach", "Cher", "Jo An Poe", "Zoe"])
    try await house.serve(one) { served async throws in
      for item in try await served.list("notes") where item["name"] == "Cher" {
        try await served.update("notes", item["id"], ["name": "Cher Bono"])
      }
      try await served.create("notes", ["name": "New One"])
    }
    house.time.advance(1000)
    try await house.apply(one, two)
    #expect(
      try await names(house, two) == ["Ann|Bach", "Cher|Bono", "Jo An|Poe", "Zoe|-", "New|One"])
  }

  @Test func aTextBecomesANumberAndAUnit() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let old = MigrationHouse.schema("size: String")
    let new = MigrationHouse.schema(
      """
      amount: Float @was(name: "size", expr: "{size | number}", back: "{amount} {unit}")
      unit: Unit @was(name: "size", expr: "{size | after number}")
      """, others: "enum Unit { kg g }")
    try await write(house, old, [["size": "12.5 kg"], ["size": "3g"], [:]])
    try await house.apply(old, new)
    try await house.serve(new) { served async throws in
      let items = try await served.list("notes")
      #expect(Set(items.map { $0["amount"]?.text ?? "" }) == ["12.5", "3", "null"])
      #expect(Set(items.map { $0["unit"]?.text ?? "" }) == ["\"kg\"", "\"g\"", "null"])
    }
  }

  // MARK: Rows in the way

  @Test func rowsThatDoNotFitAreCountedAndListed() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let old = MigrationHouse.schema("size: String")
    let new = MigrationHouse.schema(
      """
      amount: Int! @was(name: "size", expr: "{size | before ' '}") @constraint(max: 50)
      unit: Unit @was(name: "size", expr: "{size | after ' '}")
      """, others: "enum Unit { kg g }")
    let bodies: [JSON] = [
      ["size": "12 kg"], ["size": "many kg"], ["size": "99 g"], ["size": "3 lb"], [:],
    ]
    try await write(house, old, bodies)
    let rows = Mutex<[BreakingRow]>([])
    let plan = try await house.migrate(old, new) { migration, _ async throws in
      try await migration.plan { row in rows.withLock { $0.append(row) } }
    }
    #expect(plan.steps.map(\.breaking) == [3, 1, 0])
    let told = rows.withLock { $0.map { "\($0.item) \($0.value.text) \($0.code)" } }
    #expect(
      Set(told) == [
        "Note.amount \"many kg\" type", "Note.amount \"99 g\" max", "Note.amount null required",
        "Note.unit \"3 lb\" enum",
      ], "\(told)")
    // What is required cannot be left behind, what is not can.
    #expect(
      try await house.refusals(old, new, allowing: ["Note.amount", "Note.unit"])
        == ["rows_in_the_way"])
    #expect(try await house.refusals(old, new) == ["rows_in_the_way", "rows_in_the_way"])
    try await house.serve(old) { served async throws in
      for item in try await served.list("notes") where item["size"] != "12 kg" {
        try await served.update(
          "notes", item["id"], ["size": item["size"] == "3 lb" ? "3 lb" : "1"])
      }
    }
    #expect(try await house.refusals(old, new) == ["rows_in_the_way"])
    #expect(try await house.refusals(old, new, allowing: ["Note.unit"]) == [])
    try await house.serve(new) { served async throws in
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE unit = 'kg'") == ["1"])
      #expect(try await served.texts("SELECT sum(amount) FROM notes") == ["18"])
    }
  }

  @Test(arguments: [("String", ["null"]), ("String!", ["rows_in_the_way"])])
  func withoutAWayBackRowsHaveNothing(type: String, expected: [String]) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let old = MigrationHouse.schema("name: \(type)")
    let new = MigrationHouse.schema("\(Self.first)) \(Self.last)")
    try await write(house, old, [["name": "Ann Bach"]])
    let plan = try await house.plan(old, new)
    #expect(
      plan.steps.last?.wayBack.contains(type == "String" ? "have none" : "stand in the way") == true
    )
    try await house.apply(old, new)
    try await write(house, new, [["firstName": "Zoe", "lastName": "Poe"]])
    let refusals = try await house.refusals(new, old, isRollback: true)
    guard type == "String" else {
      #expect(refusals == expected)
      #expect(try await names(house, new) == ["Ann|Bach", "Zoe|Poe"])
      return
    }
    #expect(refusals == [])
    #expect(try await names(house, old) == ["Ann Bach", "-"])
    // What the newer schema wrote is kept, and comes back.
    try await house.apply(old, new)
    #expect(try await names(house, new) == ["Ann|Bach", "Zoe|Poe"])
  }

  // MARK: Nothing

  @Test func thatNothingWasThereIsKeptToo() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let one = MigrationHouse.schema("name: String @default(value: \"Anon\")")
    let two = MigrationHouse.schema(
      """
      firstName: String @was(name: "name", expr: "{name | before last ' '}", \
      back: "{firstName} {lastName}")
      lastName: String @was(name: "name", expr: "{name | after last ' '}")
      """)
    try await write(house, one, [["name": .null], ["name": "Ann Bach"]])
    try await house.apply(one, two)
    try await write(house, two, [["firstName": .null, "lastName": "Solo"]])
    try await house.apply(two, one, isRollback: true)
    #expect(try await names(house, one) == ["-", "Ann Bach", "Solo"])
    try await write(house, one, [["name": "New One"]])
    try await house.apply(one, two)
    #expect(try await names(house, two) == ["-|-", "Ann|Bach", "-|Solo", "New|One"])
    // A record that is younger has the default, where nothing says what it is.
    try await write(house, two, [["firstName": .null, "lastName": .null]])
    try await house.apply(two, one, isRollback: true)
    #expect(try await names(house, one) == ["-", "Ann Bach", "Solo", "New One", "Anon"])
  }

  // MARK: Interruptions

  private func fill(_ house: MigrationHouse, _ count: Int) async throws {
    try await house.serve(one) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      _ = try await served.records.importBatch(
        try (0..<count).map {
          try served.records.systemCreate(notes, ["name": .string("n\($0) x"), "owner": owner])
        })
    }
  }

  @Test(arguments: [0, 1, 4, 6]) func aSplitGoesOnWhereItWasEnded(pieces: Int) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await fill(house, 500)
    await house.interrupt(one, two, after: pieces)
    let state = try await house.migrate(one, two) { _, database async throws in
      try await database.read(.statement) { try await MigrationRun.all(in: $0).last?.state }
    }
    #expect((state == .converting) == (pieces < 6))
    if state == .converting {
      house.time.advance(1000)
      try await house.serve(one) { served async throws in
        try await served.create("notes", ["name": "late one"])
        let first = try await served.list("notes").first
        try await served.update("notes", first?["id"], ["name": "changed here"])
      }
      #expect(try await house.refusals(one, MigrationHouse.schema("")) == ["migration_open"])
    }
    try await house.apply(one, two)
    try await house.serve(two) { served async throws in
      let isOpen = state == .converting
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE \(identifier: "firstName") <> ''")
          == [isOpen ? "501" : "500"])
      #expect(
        try await served.texts(
          "SELECT count(*) FROM notes WHERE \(identifier: "lastName") IN ('one', 'here')")
          == [isOpen ? "2" : "0"])
      #expect(
        try await served.texts("SELECT count(*) FROM roost_field WHERE name LIKE '%next%'") == ["0"]
      )
    }
  }

  @Test func aSplitIsGivenUp() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await fill(house, 250)
    await house.interrupt(one, two, after: 0)
    try await house.migrate(one, two) { _, database async throws in
      #expect(try await SchemaMigration.cancel(on: database, time: house.time))
    }
    func count(_ condition: SQL) async throws -> [String] {
      try await house.migrate(one, one) { _, database async throws in
        try await database.read(.statement) { reader in
          try await reader.all("SELECT count(*) FROM notes WHERE \(condition)") { "\($0.int64(0))" }
        }
      }
    }
    #expect(try await count("name <> ''") == ["250"])
    try await house.apply(one, two)
    #expect(try await count("\(identifier: "lastName") = 'x'") == ["250"])
  }

  @Test func whatIsNoTextIsNotCut() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let old = MigrationHouse.schema("name: JSON")
    try await write(house, old, [["name": ["a": 1]]])
    #expect(try await house.refusals(old, two) == ["no_conversion", "no_conversion"])
    let none = MigrationHouse.schema("other: String")
    let unmatched = MigrationHouse.schema("other: String \(Self.last)")
    let fresh = MigrationHouse()
    defer { fresh.remove() }
    try await write(fresh, none, [[:]])
    #expect(try await fresh.refusals(none, unmatched) == ["rename_unmatched"])
  }
}
