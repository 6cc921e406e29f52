import Queries
import RoostCore

/// Whether a query that takes long is too much work, or is kept from its work by others.
///
/// The server tells no client what a query took of its processor, and a clock on the wall cannot tell
/// an expensive query from one that waits for a lock or among too many. So what has taken long runs
/// again, and the rows are counted that it looks at in a while: an expensive one comes to many
/// thousands even on a machine that is busy.
extension LongReader {
  /// The limit counts processor time: on a machine that others use too, a wall clock runs this much
  /// ahead of it.
  private static let patience: UInt64 = 4
  /// The most steps that a row takes which is looked at (`WorkLimit.freeSteps`).
  private static let stepsOfRow: Int64 = 50

  /// How long a body with a limit may take: before its rows are counted no longer than a short read,
  /// and then at least as long, so that small work is done on a slow machine too.
  static func nanoseconds(
    _ limit: WorkLimit, _ factory: ConnectionFactory, isCounted: Bool
  ) -> UInt64 {
    let whole = UInt64(max(1, limit.milliseconds)) * patience
    let short = UInt64(max(1, factory.configuration.sharedMilliseconds))
    return (isCounted ? max(whole, short) : min(whole, short)) * 1_000_000
  }

  /// The question how many rows of the schema's tables and entries of its indexes the session has
  /// looked at; no answer where the server does not count.
  static func rowsQuestion(_ factory: ConnectionFactory) -> StatementCall {
    .fixed(lookedAt, [.text(factory.configuration.schema)])
  }

  private static let lookedAt = Statement(
    """
    SELECT CASE current_setting('track_counts') \
    WHEN 'on' THEN sum(pg_catalog.pg_stat_get_xact_tuples_returned(c.oid)) END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = CAST(\(SQL.placeholder) AS text) AND c.relkind IN ('r', 'i')
    """)

  /// The answer to it.
  static func rows(_ result: PostgresResult) -> Int64? {
    var rows: Int64?
    result.forEach { row in
      if !row.isNull(0) { rows = row.int64(0) }
      return false
    }
    return rows
  }

  /// Whether rows that were looked at since `before` are more than small work.
  static func isMuch(_ before: Int64, _ after: Int64, _ limit: WorkLimit) -> Bool {
    max(0, after - before) >= Int64(limit.freeSteps) / stepsOfRow
  }
}
