import Queries
import RoostCore
import RoostServer
import Schema
import TestEngine
import Testing

/// Servers and commands with another schema than the one that the database holds.
@Suite struct SchemaStandingTests {
  private static let old = """
    type Tag @collection @allow(ops: [ALL]) { text: String }
    """
  private static let new = """
    type Tag @collection @allow(ops: [READ]) { text: String }
    """

  private func open(
    _ schema: String, _ folder: TemporaryFolder, followers: Bool = true,
    onlyAsServed: Bool = false
  ) async throws -> App {
    try await App.open(
      try SchemaModel.load(source: schema), data: folder.path + "/data",
      settings: try Settings(
        file: nil, environment: TestEngine.environment,
        flags: TestEngine.flags(folder.path).merging(["database.minimumFreeMegabytes": "0"]) { $1 }),
      ambient: Ambient(logger: Logger(level: .error)), followers: followers,
      onlyAsServed: onlyAsServed)
  }

  private func digests(_ app: App) async throws -> Int {
    try await app.database.read(.statement) { reader in
      try await reader.all("SELECT number FROM roost_schema_version") { $0.int64(0) }
    }.count
  }

  @Test func theNewestSchemaIsThatOfTheLastServerAlsoWhenItWasServedBefore() async throws {
    let folder = try TemporaryFolder()
    defer { TestEngine.remove(folder.path) }
    for (schema, holds) in [(Self.old, [true]), (Self.new, [false, true])] {
      let app = try await open(schema, folder)
      var found: [Bool] = []
      for entry in app.versions {
        found.append(
          try await app.database.read(.statement) {
            try await SchemaHistory.isNewest(entry, in: $0)
          })
      }
      await app.close()
      #expect(found == holds)
    }
    let again = try await open(Self.old, folder)
    let first = try #require(again.versions.first)
    #expect(again.versions.count == 3)
    let isNewest = try await again.database.read(.statement) {
      try await SchemaHistory.isNewest(first, in: $0)
    }
    #expect(isNewest)
    await again.close()
  }

  @Test func whoOnlyLooksWithAnotherSchemaNotesNone() async throws {
    let folder = try TemporaryFolder()
    defer { TestEngine.remove(folder.path) }
    let app = try await open(Self.old, folder)
    await app.close()
    let looking = try await open(Self.new, folder, followers: false)
    #expect(try await digests(looking) == 1)
    await looking.close()
    let serving = try await open(Self.new, folder)
    #expect(try await digests(serving) == 2)
    await serving.close()
  }

  @Test func aCommandOnWhatIsServedRefusesAnotherSchema() async throws {
    let folder = try TemporaryFolder()
    defer { TestEngine.remove(folder.path) }
    let app = try await open(Self.old, folder)
    await app.close()
    let same = try await open("# Words\n" + Self.old, folder, followers: false, onlyAsServed: true)
    await same.close()
    await #expect(throws: RoostError.self) {
      _ = try await open(Self.new, folder, followers: false, onlyAsServed: true)
    }
  }
}
