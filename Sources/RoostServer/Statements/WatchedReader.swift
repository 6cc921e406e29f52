import Queries
import RoostCore

/// What is done with each statement that was run.
struct StatementWatch: Sendable {
  let scope: TraceScope?
  let slow: SlowStatements?
  let time: any TimeSource

  var now: UInt64 { time.monotonicNanoseconds() }

  /// Runs `body`, which is the statement `sql` with so many values, and notes how long it took.
  func watched<Result>(
    _ sql: @autoclosure () -> SQL, _ values: Int, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let start = now
    var hasFailed = true
    defer { ran(sql(), values, since: start, hasFailed: hasFailed) }
    let result = try await body()
    hasFailed = false
    return result
  }

  /// A statement that began at `start` has ended, or failed.
  private func ran(
    _ sql: @autoclosure () -> SQL, _ values: Int, since start: UInt64, hasFailed: Bool
  ) {
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
    try await watch.watched(statement.sql, values.count) {
      try await base.query(statement, values, row)
    }
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws {
    try await watch.watched(sql, sql.bindings.count) {
      try await base.query(sql, row)
    }
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
  func takeTime() async throws { try await base.takeTime() }

  func query(
    _ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool
  ) async throws {
    try await watch.watched(statement.sql, values.count) {
      try await base.query(statement, values, row)
    }
  }

  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws {
    try await watch.watched(sql, sql.bindings.count) {
      try await base.query(sql, row)
    }
  }

  func execute(_ statement: Statement, _ values: [Value]) async throws -> Int {
    try await watch.watched(statement.sql, values.count) {
      try await base.execute(statement, values)
    }
  }

  func execute(_ sql: SQL) async throws -> Int {
    try await watch.watched(sql, sql.bindings.count) {
      try await base.execute(sql)
    }
  }

  func append(
    _ count: Int, by insert: WideInsert, _ row: (Int, inout [Value]) -> Void
  ) async throws {
    try await watch.watched(insert.target?.insert.sql ?? .empty, count) {
      try await base.append(count, by: insert, row)
    }
  }

  func post(_ statement: Statement, _ values: [Value]) async throws {
    try await watch.watched(statement.sql, values.count) {
      try await base.post(statement, values)
    }
  }

  func post(_ sql: SQL) async throws {
    try await watch.watched(sql, sql.bindings.count) {
      try await base.post(sql)
    }
  }
}
