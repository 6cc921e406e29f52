import Accounts
import Queries
import Records
import RoostCore
import Schema
import TestEngine
import Testing

@testable import RoostServer

/// Rows of an app that go to another database.
@Suite struct MoveTests {
  private static let schema = """
    type Note @collection @merge(strategy: MERGE_DEEP) @allow(ops: [ALL], owner: "owner") {
      owner: User! @immutable
      title: String! @search @unique
      pages: Int @merge(strategy: COUNTER)
      weight: Float
      tags: [String!] @merge(strategy: SET_UNION)
      more: JSON
      parent: Note
    }
    """

  private func house() async throws -> ImportHouse { try await ImportHouse(MoveTests.schema) }

  private func fill(_ app: App, _ count: Int) async throws -> [Caller] {
    let notes = try #require(app.records.catalogue.collection(named: "notes"))
    var callers: [Caller] = []
    for _ in 0..<3 {
      let session = try await app.accounts.anonymous(from: ClientAddress("127.0.0.1"))
      callers.append(Caller(uid: session.account.id, isAnonymous: true))
    }
    var previous: String?
    for number in 0..<count {
      let caller = callers[number % 3]
      let body: JSON = [
        "title": .string("note \(number) über Ångström"), "pages": .int(Int64(number)),
        "weight": .double(Double(number) / 3),
        "tags": .array([.string("a"), .string("\(number)")]),
        "more": ["deep": .array([.null, .bool(true)])],
        "parent": number % 3 == 0 ? previous.map { .string($0) } ?? .null : .null,
      ]
      let made = try await app.records.create(notes, body, by: .caller(caller))
      if number % 7 == 3 {
        _ = try await app.records.update(
          notes, made.id, ["pages": ["$increment": .int(1)]],
          expecting: .any, by: .caller(caller))
      }
      if number % 11 == 5 {
        try await app.records.delete(
          notes, made.id, expecting: .any, by: .caller(caller))
      } else if number % 3 == 0 {
        previous = "\(made.id)"
      }
    }
    return callers
  }

  private func all(_ app: App, _ caller: Caller) async throws -> String {
    let notes = try #require(app.records.catalogue.collection(named: "notes"))
    let page = try await app.records.list(
      notes, ListQuery(limit: 200), by: caller)
    return String(decoding: page.items, as: UTF8.self)
  }

  @Test func `everything arrives, and the app goes on where it was`() async throws {
    let from = try await house()
    let callers = try await fill(from.app, 60)
    try await from.app.settle()
    let to = try await house()
    try await to.app.settle()
    let report = try await MoveJob(
      from: from.app.database, to: to.app.database, to.app.records.catalogue, time: SystemTime()
    ).run()
    #expect(report.tables.first { $0.name == "notes" }?.rows == 60)
    for table in MovedTable.system + [MovedTable.of(from.app.records.catalogue.collections[0])] {
      let found = try await from.rows("SELECT count(*) FROM \(table.identifier)", columns: 1)
      #expect(report.tables.first { $0.name == table.name }.map { ["\($0.rows)"] } == found)
    }
    for caller in callers {
      #expect(try await all(to.app, caller) == (try await all(from.app, caller)))
    }
    // Numbers go on behind the last ones.
    for house in [from, to] {
      let notes = try #require(house.app.records.catalogue.collection(named: "notes"))
      _ = try await house.app.records.create(
        notes, ["title": "after"], by: .caller(callers[0]))
    }
    let streams: SQL = """
      SELECT scope, tier, seq, removal_seq FROM roost_scope_head ORDER BY scope, tier
      """
    #expect(try await to.rows(streams, columns: 4) == (try await from.rows(streams, columns: 4)))
    let last: SQL = "SELECT CAST(sum(position) AS BIGINT) FROM roost_log_head"
    #expect(try await to.rows(last, columns: 1) == (try await from.rows(last, columns: 1)))
    await from.close()
    await to.close()
  }

  @Test func `what migrations keep and followers set aside comes along`() async throws {
    let notes = { (fields: String) in
      "type Note @collection @allow(ops: [ALL], to: USER) { title: String! \(fields) }\n"
    }
    let memo = "type Memo @collection @allow(ops: [ALL], to: USER) { size: Float more: JSON }"
    let first = try SchemaModel.load(source: notes("size: Int weight: Float") + memo)
    let second = try SchemaModel.load(source: notes("size: String"))
    let folders = (TestEngine.folder("move"), TestEngine.folder("move"))
    defer {
      TestEngine.remove(folders.0)
      TestEngine.remove(folders.1)
    }
    let ambient = Ambient(logger: Logger(level: .error))
    func settings(_ folder: String) throws -> Settings {
      try Settings(
        file: nil, environment: TestEngine.environment, flags: TestEngine.flags(folder))
    }
    func open(_ schema: SchemaModel, _ folder: String) async throws -> App {
      try await App.open(schema, data: folder, settings: settings(folder), ambient: ambient)
    }
    func migration(_ folder: String) throws -> AppMigration {
      AppMigration(data: folder, settings: try settings(folder), ambient: ambient)
    }
    let app = try await open(first, folders.0)
    for (name, body) in [
      ("notes", ["title": "a", "size": 1, "weight": 2.5]),
      ("memos", ["size": 0.5, "more": ["a": [1]]]),
    ] as [(String, JSON)] {
      let collection = try #require(app.records.catalogue.collection(named: name))
      _ = try await app.records.importBatch([try app.records.systemCreate(collection, body)])
    }
    await app.close()
    try await migration(folders.0).apply(second, allowing: ["Note.weight", "Memo"]) { _ in }

    let from = try await open(second, folders.0)
    try await from.settle()
    _ = try await from.database.write { transaction in
      try await transaction.execute(
        """
        INSERT INTO roost_follower_poison (name, partition, position, at, collection, id, kind, \
        version, actor, reason, attempts, set_aside_at, is_retried) VALUES \
        (\("counts"), 0, 1, 1, 1, \(UUID(high: 1, low: 1)), 1, 1, NULL, \("a reason"), 3, 4, 0)
        """)
    }
    let to = try await open(second, folders.1)
    try await to.settle()
    var rows: [[String: Int]] = []
    // A second try finds what the first has left.
    for _ in 0..<2 {
      let report = try await MoveJob(
        from: from.database, to: to.database, to.records.catalogue, time: SystemTime()
      ).run()
      rows.append(Dictionary(report.tables.map { ($0.name, $0.rows) }) { $1 })
    }
    for counts in rows {
      #expect(counts["roost_follower_poison"] == 1)
      #expect(counts.first { $0.key.hasPrefix("memos$retired$") }?.value == 1)
      #expect(counts["roost_retired"] == 3)
    }
    await from.close()
    await to.close()
    #expect(try await migration(folders.1).rollback(allowing: []) { _ in } == first.source)
    let back = try await open(first, folders.1)
    let values = try await back.database.read(.statement) { reader in
      try await reader.all("SELECT n.size, n.weight, m.size FROM notes n, memos m") {
        [$0.double(0), $0.double(1), $0.double(2)]
      }
    }
    #expect(values == [[1, 2.5, 0.5]])
    await back.close()
  }

  @Test func `a migration that is under way does not move`() async throws {
    let from = try await house()
    let to = try await house()
    let job = MoveJob(
      from: from.app.database, to: to.app.database, to.app.records.catalogue, time: SystemTime())
    func record(_ state: String) async throws {
      _ = try await from.app.database.write { transaction in
        try await transaction.execute("DELETE FROM roost_migration_run")
        try await transaction.execute(
          """
          INSERT INTO roost_migration_run (kind, state, schema, steps, begun_at) \
          VALUES (\("apply"), \(state), \(""), \("[]"), 1)
          """)
      }
    }
    try await record("converting")
    let error = await #expect(throws: RoostError.self) { _ = try await job.run() }
    #expect(error?.code == .conflict)
    #expect(error?.detail.contains("roost migrate apply") == true)
    // Nothing was begun there.
    try await MoveMark.check(to.app.database)
    try await record("done")
    _ = try await job.run()
    await from.close()
    await to.close()
  }

  @Test func `a row that differs is found`() async throws {
    let from = try await house()
    _ = try await fill(from.app, 10)
    try await from.app.settle()
    let to = try await house()
    try await to.app.settle()
    let changed = ChangedOnTheWay(to.app.database)
    await #expect(throws: MoveFault.self) {
      _ = try await MoveJob(
        from: from.app.database, to: changed, to.app.records.catalogue, time: SystemTime()
      ).run()
    }
    // It is not taken for an app until a move has come to its end.
    await #expect(throws: DatabaseOpenError.self) { try await MoveMark.check(to.app.database) }
    _ = try await MoveJob(
      from: from.app.database, to: to.app.database, to.app.records.catalogue, time: SystemTime()
    ).run()
    try await MoveMark.check(to.app.database)
    await from.close()
    await to.close()
  }

  @Test(.enabled(if: TestEngine.current == .sqlite, "it asks SQLite for its tables"))
  func `every table moves or is known to stay`() async throws {
    let house = try await house()
    let names = try await house.rows(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'roost_%'", columns: 1)
    let known = Set(MovedTable.system.map(\.name)).union(MovedTable.staying)
    #expect(known.isSubset(of: names))
    #expect(Set(names).subtracting(known).allSatisfy { $0.hasPrefix("roost_search") })
    for table in MovedTable.system + [MovedTable.of(house.app.records.catalogue.collections[0])] {
      let columns = try await house.rows(
        "SELECT name, pk FROM pragma_table_info(\(table.name)) ORDER BY cid", columns: 2)
      let found = Set(columns.compactMap { $0.split(separator: "|").first.map(String.init) })
      let staying = MovedTable.stayingColumns[table.name] ?? []
      #expect(found == Set(table.columns.map(\.name) + staying), "\(table.name)")
    }
    await house.close()
  }

  @Test func `a frozen database answers reads and refuses writes`() async throws {
    let house = try await house()
    let frozen = FrozenDatabase(house.app.database)
    _ = try await frozen.write { try await $0.execute("DELETE FROM roost_seed") }
    frozen.freeze()
    #expect(try await frozen.read(.statement) { _ in 1 } == 1)
    let error = await #expect(throws: RoostError.self) {
      _ = try await frozen.write { try await $0.execute("DELETE FROM roost_seed") }
    }
    #expect(error?.code == .overloaded)
    #expect(error?.retryAfterSeconds == 30)
    await house.close()
  }
}

/// A database that changes a row behind the back of a move.
private final class ChangedOnTheWay: Database {
  private let database: any Database
  init(_ database: any Database) { self.database = database }
  var dialect: Dialect { database.dialect }

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    _ = try await database.write { transaction in
      try await transaction.execute("UPDATE notes SET pages = 4711 WHERE pages = 2")
    }
    return try await database.read(consistency, body)
  }

  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    try await database.write(body)
  }

  func close() async { await database.close() }
}
