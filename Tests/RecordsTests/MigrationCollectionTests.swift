import Queries
import Records
import RoostCore
import Schema
import Testing

/// Collections that are dropped and come back.
@Suite struct MigrationCollectionTests {
  private static func memo(_ fields: String) -> String {
    "type Memo @collection @allow(ops: [ALL], owner: \"owner\") { owner: User! \(fields) }"
  }
  private let one = MigrationHouse.schema("text: String")
  private let two = MigrationHouse.schema("text: String", others: memo("size: Int @unique"))

  /// The sizes of the memos that ann sees, in order.
  private func sizes(_ house: MigrationHouse, _ schema: String) async throws -> [String] {
    try await house.serve(schema) { served async throws in
      try await served.list("memos").map { $0["size"]?.text ?? "" }.sorted()
    }
  }

  private func kept(_ house: MigrationHouse, _ schema: String) async throws -> [String] {
    try await house.migrate(schema, schema) { _, database async throws in
      try await database.read(.snapshot) { reader in
        try await RetiredParts.all(in: reader).map { "\($0.name) \($0.rows)" }
      }
    }
  }

  @Test func aDroppedCollectionComesBackWithItsRowsTheirIndexAndTheirStreams() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(two) { served async throws in
      try await served.create("memos", ["size": 1])
      try await served.create("memos", ["size": 2])
    }
    try await house.apply(two, one, allowing: ["Memo"])
    try await house.serve(one) { try await $0.create("notes", ["text": "a"]) }
    let plan = try await house.plan(one, two, isRollback: true)
    #expect(plan.steps.map(\.code).contains("restore_collection"))
    try await house.apply(one, two, isRollback: true)
    #expect(try await sizes(house, two) == ["1", "2"])
    #expect(try await kept(house, two) == [])
    try await house.serve(two) { served async throws in
      let error = await refusal { try await served.create("memos", ["size": 1]) }
      #expect(error?.code == .conflict)
      try await served.create("memos", ["size": 3])
      #expect(try await served.list("notes").count == 1)
      // Two that came back, the new one and the note.
      #expect(
        try await served.texts("SELECT count(*) FROM roost_scope_row WHERE kind = 1") == ["4"])
    }
    #expect(try await house.plan(two, two).isEmpty)
  }

  @Test func aCollectionOfTheSameNameThatIsMadeAnewIsNeverMixedWithIt() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(two) { try await $0.create("memos", ["size": 1]) }
    try await house.apply(two, one, allowing: ["Memo"])
    let words = try await house.plan(one, two).steps.map(\.text)
    #expect(
      words.contains { $0.contains("Memo, empty: the rows that were kept as memos$retired$") })
    try await house.serve(two) { served async throws in
      #expect(try await served.list("memos").isEmpty)
      try await served.create("memos", ["size": 1])
      try await served.create("memos", ["size": 7])
    }
    #expect(try await house.refusals(two, one, isRollback: true) == ["data_loss"])
    try await house.apply(two, one, isRollback: true, allowing: ["Memo"])
    #expect(try await kept(house, one) == ["Memo 1", "Memo 2"])
    try await house.apply(one, two, isRollback: true)
    #expect(try await sizes(house, two) == ["1"])
    #expect(try await kept(house, two) == ["Memo 2"])
  }

  @Test func whatARollbackTookBackComesAgainAndIsHeldToTheSchemaOfThen() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(one) { try await $0.create("notes", ["text": "a"]) }
    try await house.apply(one, two)
    try await house.serve(two) { served async throws in
      try await served.create("memos", ["size": 1])
      try await served.create("memos", ["size": 20])
    }
    try await house.apply(two, one, isRollback: true, allowing: ["Memo"])
    let notes = try await house.serve(one) { try await $0.list("notes") }
    #expect(notes.count == 1)
    // A start does not know of the rows.
    await #expect(throws: SchemaChangeError.self) { try await house.serve(two) { _ in } }
    let narrow = MigrationHouse.schema(
      "text: String", others: Self.memo("size: Int @constraint(max: 9)"))
    #expect(try await house.refusals(one, narrow) == ["rows_in_the_way"])
    let other = MigrationHouse.schema(
      "text: String",
      others: Self.memo(
        "size: String @constraint(maxLength: 2) kind: String @default(value: \"x\")"))
    try await house.apply(one, other)
    #expect(try await sizes(house, other) == ["\"1\"", "\"20\""])
    let kinds = try await house.serve(other) { try await $0.list("memos").map { $0["kind"] } }
    #expect(kinds == ["x", "x"])
  }

  @Test func fieldsThatWereDroppedBeforeItsCollectionComeBackAfterIt() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let first = MigrationHouse.schema("text: String", others: Self.memo("size: Int more: Int"))
    let second = MigrationHouse.schema("text: String", others: Self.memo("more: Int"))
    try await house.serve(first) { try await $0.create("memos", ["size": 4, "more": 5]) }
    try await house.apply(first, second, allowing: ["Memo.size"])
    try await house.apply(second, one, allowing: ["Memo"])
    try await house.apply(one, second, isRollback: true)
    try await house.serve(second) { served async throws in
      #expect(try await served.list("memos").map { $0["more"] } == [5])
    }
    try await house.apply(second, first, isRollback: true)
    #expect(try await sizes(house, first) == ["4"])
  }

  @Test func itComesBackBesideARenameOfWhatItRefersTo() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let first = MigrationHouse.schema("text: String", others: Self.memo("note: Note @relation"))
    let second = MigrationHouse.schema(
      "text: String", type: "Paper", directives: "@was(name: \"Note\")")
    let note = try await house.serve(first) { served async throws in
      let note = try await served.create("notes", ["text": "a"])
      try await served.create("memos", ["note": note["id"] ?? .null])
      return note["id"]
    }
    try await house.apply(first, second, allowing: ["Memo"])
    try await house.serve(second) { try await $0.create("papers", ["text": "b"]) }
    try await house.apply(second, first, isRollback: true)
    try await house.serve(first) { served async throws in
      #expect(try await served.list("memos").map { $0["note"] } == [note])
      #expect(try await served.list("notes").count == 2)
    }
  }
}
