package import Queries
package import RoostCore

/// One call of a function, as `roost_function_run` has it.
package struct FunctionRun: Sendable {
  package enum Outcome: String, Sendable, CaseIterable {
    /// It answered, and what it asked for was done.
    case done
    /// It answered; what it asks for is done with the action, or was not to be done.
    case answered
    /// It said no.
    case declined
    /// What it asks for may not be done, or its answer cannot be used.
    case refused
    /// There was no answer, or one of failure.
    case failed
  }

  /// What it was called for.
  package enum Cause: String, Sendable {
    case action
    case trigger
    case schedule
    case test
  }

  package let id: UUID
  package let function: String
  package let cause: Cause
  /// The id that the function was given, the same in each attempt.
  package let operation: UUID
  package let attempt: Int
  package let startedAt: Timestamp
  package let milliseconds: Int64
  package var outcome: Outcome
  /// The status of the answer; nil where there was none.
  package let status: Int?
  /// Bytes of the answer's body.
  package let bytes: Int
  package var mutations: Int
  package var error: String?

  package init(
    id: UUID, function: String, cause: Cause, operation: UUID, attempt: Int, startedAt: Timestamp,
    milliseconds: Int64, outcome: Outcome, status: Int?, bytes: Int, mutations: Int, error: String?
  ) {
    self.id = id
    self.function = function
    self.cause = cause
    self.operation = operation
    self.attempt = attempt
    self.startedAt = startedAt
    self.milliseconds = milliseconds
    self.outcome = outcome
    self.status = status
    self.bytes = bytes
    self.mutations = mutations
    self.error = error
  }

  /// The members that REST and the command line show.
  package var json: JSON {
    var object = JSONObject()
    object["id"] = .string(id.description)
    object["function"] = .string(function)
    object["cause"] = .string(cause.rawValue)
    object["operation"] = .string(operation.description)
    object["attempt"] = .int(Int64(attempt))
    object["startedAt"] = .string(startedAt.description)
    object["milliseconds"] = .int(milliseconds)
    object["outcome"] = .string(outcome.rawValue)
    if let status { object["status"] = .int(Int64(status)) }
    object["bytes"] = .int(Int64(bytes))
    object["mutations"] = .int(Int64(mutations))
    if let error { object["error"] = .string(error) }
    return .object(object)
  }
}

/// The record of every call of a function.
package enum FunctionRuns {
  private static let errorCharacters = 500
  private static let keptMilliseconds: Int64 = 30 * 86_400_000
  private static let kept: Int64 = 200_000

  /// The step that makes the table, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "function runs") { d in
      [
        """
        CREATE TABLE roost_function_run (
          id \(d.id) PRIMARY KEY, function \(d.text) NOT NULL, cause \(d.text) NOT NULL,
          operation \(d.id) NOT NULL, attempt \(d.integer) NOT NULL,
          started_at \(d.integer) NOT NULL, milliseconds \(d.integer) NOT NULL,
          outcome \(d.text) NOT NULL, status \(d.integer), bytes \(d.integer) NOT NULL,
          mutations \(d.integer) NOT NULL, error \(d.text)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_function_run_started ON roost_function_run (started_at)",
        """
        CREATE INDEX roost_function_run_function ON roost_function_run (function, started_at)
        """,
      ]
    }
  }

  package static func add(_ run: FunctionRun, in transaction: any Transaction) async throws {
    try await transaction.post(
      insert,
      [
        .uuid(run.id), .text(run.function), .text(run.cause.rawValue), .uuid(run.operation),
        .int(Int64(run.attempt)), .timestamp(run.startedAt), .int(run.milliseconds),
        .text(run.outcome.rawValue), run.status.map { .int(Int64($0)) } ?? .null,
        .int(Int64(run.bytes)), .int(Int64(run.mutations)),
        .optional(run.error.map { String($0.prefix(errorCharacters)) }),
      ])
  }

  /// The newest runs of a function, or of all.
  package static func list(
    of function: String?, limit: Int, in reader: any Reader
  ) async throws -> [FunctionRun] {
    let among: SQL = function.map { "WHERE function = \($0)" } ?? .empty
    return try await reader.all(
      """
      SELECT id, function, cause, operation, attempt, started_at, milliseconds, outcome, status, \
      bytes, mutations, error FROM roost_function_run \(among) \
      ORDER BY started_at DESC, id DESC LIMIT \(Int64(limit))
      """
    ) { row in
      FunctionRun(
        id: row.uuid(0) ?? .zero, function: row.text(1),
        cause: FunctionRun.Cause(rawValue: row.text(2)) ?? .test,
        operation: row.uuid(3) ?? .zero, attempt: Int(clamping: row.int64(4)),
        startedAt: row.timestamp(5), milliseconds: row.int64(6),
        outcome: FunctionRun.Outcome(rawValue: row.text(7)) ?? .failed,
        status: row.isNull(8) ? nil : Int(clamping: row.int64(8)),
        bytes: Int(clamping: row.int64(9)), mutations: Int(clamping: row.int64(10)),
        error: row.optionalText(11))
    }
  }

  /// Removes what is older than thirty days, and what is beyond 200,000.
  package static func trim(on database: any Database, now: Timestamp) async throws {
    let old = now.adding(milliseconds: -keptMilliseconds)
    let beyond = try await database.read(.statement) { reader in
      try await reader.first(
        """
        SELECT started_at FROM roost_function_run ORDER BY started_at DESC LIMIT 1 OFFSET \(kept)
        """
      ) { $0.timestamp(0) }
    }
    let end = max(old, beyond ?? old)
    let rowsAtOnce = 1000
    while try await database.write({ transaction in
      try await transaction.execute(
        """
        DELETE FROM roost_function_run WHERE id IN (SELECT id FROM roost_function_run \
        WHERE started_at <= \(end) ORDER BY started_at LIMIT \(Int64(rowsAtOnce)))
        """)
    }) == rowsAtOnce {}
  }

  private static let insert = Statement(
    """
    INSERT INTO roost_function_run (id, function, cause, operation, attempt, started_at, \
    milliseconds, outcome, status, bytes, mutations, error) VALUES (\(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder))
    """)
}
