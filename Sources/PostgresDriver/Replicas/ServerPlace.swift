import CPostgres

/// How far the write-ahead log of a server goes, or a standby has come in it.
struct ServerPlace: Sendable, Equatable {
  /// Bytes since the beginning of the log, at or beyond all that could be seen when it was asked for.
  let bytes: UInt64
  /// The number of the server's history, which a primary knows; nil from a standby.
  let timeline: UInt32?

  /// What a primary is asked: its log goes on at or behind the end of every commit that was seen.
  static let ofPrimary: StaticString = """
    SELECT pg_current_wal_insert_lsn(), \
    substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
    """
  /// What a standby is asked; nothing of one that is none any more.
  static let ofStandby: StaticString = """
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END, ''
    """

  init(bytes: UInt64, timeline: UInt32?) {
    self.bytes = bytes
    self.timeline = timeline
  }

  /// Reads the answer to either question; nil where it says nothing.
  init?(_ result: PostgresResult) {
    guard PQntuples(result.handle) == 1, PQnfields(result.handle) >= 2 else { return nil }
    let row = PostgresRow(result)
    guard let bytes = ServerPlace.bytes(row, 0) else { return nil }
    let timeline = row.isNull(1) ? nil : UInt32(row.text(1), radix: 16)
    self.init(bytes: ServerPlace.settled(bytes, isNext: timeline != nil), timeline: timeline)
  }

  /// The bytes of a `pg_lsn` in its binary form; nil for NULL.
  static func bytes(_ row: PostgresRow, _ column: Int) -> UInt64? {
    guard !row.isNull(column) else { return nil }
    return UInt64(bitPattern: row.number(column))
  }

  /// The end of the last record, where `bytes` says the beginning of the next one.
  ///
  /// Between two pages these differ by the head of a page, which no record's end lies in; a standby
  /// that has everything would look as if it lacked that.
  static func settled(_ bytes: UInt64, isNext: Bool) -> UInt64 {
    isNext && bytes % 8192 == 24 ? bytes - 24 : bytes
  }
}

/// The question for a place behind the queries of a group, and its answer.
final class PlaceExchange: Exchange {
  private(set) var place: ServerPlace?
  private var waiting: [() -> Void] = []

  init() { super.init(.run, sql: "the position of the server") }

  override func finish() {
    super.finish()
    if failure == nil, let result { place = ServerPlace(result) }
    let waiting = waiting
    self.waiting = []
    for body in waiting { body() }
  }

  /// Calls `body` when the answer is there.
  func whenDone(_ body: @escaping () -> Void) { waiting.append(body) }
}
