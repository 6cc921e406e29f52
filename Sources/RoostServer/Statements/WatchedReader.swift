import Queries
import RoostCore

/// What is done with each statement that was run.
struct StatementWatch: Sendable {
  let scope: TraceScope?
  let slow: SlowStatements?
  let time: any TimeSource

  var now: UInt64 { time.monotonicNanoseconds() }

  /// A statement that began at `start` has ended, or failed.
  func ran(_ sql: @autoclosure () -> SQL, _ values: Int, since start: UInt64, hasFailed: Bool) {
    let end = now
    if let slow, end &- start >= slow.nanoseconds {
      slow.note(sql(), values: values, nanoseconds: end &- start)
    }
    guard let scope else { return }
    let sql = sql()
    scope.trace.record(
      StatementWatch.verb(sql.text), .client, in: scope.span, from: start, to: end,
      attributes: [("db.query.text", .string(String(sql.text.prefix(2000))))],
      hasFailed: hasFailed)
  }

  /// The first word, such as `SELECT`.
  private static func verb(_ text: String) -> String {
    let word = text.prefix { $0.isLetter }
    return word.isEmpty || word.count > 12 ? "statement" : word.uppercased()
  }
}

/// A reader whose statements are looked at.
final class WatchedReader: Reader {
  private let base: any Reader
  private let watch: StatementWatch

  init(_ base: any Reader, _ watch: StatementWatch) {
    self.base = base
    self.watch = watch
  }

  var dialect: Dialect { base.dialect }
  var isBounded: Bool { base.isBounded }
  func limit(_ work: WorkLimit?) { base.limit(work) }

  func query(
    _ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool
  ) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(statement.sql, values.count, since: start, hasFailed: hasFailed) }
    try await base.query(statement, values, row)
    hasFailed = false
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(sql, sql.bindings.count, since: start, hasFailed: hasFailed) }
    try await base.query(sql, row)
    hasFailed = false
  }
}

/// A transaction whose statements are looked at.
final class WatchedTransaction: Transaction {
  private let base: any Transaction
  private let watch: StatementWatch

  init(_ base: any Transaction, _ watch: StatementWatch) {
    self.base = base
    self.watch = watch
  }

  var dialect: Dialect { base.dialect }
  func limit(_ work: WorkLimit?) { base.limit(work) }
  func attach(_ effect: any Effect) { base.attach(effect) }
  func attempt(_ body: () async throws -> Void) async throws { try await base.attempt(body) }

  func query(
    _ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool
  ) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(statement.sql, values.count, since: start, hasFailed: hasFailed) }
    try await base.query(statement, values, row)
    hasFailed = false
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(sql, sql.bindings.count, since: start, hasFailed: hasFailed) }
    try await base.query(sql, row)
    hasFailed = false
  }

  func execute(_ statement: Statement, _ values: [Value]) async throws -> Int {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(statement.sql, values.count, since: start, hasFailed: hasFailed) }
    let count = try await base.execute(statement, values)
    hasFailed = false
    return count
  }

  func execute(_ sql: SQL) async throws -> Int {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(sql, sql.bindings.count, since: start, hasFailed: hasFailed) }
    let count = try await base.execute(sql)
    hasFailed = false
    return count
  }

  func append(
    _ count: Int, by insert: WideInsert, _ row: (Int, inout [Value]) -> Void
  ) async throws {
    let start = watch.now
    var hasFailed = true
    defer {
      watch.ran(insert.target?.insert.sql ?? .empty, count, since: start, hasFailed: hasFailed)
    }
    try await base.append(count, by: insert, row)
    hasFailed = false
  }

  func post(_ statement: Statement, _ values: [Value]) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(statement.sql, values.count, since: start, hasFailed: hasFailed) }
    try await base.post(statement, values)
    hasFailed = false
  }

  func post(_ sql: SQL) async throws {
    let start = watch.now
    var hasFailed = true
    defer { watch.ran(sql, sql.bindings.count, since: start, hasFailed: hasFailed) }
    try await base.post(sql)
    hasFailed = false
  }
}
