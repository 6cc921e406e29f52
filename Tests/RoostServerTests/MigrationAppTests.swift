import Records
import RoostCore
import RoostServer
import Schema
import TestEngine
import Testing

/// What a server does when it finds a migration in its database.
@Suite struct MigrationAppTests {
  private func schema(_ fields: String, owner: String = "User!") throws -> SchemaModel {
    try SchemaModel.load(
      source: """
        type Note @collection @allow(ops: [ALL], owner: "owner") {
          owner: \(owner)
          \(fields)
        }
        """)
  }

  @Test func theLensesOfTheHistoryAreKept() async throws {
    let folder = TestEngine.folder("migration")
    defer { TestEngine.remove(folder) }
    let settings = try Settings(
      file: nil, environment: TestEngine.environment, flags: TestEngine.flags(folder))
    let ambient = Ambient(logger: Logger(level: .error))
    let first = try schema("text: String")
    let second = try schema("body: String @was(name: \"text\")")
    let app = try await App.open(first, data: folder, settings: settings, ambient: ambient)
    await app.close()
    let migration = AppMigration(data: folder, settings: settings, ambient: ambient)
    try await migration.apply(second, allowing: []) { _ in }
    let again = try await App.open(second, data: folder, settings: settings, ambient: ambient)
    let lenses = try await LensBook(database: again.database).all()
    await again.close()
    let lens = try #require(lenses.last?.lens.collection(oldName: "notes"))
    let record = JSONObject(uniqueMembers: [(key: "text", value: "a")])
    #expect(JSON.object(lens.forward(record).record) == ["body": "a"] as JSON)
    let status = try await migration.status()
    #expect(status.versions.map { "\($0.version)" } == ["1.0.0", "2.0.0"])
    #expect(status.runs.map(\.state) == [.done])
    await #expect(throws: (any Error).self) {
      _ = try await App.open(first, data: folder, settings: settings, ambient: ambient)
    }
  }

  // MARK: Back

  /// Serves a schema for a moment, with `count` new notes.
  private func serve(
    _ schema: SchemaModel, _ folder: String, _ settings: Settings, count: Int = 0
  ) async throws {
    let app = try await App.open(
      schema, data: folder, settings: settings, ambient: Ambient(logger: Logger(level: .error)))
    let notes = try #require(app.records.catalogue.collection(named: "notes"))
    for _ in 0..<(count / 250) {
      _ = try await app.records.importBatch(
        try (0..<250).map { _ in
          try app.records.systemCreate(notes, ["text": "a"])
        })
    }
    await app.close()
  }

  @Test func eachRollbackGoesBackOneSchemaOfTheLine() async throws {
    let folder = TestEngine.folder("migration")
    defer { TestEngine.remove(folder) }
    let settings = try Settings(
      file: nil, environment: TestEngine.environment, flags: TestEngine.flags(folder))
    let migration = AppMigration(
      data: folder, settings: settings, ambient: Ambient(logger: Logger(level: .error)))
    let first = try schema("text: String")
    let second = try schema("body: String @was(name: \"text\")")
    let third = try schema("body: String @was(name: \"text\") size: Int")
    try await serve(first, folder, settings)
    try await migration.apply(second, allowing: []) { _ in }
    // An addition, which a start makes without a word.
    try await serve(third, folder, settings)
    #expect(try await migration.rollback(allowing: []) { _ in } == second.source)
    #expect(try await migration.rollback(allowing: []) { _ in } == first.source)
    let error = await #expect(throws: MigrationRefused.self) {
      _ = try await migration.rollback(allowing: []) { _ in }
    }
    #expect(error?.faults.map(\.code) == ["no_history"])
    // What was taken back is ahead again, and not behind.
    try await migration.apply(second, allowing: []) { _ in }
    #expect(try await migration.plan(first).faults.map(\.code) == ["schema_behind"])
    #expect(try await migration.rollback(allowing: []) { _ in } == first.source)
  }

  @Test func anApplicationThatWasEndedWhileFillingIsTakenBackToTheSchemaBefore() async throws {
    let folder = TestEngine.folder("migration")
    defer { TestEngine.remove(folder) }
    let settings = try Settings(
      file: nil, environment: TestEngine.environment, flags: TestEngine.flags(folder))
    let migration = AppMigration(
      data: folder, settings: settings, ambient: Ambient(logger: Logger(level: .error)))
    let zeroth = try schema("text: String other: Int", owner: "User")
    let first = try schema("text: String", owner: "User")
    let second = try schema("text: String stars: Int! @default(value: \"3\")", owner: "User")
    try await serve(zeroth, folder, settings)
    try await migration.apply(first, allowing: ["Note.other"]) { _ in }
    try await serve(first, folder, settings, count: 1250)
    let work = Task {
      try await migration.apply(second, allowing: []) { _ in
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    let error = await #expect(throws: (any Error).self) { try await work.value }
    #expect(error is CancellationError)
    #expect(try await migration.status().runs.last?.state == .filling)
    #expect(try await migration.rollback(allowing: []) { _ in } == first.source)
    let status = try await migration.status()
    #expect(status.runs.map(\.state) == [.done, .superseded, .done])
    #expect(status.tasks.isEmpty)
    try await serve(first, folder, settings)
  }

  // MARK: What a start takes

  /// A note with `body`, under the schema of `fields`, in a folder of its own.
  private func filled(
    _ fields: String, _ body: JSON
  ) async throws -> (folder: String, settings: Settings, migration: AppMigration) {
    let folder = TestEngine.folder("migration")
    let settings = try Settings(
      file: nil, environment: TestEngine.environment, flags: TestEngine.flags(folder))
    let ambient = Ambient(logger: Logger(level: .error))
    let app = try await App.open(
      try schema(fields, owner: "User"), data: folder, settings: settings, ambient: ambient)
    let notes = try #require(app.records.catalogue.collection(named: "notes"))
    _ = try await app.records.importBatch([try app.records.systemCreate(notes, body)])
    await app.close()
    return (folder, settings, AppMigration(data: folder, settings: settings, ambient: ambient))
  }

  /// Why a start is refused; nil where it is not.
  private func refusal(
    _ fields: String, _ folder: String, _ settings: Settings
  ) async throws -> String? {
    do {
      try await serve(try schema(fields, owner: "User"), folder, settings)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func aStartTakesNarrowerBoundsWhereEveryRowFits() async throws {
    let (folder, settings, migration) = try await filled("text: String", ["text": "too long"])
    defer { TestEngine.remove(folder) }
    func bounded(_ length: Int) -> String { "text: String @constraint(maxLength: \(length))" }
    let narrow = try schema(bounded(3), owner: "User")
    let words = "hold Note.text to narrower bounds: 1 row stands in the way; mend it first"
    let plan = try await migration.plan(narrow)
    #expect(plan.steps.map { "\($0.code) \($0.kind)" } == ["narrow_field additive"])
    #expect(plan.rowsInTheWay([]).map(\.code) == ["rows_in_the_way"])
    let refused = try #require(try await refusal(bounded(3), folder, settings))
    #expect(refused.contains(words))
    let error = await #expect(throws: MigrationRefused.self) {
      try await migration.apply(narrow, allowing: []) { _ in }
    }
    #expect(error?.description.contains(words) == true)
    #expect(try await migration.status().versions.map { "\($0.version)" } == ["1.0.0"])
    #expect(try await refusal(bounded(8), folder, settings) == nil)
    #expect(try await refusal(bounded(8), folder, settings) == nil)
    #expect(try await refusal(bounded(7), folder, settings) != nil)
    #expect(try await refusal("text: String", folder, settings) == nil)
  }

  @Test func aStartNamesTheCommandForWhatItDoesNotDo() async throws {
    let (folder, settings, migration) = try await filled(
      "text: String size: Int at: DateTime", ["text": "a", "at": "1970-01-01T00:00:00Z"])
    defer { TestEngine.remove(folder) }
    let renamed = "body: String! @was(name: \"text\") size: Int64 at: DateTime"
    let told = try #require(try await refusal(renamed, folder, settings))
    #expect(
      told.contains("rename Note.text to body: not done by a start, but by roost migrate apply"))
    #expect(told.contains("change Note.size from Int to Int64: not done by a start"))
    #expect(!told.contains("put it back") && !told.contains("@default"))
    let gone = try #require(try await refusal("text: String at: DateTime", folder, settings))
    #expect(gone.contains("put it back"))
    #expect(gone.contains("roost migrate apply --allow-data-loss Note.size"))
    let last = try schema("text: String size: Int at: DateTime", owner: "User")
    let due = try SchemaModel.load(
      source: last.source.replacing(
        "owner: \"owner\")", with: "owner: \"owner\") @retention(after: \"at\", for: \"P1D\")"))
    let error = await #expect(throws: SchemaChangeError.self) {
      try await serve(due, folder, settings)
    }
    #expect(error?.description.contains("--allow-data-loss Note.@retention") == true)
    try await migration.apply(due, allowing: ["Note.@retention"]) { _ in }
    try await serve(due, folder, settings)
    #expect(try await migration.plan(due).isEmpty)
  }

  @Test func anotherSchemaIsToldOfTheMigrationThatIsUnderWay() async throws {
    let (folder, settings, migration) = try await filled("text: String", ["text": "1"])
    defer { TestEngine.remove(folder) }
    let work = Task {
      try await migration.apply(try schema("text: Int", owner: "User"), allowing: []) { _ in
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    _ = try? await work.value
    #expect(try await migration.status().runs.last?.state == .converting)
    let other = "text: Float"
    let plan = try await migration.plan(try schema(other, owner: "User"))
    #expect(plan.faults.map(\.code) == ["migration_open"])
    let told = try #require(try await refusal(other, folder, settings))
    #expect(told.contains("[migration_open]"))
    #expect(try await refusal("text: String", folder, settings) == nil)
    #expect(try await refusal("text: Int", folder, settings) == nil)
  }

  @Test func whatIsForgottenMustBeKept() async throws {
    let (folder, settings, migration) = try await filled("text: String n: Int", ["n": 1])
    defer { TestEngine.remove(folder) }
    let after = try schema("text: String", owner: "User")
    try await migration.apply(after, allowing: ["Note.n"]) { _ in }
    let error = await #expect(throws: MigrationRefused.self) {
      _ = try await migration.forget(["Note.n", "Note.m"])
    }
    #expect(error?.faults.map(\.code) == ["unknown_name"])
    #expect(error?.description.contains("kept are: Note.n") == true)
    #expect(try await migration.forget(["Note.n"]) == ["Note.n"])
    #expect(try await migration.forget(nil) == [])
    _ = settings
  }
}
