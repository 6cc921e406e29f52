import Records
import RoostCore
import RoostServer
import Schema
import TestEngine
import Testing

/// What a server does when it finds a migration in its database.
@Suite struct MigrationAppTests {
  private func schema(_ fields: String) throws -> SchemaModel {
    try SchemaModel.load(
      source: """
        type Note @collection @allow(ops: [ALL], owner: "owner") {
          owner: User!
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
}
