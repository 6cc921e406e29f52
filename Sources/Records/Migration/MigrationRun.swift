package import Queries
package import RoostCore

/// A migration on record: what was asked for, and how far it is.
package struct MigrationRun: Sendable {
  package enum Kind: String, Sendable {
    case apply
    case rollback
    /// Additions that a start made by itself.
    case start
    /// Streams that are brought in step with changed rules.
    case rescope
  }

  package enum State: String, Sendable {
    /// Values are converted beside those of the old schema, of which nothing shows yet.
    case converting
    /// The new schema holds; rows are brought in step.
    case filling
    /// Rows are moved to the streams that the rules put them into.
    case rescoping
    case done
    case cancelled
    /// A later migration took back what it was filling.
    case superseded
  }

  package let number: Int64
  package let kind: Kind
  package let state: State
  /// The text of the schema that it leads to.
  package let schema: String
  package let steps: JSON
  package let begunAt: Timestamp
  package let switchedAt: Timestamp?
  package let endedAt: Timestamp?
  /// What was allowed to lose data when it began.
  let allowed: Set<String>
  /// The end of the log when its rows were looked at.
  let mark: LogMark?

  /// Why no other migration can be begun, and no other schema be served.
  package var fault: MigrationFault {
    MigrationFault(
      "migration_open",
      "A migration to another schema is under way (number \(number)): apply it with the "
        + "schema that it was begun with, or give it up with roost migrate rollback")
  }

  package var isOpen: Bool { state == .converting || state == .filling || state == .rescoping }

  /// The runs, oldest first.
  package static func all(in reader: any Reader) async throws -> [MigrationRun] {
    try await reader.all(
      """
      SELECT number, kind, state, schema, steps, begun_at, switched_at, ended_at, allowed, \
      log_mark FROM roost_migration_run ORDER BY number
      """
    ) { row in
      MigrationRun(
        number: row.int64(0), kind: Kind(rawValue: row.text(1)) ?? .apply,
        state: State(rawValue: row.text(2)) ?? .done, schema: row.text(3),
        steps: (try? JSON.parse(Array(row.text(4).utf8))) ?? .null, begunAt: row.timestamp(5),
        switchedAt: row.optionalInt64(6).map { Timestamp(milliseconds: $0) },
        endedAt: row.optionalInt64(7).map { Timestamp(milliseconds: $0) },
        allowed: MigrationRun.allowed(row.optionalText(8)),
        mark: row.optionalText(9).flatMap(LogMark.init))
    }
  }

  /// The run that converts values; there is one at most.
  static func converting(in reader: any Reader) async throws -> MigrationRun? {
    try await all(in: reader).last { $0.state == .converting }
  }

  private static func allowed(_ text: String?) -> Set<String> {
    let json = text.flatMap { try? JSON.parse(Array($0.utf8)) }
    return Set((json?.array ?? []).compactMap(\.string))
  }

  /// Notes that more of its items may lose data.
  static func allow(
    _ items: Set<String>, of run: Int64, in transaction: any Transaction
  ) async throws {
    let text = JSON.array(items.sorted().map { .string($0) }).text
    try await transaction.execute(
      "UPDATE roost_migration_run SET allowed = \(text) WHERE number = \(run)")
  }

  static func make(
    _ kind: Kind, _ state: State, schema: String, _ steps: [MigrationStep], now: Timestamp,
    mark: LogMark? = nil, in transaction: any Transaction
  ) async throws -> Int64 {
    let number = try await transaction.first(
      """
      INSERT INTO roost_migration_run (kind, state, schema, steps, begun_at, log_mark) VALUES (\
      \(kind.rawValue), \(state.rawValue), \(schema), \(JSON.array(steps.map(\.json)).text), \
      \(now), \(Value.optional(mark?.text))) RETURNING number
      """
    ) { $0.int64(0) }
    guard let number else {
      throw RoostError(.internalError, "A migration could not be numbered.")
    }
    return number
  }
}

/// A part of a run that goes through the rows of a collection, in the order of their ids.
package struct MigrationTask: Sendable {
  package enum Kind: String, Sendable {
    /// Rows get the value of a field in its new type, in a column beside it.
    case convert
    /// Rows with the default of new fields become changes that followers and clients see.
    case fill
    /// Rows, and what they grant, are brought in step with changed rules.
    case rescope
  }

  let run: Int64
  let number: Int64
  package let kind: Kind
  package let collection: Int64
  let argument: JSON
  let after: UUID?
  package let done: Int
  package let total: Int
  package let isOpen: Bool
  /// When the run began: younger rows were written with the new fields.
  let begunAt: Timestamp

  /// What is done to the tasks that are read.
  enum Locking {
    case none
    /// They are waited for, and held until the commit.
    case waiting
    /// They are held until the commit, but for those that somebody else holds, which are left out.
    case free
  }

  /// The tasks of runs under way, those still open alone where `onlyOpen`.
  static func all(
    onlyOpen: Bool, locking: Locking = .none, in reader: any Reader
  ) async throws -> [MigrationTask] {
    var sql: SQL = """
      SELECT t.run, t.number, t.kind, t.collection, t.argument, t.after, t.done, t.total, \
      t.is_open, r.begun_at, r.switched_at FROM roost_migration_task t \
      JOIN roost_migration_run r ON r.number = t.run \
      WHERE r.state IN ('converting', 'filling', 'rescoping')
      """
    if onlyOpen { sql += " AND t.is_open = 1" }
    sql += " ORDER BY t.run, t.number"
    switch locking {
    case .none: break
    case .waiting: sql += reader.dialect.forUpdate(of: "t")
    case .free: sql += reader.dialect.forUpdateOfFree(of: "t")
    }
    return try await reader.all(sql) { row in
      MigrationTask(
        run: row.int64(0), number: row.int64(1), kind: Kind(rawValue: row.text(2)) ?? .fill,
        collection: row.int64(3), argument: (try? JSON.parse(Array(row.text(4).utf8))) ?? .null,
        after: row.uuid(5), done: Int(row.int64(6)), total: Int(row.int64(7)),
        isOpen: row.bool(8), begunAt: row.timestamp(row.isNull(10) ? 9 : 10))
    }
  }

  /// Its rows are counted by whoever goes through them: here others wait for its table.
  static func make(
    _ kind: Kind, of run: Int64, _ number: Int64, collection: Int64, argument: JSON,
    in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO roost_migration_task \
      (run, number, kind, collection, argument, after, done, total, is_open) \
      VALUES (\(run), \(number), \(kind.rawValue), \(collection), \(argument.text), NULL, 0, 0, 1)
      """)
  }

  /// Has the part go on with something else.
  func replace(argument: JSON, in transaction: any Transaction) async throws {
    try await transaction.execute(
      """
      UPDATE roost_migration_task SET argument = \(argument.text) \
      WHERE run = \(run) AND number = \(number)
      """)
  }

  /// Counts the rows that it goes through, beside those who read and write them; 0 where there are
  /// too many to be counted in the time of a read.
  func count(on database: any Database) async throws -> Int {
    let collection = collection
    let total = try? await database.read(.statement) { reader -> Int64? in
      let table = try await reader.first(
        "SELECT name FROM roost_collection WHERE number = \(collection)"
      ) { $0.text(0) }
      guard let table else { return nil }
      return try await reader.first("SELECT count(*) FROM \(identifier: table)") { $0.int64(0) }
    }
    guard let total, total > 0 else { return 0 }
    let (run, number) = (self.run, self.number)
    _ = try await database.write { transaction in
      try await transaction.execute(
        """
        UPDATE roost_migration_task SET total = \(total) \
        WHERE run = \(run) AND number = \(number)
        """)
    }
    return Int(clamping: total)
  }

  /// Ends a part whose work a later migration took away.
  func close(at now: Timestamp, in transaction: any Transaction) async throws {
    try await transaction.execute(
      """
      UPDATE roost_migration_task SET is_open = 0 WHERE run = \(run) AND number = \(number)
      """)
    try await transaction.execute(
      """
      UPDATE roost_migration_run SET state = 'superseded', ended_at = \(now) \
      WHERE number = \(run) AND state IN ('filling', 'rescoping') AND NOT EXISTS \
      (SELECT 1 FROM roost_migration_task t WHERE t.run = \(run) AND t.is_open = 1)
      """)
  }

  /// Notes how far it is; `last` is nil where no row is left.
  func advance(
    to last: UUID?, by count: Int, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE roost_migration_task SET after = \(Value.optional(last ?? after)), \
      done = done + \(count), is_open = \(Value.bool(last != nil)) \
      WHERE run = \(run) AND number = \(number)
      """)
    guard last == nil else { return }
    try await transaction.execute(
      """
      UPDATE roost_migration_run SET state = 'done', ended_at = coalesce(switched_at, begun_at) \
      WHERE number = \(run) AND state IN ('filling', 'rescoping') AND NOT EXISTS \
      (SELECT 1 FROM roost_migration_task t WHERE t.run = \(run) AND t.is_open = 1)
      """)
  }
}
