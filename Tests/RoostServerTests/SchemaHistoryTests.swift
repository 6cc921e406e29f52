import Queries
import RoostCore
import RoostServer
import Schema
import TestEngine
import Testing

@Suite("The history of schemas")
struct SchemaHistoryTests {
  private static let first = "type Tag @collection @allow(ops: [READ]) { text: String }"
  private static let wider = "type Tag @collection @allow(ops: [READ, CREATE]) { text: String }"

  /// The versions that a server has served after a start with `schema`, and what `body` does then.
  private func versions(
    _ folder: TemporaryFolder, _ schema: String,
    _ body: (App) async throws -> Void = { _ in }
  ) async throws -> [String] {
    let app = try await App.open(
      try SchemaModel.load(source: schema), data: folder.path + "/data",
      settings: try Settings(
        file: nil, environment: TestEngine.environment,
        flags: TestEngine.flags(folder.path).merging(["database.minimumFreeMegabytes": "0"]) { $1 }),
      ambient: Ambient(logger: Logger(level: .error)))
    do { try await body(app) } catch {
      await app.close()
      throw error
    }
    await app.close()
    return app.versions.map(\.version.description)
  }

  @Test("Grows with a schema that differs, and with no other")
  func growth() async throws {
    let folder = try TemporaryFolder()
    defer { TestEngine.remove(folder.path) }
    #expect(try await versions(folder, Self.first) == ["1.0.0"])
    #expect(try await versions(folder, Self.first) == ["1.0.0"])
    #expect(try await versions(folder, "# Words\n" + Self.first) == ["1.0.0"])
    #expect(try await versions(folder, Self.wider) == ["1.0.0", "1.1.0"])
    // What was taken back has broken what was offered.
    #expect(try await versions(folder, Self.first) == ["1.0.0", "1.1.0", "2.0.0"])
  }

  @Test("A text that cannot be read any more counts as another API")
  func unreadable() async throws {
    let folder = try TemporaryFolder()
    defer { TestEngine.remove(folder.path) }
    _ = try await versions(folder, Self.first) { app in
      _ = try await app.database.write { transaction in
        try await transaction.execute(
          "UPDATE roost_schema_version SET source = 'type', digest = \([UInt8]([1, 2, 3]))")
      }
      let readable = try await SchemaHistory(database: app.database).releases()
      #expect(readable.isEmpty)
    }
    #expect(try await versions(folder, Self.first) == ["1.0.0", "2.0.0"])
  }
}
