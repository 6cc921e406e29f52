import Accounts
import Foundation
import Queries
import Records
import RoostCore
import RoostServer
import SQLiteDriver
import Schema
import TestEngine
import Testing

/// On SQLite alone: the tests compare the bytes of the folder, and take tables back to older steps.
@Suite("Looking at a data folder", .enabled(if: TestEngine.current == .sqlite))
struct ExaminationTests {
  private let schema =
    "type Note @collection @allow(ops: [ALL], owner: \"owner\") { owner: User! text: String }"
  private let ambient = Ambient(logger: Logger(level: .error))

  private func settings() throws -> Settings {
    try Settings(file: nil, environment: [:], flags: ["database.minimumFreeMegabytes": "0"])
  }

  /// The tables of the first five steps of Roost's own.
  private static let oldTables = [
    "roost_migration", "roost_collection", "roost_field", "roost_index", "roost_log",
    "roost_log_head", "roost_scope_head", "roost_scope_row", "roost_follower",
    "roost_collection_count", "roost_user", "roost_session", "roost_key", "roost_seed",
  ]

  /// A data folder with a record in a database that has only taken the first five steps, and how
  /// many there are to take.
  private func filled() async throws -> (folder: TemporaryFolder, pending: Int) {
    let folder = try TemporaryFolder()
    let app = try await App.open(
      try SchemaModel.load(source: schema), data: folder.path + "/data",
      settings: try settings(), ambient: ambient)
    let notes = try #require(app.records.catalogue.collection(named: "notes"))
    let session = try await app.accounts.anonymous(from: ClientAddress("192.0.2.1"))
    _ = try await app.records.create(
      notes, ["text": "a"], by: .caller(Caller(uid: session.account.id)))
    for _ in 0..<500 {
      // The count is what a follower makes of the log.
      let live = try await app.database.read(.statement) { reader in
        try await reader.first("SELECT live FROM roost_collection_count") { $0.int64(0) }
      }
      if live == 1 { break }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    await app.close()
    let database = try SQLiteDatabase.open(
      SQLiteConfiguration(folder: folder.path + "/data"), ambient: ambient)
    let pending = try await database.write { transaction in
      // Virtual tables first, which take their own along.
      let tables = try await transaction.all(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'roost_*' ORDER BY rootpage"
      ) { $0.text(0) }
      for table in tables where !Self.oldTables.contains(table) {
        try await transaction.execute("DROP TABLE IF EXISTS \(identifier: table)")
      }
      try await transaction.execute("DROP INDEX roost_session_revoked")
      return try await transaction.execute("DELETE FROM roost_migration WHERE number > 5")
    }
    await database.close()
    return (folder, pending)
  }

  private func examine(_ folder: TemporaryFolder, _ schema: String) async throws -> [String] {
    try await App.examine(
      try SchemaModel.load(source: schema), data: folder.path + "/data", settings: try settings(),
      ambient: ambient
    ).map { "\($0.0): \($0.1)" }
  }

  /// The names and bytes of what the folder holds.
  private func content(_ folder: TemporaryFolder) throws -> [String: Data] {
    var content: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/data") {
      content[name] = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/data/" + name))
    }
    return content
  }

  @Test("A start that would go well is rehearsed, and nothing is changed")
  func rehearsal() async throws {
    let (folder, pending) = try await filled()
    #expect(pending > 1)
    let before = try content(folder)
    #expect(before["roost.sqlite"] != nil)
    let more = schema.replacing("text: String", with: "text: String n: Int @default(value: \"1\")")
    for _ in 0..<2 {
      let facts = try await examine(folder, more + " type Page @collection { n: Int }")
      #expect(
        facts == [
          "integrity: ok", "log position: 1", "records of notes: 1",
          "migrations: \(pending) steps of Roost's own tables pending; the next start takes them",
        ])
    }
    #expect(try content(folder) == before)
    let app = try await App.open(
      try SchemaModel.load(source: more), data: folder.path + "/data", settings: try settings(),
      ambient: ambient)
    await app.close()
    #expect(try await examine(folder, more).contains("log position: 2"))
  }

  @Test("What a start would refuse is said, and the folder is given back")
  func refusal() async throws {
    let (folder, _) = try await filled()
    let before = try content(folder)
    for _ in 0..<2 {
      await #expect(throws: SchemaChangeError.self) {
        _ = try await examine(folder, schema.replacing("text: String", with: "text: Int"))
      }
    }
    #expect(try content(folder) == before)
    let database = try SQLiteDatabase.open(
      SQLiteConfiguration(folder: folder.path + "/data"), ambient: ambient)
    try await database.write { transaction in
      _ = try await transaction.execute("UPDATE roost_migration SET name = 'else' WHERE number = 2")
    }
    await database.close()
    await #expect(throws: DatabaseOpenError.self) { _ = try await examine(folder, schema) }
    await #expect(throws: DatabaseOpenError.self) { _ = try await examine(folder, schema) }
  }
}
