package import Cryptography
package import Queries
import Records
package import RoostCore

/// The server's epoch: cursors and acknowledgements are of one, and mean nothing in another.
///
/// A new one begins when it shows that the database was put back to an older copy. Each start of the
/// server leaves a random tag with how far the log was, and each commit that a client gets carries a
/// signed mark of the start that it is of. A client whose mark names a start that the database does
/// not know, or a place of an earlier start that lies behind the beginning of the next one, has seen
/// what the database has lost.
///
/// Only where one process has the database are starts in one line; elsewhere the marks say nothing,
/// and whoever restores a backup begins the epoch.
package struct SyncEpochs: Sendable {
  private let signer: CursorSigner
  /// The start of this process; nil where several serve at a time.
  private let start: Start?

  struct Start: Sendable {
    let number: Int64
    let tag: UUID
  }

  /// Makes the first epoch, and notes the start of a process that serves.
  package static func begin(
    on database: any Database, ambient: Ambient, signer: CursorSigner, isServing: Bool
  ) async throws -> SyncEpochs {
    let isNoted = isServing && !database.dialect.hasOtherWriters
    let tag = UUID.version7(at: ambient.time.now(), random: ambient.random)
    let first = UUID.version7(at: ambient.time.now(), random: ambient.random)
    let now = ambient.time.now().milliseconds
    let number = try await database.write { transaction -> Int64? in
      _ = try await transaction.execute(
        """
        INSERT INTO roost_sync_epoch (one, epoch, since) VALUES (1, \(first), \(now)) \
        ON CONFLICT DO NOTHING
        """)
      guard isNoted else { return nil }
      let position = try await LogLength.read(in: transaction)
      return try await transaction.first(
        """
        INSERT INTO roost_sync_start (tag, position, at) \
        VALUES (\(tag), \(position), \(now)) RETURNING number
        """
      ) { $0.int64(0) }
    }
    return SyncEpochs(signer: signer, start: number.map { Start(number: $0, tag: tag) })
  }

  private static let purpose = "sync mark"

  /// What every answer says of the database as a whole.
  struct Moment: Sendable {
    var epoch = UUID.zero
    /// The count of purges.
    var purges: Int64 = 0
    /// How much the log has ever held.
    var position: Int64 = 0
  }

  /// One statement, as every device that waits asks it after every commit.
  static func moment(in reader: any Reader) async throws -> Moment {
    var moment = Moment()
    try await reader.query(now, []) { row in
      moment = Moment(epoch: row.uuid(0) ?? .zero, purges: row.int64(1), position: row.int64(2))
      return false
    }
    return moment
  }

  private static let now = Statement(
    """
    SELECT e.epoch, (SELECT number FROM roost_stream_purge), \
    (SELECT CAST(coalesce(sum(position), 0) AS BIGINT) FROM roost_log_head) \
    FROM roost_sync_epoch e WHERE e.one = 1
    """)

  /// What a commit carries, signed; nil where marks say nothing.
  func mark(of moment: Moment) -> String? {
    guard let start else { return nil }
    let (epoch, position) = (moment.epoch, moment.position)
    var payload = epoch.bytes + start.tag.bytes
    for number in [start.number, position] {
      withUnsafeBytes(of: number.bigEndian) { payload.append(contentsOf: $0) }
    }
    return signer.sign(payload, purpose: SyncEpochs.purpose)
  }

  /// The epoch at this moment.
  package static func current(in reader: any Reader) async throws -> UUID {
    try await reader.first("SELECT epoch FROM roost_sync_epoch WHERE one = 1") {
      $0.uuid(0) ?? .zero
    }
      ?? .zero
  }

  /// Whether a client's mark shows that the database has lost what the client saw in `epoch`.
  ///
  /// A mark that this server did not sign shows nothing, and neither does one of another epoch: what
  /// that one lost has been answered for.
  package func showsLoss(
    _ mark: String, of epoch: UUID, in reader: any Reader
  ) async throws -> Bool {
    guard start != nil, let payload = signer.verify(mark, purpose: SyncEpochs.purpose),
      payload.count == 48, payload.prefix(16).elementsEqual(epoch.bytes),
      let tag = payload[16..<32].withUnsafeBytes({ UUID(bytes: $0) })
    else { return false }
    let number = SyncEpochs.number(payload[32..<40])
    let position = SyncEpochs.number(payload[40..<48])
    let known = try await reader.first(SyncEpochs.selectTag, [.int(number)]) { $0.uuid(0) }
    guard let known, known == tag else { return true }
    let next = try await reader.first(SyncEpochs.selectNext, [.int(number)]) { $0.int64(0) }
    guard let end = next else { return try await position > LogLength.read(in: reader) }
    return position > end
  }

  private static let selectTag = Statement(
    "SELECT tag FROM roost_sync_start WHERE number = \(SQL.placeholder)")
  private static let selectNext = Statement(
    """
    SELECT position FROM roost_sync_start WHERE number > \(SQL.placeholder) \
    ORDER BY number LIMIT 1
    """)

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
    Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
  }

  /// Begins a new epoch in the place of `old`; whoever comes second finds it begun.
  package static func renew(
    _ old: UUID, on database: any Database, ambient: Ambient
  ) async throws {
    let new = UUID.version7(at: ambient.time.now(), random: ambient.random)
    let now = ambient.time.now().milliseconds
    try await database.write { transaction in
      _ = try await transaction.execute(
        """
        UPDATE roost_sync_epoch SET epoch = \(new), since = \(now) \
        WHERE one = 1 AND epoch = \(old)
        """)
    }
  }
}
