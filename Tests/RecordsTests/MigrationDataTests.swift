import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

@Suite struct MigrationDataTests {
  private let text = MigrationHouse.schema("text: String")
  private let empty = MigrationHouse.schema("")

  // MARK: Dropping

  @Test func whatIsDroppedMustBeNamedAndComesBack() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { try await $0.create("notes", ["text": "a"]) }
    #expect(try await house.refusals(text, empty) == ["data_loss"])
    #expect(try await house.refusals(text, empty, allowing: ["Note.other"]) == ["data_loss"])
    try await house.apply(text, empty, allowing: ["Note.text"])
    try await house.serve(empty) { served async throws in
      #expect(try await served.list("notes").map { $0["text"] } == [nil])
      try await served.create("notes", [:])
    }
    try await house.apply(empty, text, isRollback: true)
    let back = try await house.serve(text) { try await $0.list("notes") }
    #expect(Set(back.map { $0["text"] }.map { $0?.text }) == ["\"a\"", "null"])
  }

  @Test func aDroppedCollectionIsKeptAndItsRowsLeaveTheStreams() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let other = "type Memo @collection @allow(ops: [ALL], owner: \"owner\") { owner: User! }"
    let two = MigrationHouse.schema("text: String", others: other)
    try await house.serve(two) { try await $0.create("memos", [:]) }
    #expect(try await house.refusals(two, text) == ["data_loss"])
    try await house.apply(two, text, allowing: ["Memo"])
    try await house.serve(text) { served async throws in
      #expect(try await served.texts("SELECT kind FROM roost_scope_row") == ["3"])
      #expect(try await served.texts("SELECT count(*) FROM roost_retired") == ["1"])
      #expect(
        try await served.texts(
          "SELECT count(*) FROM roost_scope_head WHERE seq = 2 AND removal_seq = 2") == ["1"])
    }
  }

  @Test func whatIsForgottenIsGone() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { try await $0.create("notes", ["text": "a"]) }
    try await house.apply(text, empty, allowing: ["Note.text"])
    let sizes = try await house.migrate(empty, text) { _, database async throws in
      let parts = try await database.read(.snapshot) { try await RetiredParts.all(in: $0) }
      let gone = try await database.write { try await RetiredParts.forget(nil, in: $0) }
      #expect(gone == ["Note.text"])
      return parts.map { [$0.rows, $0.bytes] }
    }
    #expect(sizes == [[1, 1]])
    try await house.serve(empty) { served async throws in
      #expect(try await served.list("notes").count == 1)
    }
    try await house.apply(empty, text, isRollback: true)
    try await house.serve(text) { served async throws in
      #expect(try await served.list("notes").map { $0["text"] } == [.null])
    }
  }

  // MARK: Adding

  @Test func aNewFieldIsTakenBackWithItsValuesAndComesAgainWithThem() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let stars = MigrationHouse.schema("text: String stars: Int! @default(value: \"3\")")
    let made = try await house.serve(text) { try await $0.create("notes", ["text": "a"]) }
    try await house.apply(text, stars)
    try await house.serve(stars) { served async throws in
      #expect(try await served.list("notes").map { $0["stars"] } == [3])
      try await served.update("notes", made["id"], ["stars": 5])
    }
    try await house.apply(stars, text, isRollback: true)
    try await house.serve(text) { served async throws in
      #expect(try await served.list("notes").map { $0["text"] } == ["a"])
      try await served.create("notes", ["text": "b"])
    }
    // A start does not know of what is kept.
    await #expect(throws: SchemaChangeError.self) { try await house.serve(stars) { _ in } }
    try await house.apply(text, stars)
    let rows = try await house.serve(stars) { try await $0.list("notes") }
    #expect(Set(rows.compactMap { $0["stars"]?.int }) == [5, 3])
  }

  /// Writes notes, a multiple of 250, at a server of the schema `text`.
  private func write(_ count: Int, _ text: String, _ house: MigrationHouse) async throws {
    try await house.serve(text) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      let creates = try (0..<count).map { _ in
        try served.records.systemCreate(notes, ["text": "a", "owner": owner])
      }
      for part in stride(from: 0, to: count, by: 250) {
        _ = try await served.records.importBatch(Array(creates[part..<part + 250]))
      }
    }
  }

  @Test func manyRowsGetTheDefaultAtOnceAndTheChangeInPieces() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let count = 1250
    try await write(count, text, house)
    house.time.advance(1000)
    let stars = MigrationHouse.schema("text: String stars: Int! @default(value: \"3\")")
    try await house.serve(stars) { served async throws in
      #expect(try await served.texts("SELECT count(*) FROM notes WHERE stars = 3") == ["\(count)"])
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE version = 1") == ["\(count)"])
      house.time.advance(1000)
      let young = try await served.create("notes", ["text": "b"])
      house.time.advance(1000)
      let runner = MigrationRunner(database: served.database, time: house.time)
      #expect(try await runner.isFilling())
      let steps = Mutex<[Int]>([])
      try await runner.fill(served.records.catalogue) { progress in
        steps.withLock { $0.append(progress.done) }
      }
      #expect(steps.withLock { $0.count } == count / 200 + 1)
      #expect(try await !runner.isFilling())
      // Rows are counted when they are gone through: those of the field, and the young one.
      #expect(
        try await served.texts("SELECT total FROM roost_migration_task") == ["\(count + 1)"])
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE version = 2") == ["\(count)"])
      #expect(
        try await served.texts("SELECT count(*) FROM roost_log WHERE mutation = '{\"stars\":3}'")
          == ["\(count)"])
      #expect(try await served.read("notes", young["id"])["version"] == 1)
      #expect(try await served.texts("SELECT state FROM roost_migration_run") == ["done"])
      // The entries in the streams are at the versions of the rows.
      #expect(
        try await served.texts(
          "SELECT count(*) FROM roost_scope_row s JOIN notes n ON n.id = s.id WHERE s.rv = n.version"
        )
          == ["\(count + 1)"])
    }
  }

  @Test func twoWhoGoThroughRowsAtATimeChangeEachOnceAndWaitForEachOther() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let count = 1250
    try await write(count, text, house)
    house.time.advance(1000)
    let stars = MigrationHouse.schema("text: String stars: Int! @default(value: \"3\")")
    try await house.serve(stars) { served async throws in
      let runner = MigrationRunner(database: served.database, time: house.time)
      let catalogue = served.records.catalogue
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<2 {
          group.addTask {
            try await runner.fill(catalogue)
            return try await runner.isFilling()
          }
        }
        for try await isFilling in group { #expect(!isFilling) }
      }
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE version = 2") == ["\(count)"])
      #expect(
        try await served.texts("SELECT count(*) FROM roost_log WHERE mutation = '{\"stars\":3}'")
          == ["\(count)"])
    }
  }

  // MARK: Tightening

  @Test(arguments: [
    ("text: String!", 1), ("text: String @constraint(maxLength: 3)", 1),
    ("text: String @unique", 2), ("text: String more: Int!", 4),
    ("text: String @constraint(pattern: \"^[a-z]+$\")", 1),
  ]) func rowsThatStandInTheWayAreCountedAndListed(fields: String, count: Int) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let after = MigrationHouse.schema(fields)
    try await house.serve(text) { served async throws in
      for body in [["text": "a"], ["text": "a"], ["text": "long2"], [:]] as [JSON] {
        try await served.create("notes", body)
      }
    }
    let rows = Mutex<[BreakingRow]>([])
    let plan = try await house.migrate(text, after) { migration, _ async throws in
      try await migration.plan { row in rows.withLock { $0.append(row) } }
    }
    #expect(plan.broken.map(\.breaking) == [count])
    #expect(rows.withLock { $0.count } == count)
    #expect(try await house.refusals(text, after) == ["rows_in_the_way"])
    try await house.serve(text) { served async throws in
      #expect(try await served.list("notes").count == 4)
    }
  }

  @Test func rowsThatFitLetTheBoundsBeNarrowed() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { try await $0.create("notes", ["text": "abc"]) }
    let after = MigrationHouse.schema("text: String! @unique @constraint(maxLength: 3)")
    try await house.apply(text, after)
    try await house.serve(after) { served async throws in
      #expect(try await served.list("notes").count == 1)
    }
    #expect(try await house.plan(after, after).isEmpty)
  }

  // MARK: Interruptions

  /// Makes rows whose `x` counts from 0.
  private func fill(_ house: MigrationHouse, _ schema: String, _ count: Int) async throws {
    try await house.serve(schema) { served async throws in
      let notes = served.collection("notes")
      let owner = served.ann.uid.map { JSON.string($0.description) } ?? .null
      _ = try await served.records.importBatch(
        try (0..<count).map {
          try served.records.systemCreate(notes, ["x": .int(Int64($0)), "owner": owner])
        })
    }
  }

  @Test(arguments: [0, 1, 2, 3]) func aConversionGoesOnWhereItWasEnded(pieces: Int) async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: Int")
    let after = MigrationHouse.schema("x: String")
    try await fill(house, before, 500)
    await house.interrupt(before, after, after: pieces)
    // The old schema is still served, and writes what the new one is to have.
    let isSwitched = try await house.migrate(before, after) { _, database async throws in
      try await database.read(.statement) { reader in
        let runs = try await MigrationRun.all(in: reader)
        return runs.last?.state != .converting
      }
    }
    #expect(isSwitched == (pieces == 3))
    if !isSwitched {
      house.time.advance(1000)
      try await house.serve(before) { served async throws in
        try await served.create("notes", ["x": 500])
        let first = try await served.list("notes").first
        try await served.update("notes", first?["id"], ["x": 700])
      }
      let other = MigrationHouse.schema("x: Float")
      #expect(try await house.refusals(before, other) == ["migration_open"])
    }
    try await house.apply(before, after)
    try await house.serve(after) { served async throws in
      let count = isSwitched ? 500 : 501
      #expect(
        try await served.texts("SELECT count(*) FROM notes WHERE x IS NOT NULL") == [
          "\(count)"
        ])
      let changed = try await served.texts("SELECT count(*) FROM notes WHERE x = '700'")
      #expect(changed == [isSwitched ? "0" : "1"])
    }
  }

  @Test func aConversionIsGivenUp() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    let before = MigrationHouse.schema("x: Int")
    let after = MigrationHouse.schema("x: String")
    try await fill(house, before, 250)
    let work = Task {
      try await house.migrate(before, after) { migration, _ async throws in
        _ = try await migration.apply { _ in withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    let error = await #expect(throws: (any Error).self) { try await work.value }
    #expect(error is CancellationError)
    try await house.migrate(before, after) { _, database async throws in
      #expect(try await SchemaMigration.cancel(on: database, time: house.time))
      #expect(try await !SchemaMigration.cancel(on: database, time: house.time))
    }
    for (schema, value) in [(before, "number"), (after, "text")] {
      if schema == after { try await house.apply(before, after) }
      try await house.serve(schema) { served async throws in
        let values = try await served.list("notes").map { $0["x"]?.text ?? "" }
        #expect(values.allSatisfy { $0.hasPrefix("\"") == (value == "text") })
      }
    }
  }

  // MARK: Two versions side by side

  @Test func aServerOfAnOlderSchemaWritesNoMore() async throws {
    let house = MigrationHouse()
    defer { house.remove() }
    try await house.serve(text) { old async throws in
      guard old.database.dialect.hasOtherWriters else { return }
      old.recorder.writes(by: old.records.catalogue.generation)
      let made = try await old.create("notes", ["text": "a"])
      let stars = MigrationHouse.schema("text: String stars: Int! @default(value: \"3\")")
      // Additions let it go on, and its rows have the default.
      try await house.apply(text, stars)
      let second = try await old.create("notes", ["text": "b"])
      #expect(!old.recorder.isOutdated)
      try await house.serve(stars) { served async throws in
        #expect(try await served.read("notes", second["id"])["stars"] == 3)
      }
      let last = MigrationHouse.schema(
        "text: String stars: Int! @default(value: \"3\") @constraint(max: 9)")
      try await house.apply(stars, last)
      let error = await refusal { try await old.update("notes", made["id"], ["text": "c"]) }
      #expect(error?.code == .draining)
      #expect(old.recorder.isOutdated)
    }
  }
}
