/// Where rows are kept; knows no engine.
///
/// The engines conform to it in their own targets and pass one conformance suite.
package protocol Database: Sendable {
  /// How the engine spells what engines spell differently.
  var dialect: Dialect { get }

  /// Runs `body` over committed data.
  ///
  /// With `.snapshot` all its queries see one moment; with `.statement` each sees its own. `body`
  /// awaits nothing but `reader`, has no other effects, and may run more than once: it starts on the
  /// caller's thread under a budget, and starts again on a thread for long reads when that is spent.
  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result

  /// Runs `body` as `read` does, and maybe on a copy of the database that is behind.
  ///
  /// Whoever asks for it says so: reads without a source see all that was acknowledged. A copy that
  /// fails is never heard of: the body runs again where writes go.
  func read<Result: Sendable>(
    _ consistency: ReadConsistency, from source: ReadSource,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result

  /// Whether reads with a `ReadTrack` may be answered by copies.
  var hasReplicas: Bool { get }

  /// A position at or beyond every write that was acknowledged so far by this process; nil without
  /// copies.
  ///
  /// With `isExact` also at or beyond what the database has by other processes at this moment, which
  /// takes a look at it. Throws where the database cannot be asked.
  func position(isExact: Bool) async throws -> DatabasePosition?

  /// Runs `body` in a transaction and returns when it is durable.
  ///
  /// Writes that wait are committed together, each as if in a savepoint of its own: an error thrown by
  /// `body` undoes that body only. `body` awaits nothing but `transaction` (a body that suspends on
  /// anything else is rolled back), has no other effects, and may run again. Throws what `body`
  /// throws; `RoostError` with `.storageFull` when the disk is full, `.overloaded` when too many
  /// writes wait, `.draining` after `close`.
  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result

  /// Finishes what is queued, checkpoints and closes; later calls throw `.draining`.
  func close() async
}

extension Database {
  /// A database without copies.
  package func read<Result: Sendable>(
    _ consistency: ReadConsistency, from source: ReadSource,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result { try await read(consistency, body) }

  package var hasReplicas: Bool { false }

  package func position(isExact: Bool) async throws -> DatabasePosition? { nil }
}

/// What a read sees.
package enum ReadConsistency: Sendable {
  case statement
  case snapshot
}

/// Queries inside `Database.read` and, with writes, inside `Database.write`.
package protocol Reader {
  /// How the engine spells what engines spell differently.
  var dialect: Dialect { get }

  /// Runs a query and calls `row` for each row of its result; `row` returns false to stop early.
  func query(_ statement: Statement, _ values: [Value], _ row: (any Row) throws -> Bool)
    async throws
  /// Runs a query that is put together for this call; its text is cached like any other.
  func query(_ sql: SQL, _ row: (any Row) throws -> Bool) async throws
  /// Ends the queries that follow with `WorkSpent` once they are more work than `work`, until it is
  /// called again; nil takes the limit away.
  func limit(_ work: WorkLimit?)
  /// Whether it runs on the caller's thread, under a budget that ends the read when it is spent.
  var isBounded: Bool { get }
}

extension Reader {
  /// No limit, for an engine that has none but that of the whole read.
  package func limit(_ work: WorkLimit?) {}

  /// On a thread of the engine's own.
  package var isBounded: Bool { false }

  /// The first row, mapped, or nil when there is none.
  package func first<Result>(
    _ statement: Statement, _ values: [Value], _ map: (any Row) throws -> Result
  ) async throws -> Result? {
    var result: Result?
    try await query(statement, values) { row in
      result = try map(row)
      return false
    }
    return result
  }

  /// The first row, mapped, or nil when there is none.
  package func first<Result>(_ sql: SQL, _ map: (any Row) throws -> Result) async throws -> Result?
  {
    var result: Result?
    try await query(sql) { row in
      result = try map(row)
      return false
    }
    return result
  }

  /// All rows, mapped.
  package func all<Result>(_ sql: SQL, _ map: (any Row) throws -> Result) async throws -> [Result] {
    var results: [Result] = []
    try await query(sql) { row in
      results.append(try map(row))
      return true
    }
    return results
  }
}

/// A transaction in progress.
package protocol Transaction: Reader {
  /// Runs a statement and returns the number of rows that it inserted, updated or deleted.
  ///
  /// Throws `ConstraintViolation` when a unique, check or not-null constraint refuses it.
  @discardableResult
  func execute(_ statement: Statement, _ values: [Value]) async throws -> Int
  @discardableResult
  func execute(_ sql: SQL) async throws -> Int

  /// Runs a statement whose count nobody needs; where a statement is a journey it travels with the
  /// next one.
  ///
  /// Throws as `execute` does: a body whose statement was refused on a later journey is undone and
  /// begins again, and then each statement is waited for.
  func post(_ statement: Statement, _ values: [Value]) async throws
  func post(_ sql: SQL) async throws

  /// Appends `count` rows to the table of `insert`, which has a target; `row` adds the values of each,
  /// in the order of the columns.
  ///
  /// Where an engine has a way for many rows that is faster than INSERT, this is it. Throws as `post`
  /// does.
  func append(_ count: Int, by insert: WideInsert, _ row: (Int, inout [Value]) -> Void) async throws

  /// Runs `body` as a part of the transaction: an error that it throws undoes what it changed and what
  /// it attached, and the transaction goes on.
  ///
  /// It awaits nothing but the transaction, and may run again. An engine may run it without a
  /// savepoint first: where something has to be undone the whole batch begins again, and the error
  /// that is thrown meanwhile is not that of `body`; so nothing is concluded from it but by throwing
  /// or by what the transaction's own result is. Throws what `body` throws, and `AttemptsSpent`.
  func attempt(_ body: () async throws -> Void) async throws

  /// Hands `effect` to the database's `PreCommit` step, which runs once before the commit of the
  /// whole batch. An effect of a body that fails is forgotten with it.
  func attach(_ effect: any Effect)

  /// Lets the statements of this transaction take as long as they take: what goes through a whole
  /// table of many rows has nobody who waits for an answer.
  func takeTime() async throws
}

extension Transaction {
  package func takeTime() async throws {}

  /// Has the statements of `body` wait so long for locks, in milliseconds; "0" for as long as it
  /// takes.
  ///
  /// Where it throws, the transaction ends, and its patience with it.
  package func waiting(_ time: String, _ body: () async throws -> Void) async throws {
    guard let known = dialect.lockPatience, let set = dialect.setLockPatience else {
      return try await body()
    }
    let before = try await first(known) { $0.text(0) } ?? "0"
    try await query(Statement(set), [.text(time)]) { _ in false }
    try await body()
    try await query(Statement(set), [.text(before)]) { _ in false }
  }

  package func post(_ statement: Statement, _ values: [Value]) async throws {
    try await execute(statement, values)
  }

  package func post(_ sql: SQL) async throws { try await execute(sql) }

  package func append(
    _ count: Int, by insert: WideInsert, _ row: (Int, inout [Value]) -> Void
  ) async throws {
    try await insert.post(count, in: self, row)
  }
}

/// A transaction has come to more attempts that need a savepoint than the engine carries well; nothing
/// of it remains.
///
/// (Every savepoint that writes is a transaction of its own to PostgreSQL, which remembers 64 of them
/// a session; beyond that everybody's reads become slower.) Whoever makes many attempts does the
/// same in several transactions of at most `limit`.
package struct AttemptsSpent: Error {
  /// Attempts that a transaction surely has room for.
  package static let limit = 60

  package init() {}
}

/// Something that a write leaves for the sorted step just before the commit.
package protocol Effect: Sendable {}

/// The step before a commit: gives positions and sequences to what the batch's bodies attached.
package protocol PreCommit: Sendable {
  /// Runs inside the transaction after all bodies of the batch. An error fails the whole batch.
  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws
  /// Runs after the commit is durable, with the same effects. Must not block.
  func committed(_ effects: [any Effect])
}

/// A constraint of the database refused a row.
package struct ConstraintViolation: Error, Sendable {
  package enum Kind: Sendable { case unique, notNull, check, other }
  package let kind: Kind
  /// The table and columns as the engine names them (`table.column`), if it does; for matching
  /// against the schema, not for showing.
  package let columns: [String]

  package init(kind: Kind, columns: [String]) {
    self.kind = kind
    self.columns = columns
  }
}
