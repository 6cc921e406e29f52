import Accounts
import Foundation
import Queries
import Records
import RoostCore
import RoostServer
import SQLiteDriver
import Schema
import Synchronization
import Testing

/// A database whose disk is full after some writes.
private final class FillingDatabase: Database {
  let base: SQLiteDatabase
  private let room = Mutex<Int?>(nil)

  init(_ base: SQLiteDatabase) { self.base = base }

  /// Lets `count` more writes through; nil lets all.
  func leaveRoom(for count: Int?) { room.withLock { $0 = count } }

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result { try await base.read(consistency, body) }

  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    let isFull = room.withLock { room in
      guard let left = room else { return false }
      room = max(0, left - 1)
      return left == 0
    }
    if isFull { throw RoostError(.storageFull, "There is no room on the disk.") }
    return try await base.write(body)
  }

  func close() async { await base.close() }
}

@Suite("Importing until the disk is full")
struct ImportFullDiskTests {
  @Test("The import stops with the reason, keeps what was committed, and a rerun goes on")
  func fullDisk() async throws {
    let folder = try TemporaryFolder()
    let ambient = Ambient(logger: Logger(level: .error))
    let database = FillingDatabase(
      try SQLiteDatabase.open(
        SQLiteConfiguration(folder: folder.path + "/data"), ambient: ambient,
        preCommit: ChangeRecorder()))
    try await Migrator.run(
      RecordsMigrations.all
        + [AccountTables.migration(RecordsMigrations.all.count + 1)], on: database)
    let accounts = AccountStore(database: database, ambient: ambient)
    let schema = "type Tag @collection @allow(ops: [ALL]) { text: String! }"
    let records = try await RecordStore.open(
      try SchemaModel.load(source: schema), on: database, ambient: ambient, people: accounts)
    let path = try folder.file("tags.tsv", "id\ttext\n" + (1...950).map { "\($0)\tx\n" }.joined())
    let mapping = try ImportMapping.parse(
      Array("collection: tags\nid: {key: 't:{id}'}\nfields: {text: {column: text}}".utf8),
      path: "m.yaml")
    var options = ImportJob.Options()
    options.batchRows = 100
    let job = ImportJob(
      records: records, accounts: accounts, input: path, mapping: mapping, options: options,
      ambient: ambient)

    database.leaveRoom(for: 3)
    let stopped = try await job.run()
    #expect(stopped.imported == 300)
    #expect(stopped.exitStatus == 1)
    #expect(stopped.failure?.contains("the disk is full") == true)
    database.leaveRoom(for: nil)
    let rest = try await job.run()
    #expect(rest.counts == "650/300/0")
    #expect(rest.exitStatus == 0)
    await database.close()
  }
}
