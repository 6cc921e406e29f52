import CPostgres

/// How far the write-ahead log of a server goes, or a standby has come in it.
struct ServerPlace: Sendable, Equatable {
  /// Bytes since the beginning of the log, at or beyond all that could be seen when it was asked for.
  let bytes: UInt64
  /// The number of the server's history, which a primary knows; nil from a standby.
  let timeline: UInt32?

  /// What a primary is asked: where its log goes on, which is at or behind the end of every commit that
  /// was seen, its history, and what of the place is the head of a page.
  ///
  /// In a head no record ends: a standby that has everything would look as if it lacked that. The head
  /// is longer at the beginning of a file.
  static let ofPrimary: StaticString = """
    SELECT log.place, substr(file.file_name, 1, 8), CASE WHEN file.file_offset = 40 THEN 40 \
    WHEN file.file_offset % current_setting('wal_block_size')::integer = 24 THEN 24 ELSE 0 END \
    FROM pg_current_wal_insert_lsn() AS log(place), pg_walfile_name_offset(log.place) AS file
    """
  /// What a standby is asked; nothing of one that is none any more.
  static let ofStandby: StaticString = """
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END, ''
    """

  /// The same as a decimal number.
  static let bytesOfStandby = "SELECT (pg_last_wal_replay_lsn() - '0/0')::text"

  init(bytes: UInt64, timeline: UInt32?) {
    self.bytes = bytes
    self.timeline = timeline
  }

  /// Reads the answer to either question; nil where it says nothing.
  init?(_ result: PostgresResult) {
    guard PQntuples(result.handle) == 1, PQnfields(result.handle) >= 2 else { return nil }
    let row = PostgresRow(result)
    guard let bytes = ServerPlace.bytes(row, 0) else { return nil }
    guard PQnfields(result.handle) > 2, let timeline = UInt32(row.text(1), radix: 16) else {
      self.init(bytes: bytes, timeline: nil)
      return
    }
    let head = UInt64(clamping: row.int64(2))
    self.init(bytes: bytes >= head ? bytes - head : bytes, timeline: timeline)
  }

  /// The bytes of a `pg_lsn` in its binary form; nil for NULL.
  static func bytes(_ row: PostgresRow, _ column: Int) -> UInt64? {
    guard !row.isNull(column) else { return nil }
    return UInt64(bitPattern: row.number(column))
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
