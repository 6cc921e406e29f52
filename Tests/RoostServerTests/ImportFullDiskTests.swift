import Accounts
import Foundation
import Queries
import RoostCore
import RoostServer
import SQLiteDriver
import Schema
import Synchronization
import TestEngine
import Testing

@testable import Records

/// A database whose disk is full after some writes.
private final class FillingDatabase: Database {
  var dialect: Dialect { base.dialect }
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

/// Accounts of which the second cannot be looked up.
private final class FailingPeople: UserDirectory {
  let fault = Mutex(ErrorCode.internalError)

  func userExists(_ id: RoostCore.UUID, in transaction: any Transaction) async throws -> Bool {
    if id.low == 2 { throw RoostError(fault.withLock { $0 }, "The second is lost.") }
    return true
  }
}

@Suite("Importing until the disk is full")
struct ImportFullDiskTests {
  @Test("It stops with the reason, keeps what was committed, and a rerun goes on")
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
    #expect(stopped.code == "disk_full")
    #expect(stopped.json["code"] == "disk_full")
    #expect(stopped.summary.hasSuffix("run it again [disk_full]"))
    database.leaveRoom(for: nil)
    let rest = try await job.run()
    #expect(rest.counts == "650/300/0")
    #expect(rest.exitStatus == 0)
    await database.close()
  }

  // A file is what SQLite can be given a bound for.
  @Test(
    "A batch that fills the disk leaves nothing of itself, and a rerun imports all of it",
    .enabled(if: TestEngine.current == .sqlite))
  func fullInsideBatch() async throws {
    let house = try await ImportHouse(
      "type Tag @collection @allow(ops: [ALL]) { text: String! }")
    let mapping = "collection: tags\nid: {key: 't:{id}'}\nfields: {text: {column: text}}"
    let text = String(repeating: "x", count: 200)
    let path = try house.folder.file(
      "tags.tsv", "id\ttext\n" + (1...3000).map { "\($0)\t\(text)\n" }.joined())
    func limit(_ pages: Int64) async throws {
      _ = try await house.app.database.write { transaction in
        try await transaction.first("PRAGMA max_page_count=\(identifier: "\(pages)")") {
          $0.int64(0)
        }
      }
    }
    // Rows, entries of the log and of the streams: as many of each.
    func stored() async throws -> [String] {
      try await house.rows(
        """
        SELECT (SELECT count(*) FROM tags), (SELECT count(*) FROM roost_log),
        (SELECT position FROM roost_log_head), (SELECT count(*) FROM roost_scope_row),
        (SELECT coalesce(sum(seq), 0) FROM roost_scope_head)
        """, columns: 5)
    }
    let used = try await house.app.database.read(.statement) { reader in
      try await reader.first("PRAGMA page_count") { $0.int64(0) } ?? 0
    }
    // Room for some hundred rows, so that the first batch breaks off in the middle.
    try await limit(used + 40)
    let stopped = try await house.run(path, mapping: mapping)
    #expect(stopped.counts == "0/0/0")
    #expect(stopped.failure?.contains("the disk is full") == true)
    #expect(stopped.exitStatus == 1)
    #expect(try await stored() == ["0|0|0|0|0"])
    // And for the first batch, but not for the third.
    try await limit(used + 400)
    let further = try await house.run(path, mapping: mapping)
    #expect(further.failure?.contains("the disk is full") == true)
    #expect([1000, 2000].contains(further.imported))
    let count = further.imported
    #expect(try await stored() == ["\(count)|\(count)|\(count)|\(count)|\(count)"])
    try await limit(1_000_000)
    let rest = try await house.run(path, mapping: mapping)
    #expect(rest.counts == "\(3000 - count)/\(count)/0")
    #expect(try await stored() == ["3000|3000|3000|3000|3000"])
    await house.close()
  }

  @Test("An error that speaks of more than one line is thrown, and nothing of the batch is stored")
  func widerErrors() async throws {
    let folder = try TemporaryFolder()
    let ambient = Ambient(logger: Logger(level: .error))
    let database = try SQLiteDatabase.open(
      SQLiteConfiguration(folder: folder.path + "/data"), ambient: ambient,
      preCommit: ChangeRecorder())
    try await Migrator.run(RecordsMigrations.all, on: database)
    let people = FailingPeople()
    let records = try await RecordStore.open(
      try SchemaModel.load(source: "type Tag @collection @allow(ops: [ALL]) { person: User! }"),
      on: database, ambient: ambient, people: people)
    let tags = try #require(records.catalogue.collection(named: "tags"))
    let creates = try (1...3).map { number in
      try records.systemCreate(
        tags, ["person": .string(RoostCore.UUID(high: 1, low: UInt64(number)).description)])
    }
    func stored() async throws -> Int64? {
      try await database.read(.statement) { reader in
        try await reader.first("SELECT count(*) FROM tags") { $0.int64(0) }
      }
    }
    for code in [ErrorCode.storageFull, .overloaded, .internalError] {
      people.fault.withLock { $0 = code }
      let error = await #expect(throws: RoostError.self) {
        try await records.importBatch(creates)
      }
      #expect(error?.code == code)
      #expect(try await stored() == 0)
    }
    people.fault.withLock { $0 = .conflict }
    let results = try await records.importBatch(creates)
    #expect(results.map { $0?.code } == [nil, .conflict, nil])
    #expect(try await stored() == 2)
    await database.close()
  }
}
