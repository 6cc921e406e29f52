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
}
