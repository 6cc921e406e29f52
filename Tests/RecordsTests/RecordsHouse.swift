import Cryptography
import Foundation
import Queries
import Records
import RoostCore
import Rules
import Schema
import Synchronization
import TestEngine

/// A wall clock that tests move.
final class TestTime: TimeSource {
  private let milliseconds = Mutex<Int64>(1_760_000_000_000)
  func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
  /// The machine's: whatever a wall clock does, this one does not go back.
  func monotonicNanoseconds() -> UInt64 { SystemTime().monotonicNanoseconds() }
  func advance(_ by: Int64) { milliseconds.withLock { $0 += by } }
}

/// Accounts that exist because a test says so.
final class TestPeople: UserDirectory {
  let known = Mutex<Set<RoostCore.UUID>>([])
  func userExists(_ id: RoostCore.UUID, in transaction: any Transaction) async throws -> Bool {
    known.withLock { $0.contains(id) }
  }
}

/// Records over a real database in a folder of its own, which goes with the test.
final class RecordsHouse: Sendable {
  let folder: String
  let database: any Database
  let records: RecordStore
  let recorder: ChangeRecorder
  let time: TestTime
  let people: TestPeople
  let ann: Caller
  let bob: Caller

  static func folder() -> String { TestEngine.folder("records") }

  init(
    _ schema: String, folder: String = RecordsHouse.folder(), time: TestTime = TestTime(),
    listWork: WorkLimit? = RecordStore.defaultListWork,
    receiptBytes: Int64? = RecordStore.defaultReceiptBytes,
    masters: MasterKeys? = nil
  ) async throws {
    self.folder = folder
    self.time = time
    let ambient = Ambient(time: time, logger: Logger(level: .error))
    recorder = ChangeRecorder()
    database = try TestEngine.open(folder, ambient: ambient, preCommit: recorder)
    people = TestPeople()
    ann = Caller(uid: UUID(high: 0xA, low: 1))
    bob = Caller(uid: UUID(high: 0xB, low: 2), isAnonymous: true)
    let ids = [ann.uid, bob.uid].compactMap { $0 }
    people.known.withLock { $0.formUnion(ids) }
    do {
      try await Migrator.run(RecordsMigrations.all, on: database)
      records = try await RecordStore.open(
        try SchemaModel.load(source: schema), on: database, ambient: ambient, people: people,
        listWork: listWork, receiptBytes: receiptBytes,
        keys: masters.map { DataKeys($0, ambient: ambient) })
    } catch {
      await database.close()
      throw error
    }
  }

  func close(keepingFolder: Bool = false) async {
    await database.close()
    if !keepingFolder { TestEngine.remove(folder) }
  }

  func collection(_ name: String) -> CompiledCollection {
    guard let collection = records.catalogue.collection(named: name) else {
      preconditionFailure("the test's schema has no \(name)")
    }
    return collection
  }

  @discardableResult
  func create(
    _ name: String, _ body: JSON, by caller: Caller? = nil
  ) async throws -> JSON {
    let record = try await records.create(
      collection(name), body, by: .caller(caller ?? ann))
    return try JSON.parse(record.json)
  }

  @discardableResult
  func update(
    _ name: String, _ id: JSON?, _ body: JSON, expecting: Expectation = .nothing,
    by caller: Caller? = nil
  ) async throws -> JSON {
    let record = try await records.update(
      collection(name), RecordsHouse.uuid(id), body, expecting: expecting,
      by: .caller(caller ?? ann))
    return try JSON.parse(record.json)
  }

  func read(_ name: String, _ id: JSON?, by caller: Caller? = nil) async throws -> JSON {
    let record = try await records.read(
      collection(name), RecordsHouse.uuid(id), by: caller ?? ann)
    return try JSON.parse(record.json)
  }

  func delete(
    _ name: String, _ id: JSON?, expecting: Expectation = .nothing, by caller: Caller? = nil
  ) async throws {
    try await records.delete(
      collection(name), RecordsHouse.uuid(id), expecting: expecting, by: .caller(caller ?? ann))
  }

  func list(_ name: String, _ query: ListQuery = ListQuery(), by caller: Caller? = nil)
    async throws -> [JSON]
  {
    let page = try await records.list(collection(name), query, by: caller ?? ann)
    return try JSON.parse(page.items).array ?? []
  }

  /// An order as `sort` gives it: `-plays`.
  func sort(_ text: String, of name: String) throws -> [SortKey] {
    let descending = text.hasPrefix("-")
    let column = try records.reader(ann).sortColumn(
      String(descending ? text.dropFirst() : text[...]), of: collection(name))
    return [SortKey(column: column, descending: descending)]
  }

  /// The first column of each row, as text.
  func texts(_ sql: SQL) async throws -> [String] {
    try await database.read(.statement) { reader in try await reader.all(sql) { $0.text(0) } }
  }

  /// The number of changes in the log, over all its parts.
  func logged() async throws -> [String] {
    try await texts("SELECT CAST(sum(position) AS BIGINT) FROM roost_log_head")
  }

  /// An id as text, in an expression of SQL.
  func hex(_ id: SQL) -> SQL {
    database.dialect == .sqlite
      ? "hex(\(id))" : "upper(replace(CAST(\(id) AS text), '-', ''))"
  }

  /// How the engine would run a query on tables that are not small.
  func plan(_ query: SQL) async throws -> [String] {
    let dialect = database.dialect
    return try await database.read(.snapshot) { reader in
      if let prepare = dialect.prepareExplain { try await reader.query(prepare) { _ in true } }
      return try await reader.all(dialect.explain(query)) { $0.text(dialect.planColumn) }
    }
  }

  static func uuid(_ json: JSON?) -> RoostCore.UUID {
    json?.string.flatMap { UUID($0) } ?? .zero
  }
}

/// The error that `body` throws, as a `RoostError`.
func refusal(_ body: () async throws -> Void) async -> RoostError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? RoostError
  }
}
