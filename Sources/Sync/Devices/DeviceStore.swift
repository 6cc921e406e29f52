import Accounts
package import Queries
import Records
package import RoostCore
import Schema
import SyncProtocol
import Synchronization

/// A device of a person, as it last said hello.
package struct Device: Sendable {
  package let id: UUID
  package let name: String
  package let platform: String
  package let firstSeen: Timestamp
  package let lastSeen: Timestamp
  package let revokedAt: Timestamp?
  /// The lineage of mutations that it has now.
  package let client: UUID
  /// Its cursors as of `lastSeen`, by stream.
  package let cursors: [Int64: Int64]

  init(_ row: any Row) {
    id = row.uuid(0) ?? .zero
    name = row.text(1)
    platform = row.text(2)
    client = row.uuid(3) ?? .zero
    firstSeen = row.timestamp(4)
    lastSeen = row.timestamp(5)
    revokedAt = row.isNull(6) ? nil : row.timestamp(6)
    var cursors: [Int64: Int64] = [:]
    if let object = (try? JSON.parse(Array(row.text(7).utf8)))?.object {
      for (stream, cursor) in object {
        if let stream = Int64(stream), let cursor = cursor.int { cursors[stream] = cursor }
      }
    }
    self.cursors = cursors
  }

  /// How many sequences of a stream it has not seen, as of `lastSeen`: at most so many entries will
  /// come to it, since an entry that changes again takes the place of the one before.
  ///
  /// What comes on demand counts once it was demanded.
  func missing(of head: StreamHead) -> Int64 {
    guard let cursor = cursors[head.stream] else {
      // Not all that it holds is known.
      if cursors.count >= DeviceStore.notedStreams { return 0 }
      return head.tier == .onDemand ? 0 : head.sequence
    }
    return max(0, head.sequence - cursor)
  }
}

/// The devices of people: registered by their first hello, listed, named and revoked.
package final class DeviceStore: Sendable {
  /// Devices of one account that are not revoked and were seen within 400 days, at most.
  package static let most = 100
  /// A device is noted again when it was noted so long ago, or when it changed.
  private static let pauseMilliseconds: Int64 = 60_000
  private static let forgottenMilliseconds: Int64 = 400 * 86_400_000
  private static let remembered = 100_000
  /// Cursors of a device that are noted, at most.
  static let notedStreams = 1000

  private let database: any Database
  private let time: any TimeSource

  /// What was noted of a device, to spare a write for each hello.
  private struct Noted {
    let notice: DeviceNotice
    let client: UUID
    let session: UUID?
    let at: Timestamp
    /// Of how many streams its cursors were noted.
    var streams: Int
  }
  /// A device of an account: one that changes hands is a device of both.
  private struct Key: Hashable {
    let user: UUID
    let device: UUID
  }
  private let noted = Mutex<[Key: Noted]>([:])
  private let signedOut = Atomic<UInt64>(0)

  package init(on database: any Database, time: any TimeSource) {
    self.database = database
    self.time = time
  }

  /// The device was signed out by its owner.
  struct Revoked: Error {}

  /// How often a device was signed out, or may have been by another process: while the number stays,
  /// a device that was let in still is.
  var revocations: UInt64 { signedOut.load(ordering: .acquiring) }

  /// Takes note that another process may have signed a device out.
  package func noteOthers() { signedOut.add(1, ordering: .acquiringAndReleasing) }

  /// Throws `Revoked` where the device that says hello was signed out by its owner.
  func check(_ hello: Hello, of caller: Caller) async throws {
    guard let notice = hello.device, let uid = caller.uid else { return }
    let isRevoked = try await database.read(.statement) { reader in
      try await reader.first(DeviceStore.selectRevoked, [.uuid(uid), .uuid(notice.id)]) {
        !$0.isNull(0)
      }
    }
    if isRevoked == true { throw Revoked() }
  }

  private static let selectRevoked = Statement(
    """
    SELECT revoked_at FROM roost_device \
    WHERE "user" = \(SQL.placeholder) AND id = \(SQL.placeholder)
    """)

  /// Notes a hello; throws `Revoked`, and `.forbidden` beyond the most devices of an account.
  ///
  /// What is noted serves the list of devices: reading does not depend on it, so a hello is taken
  /// where it cannot be written now.
  func note(_ hello: Hello, of caller: Caller) async throws {
    guard let notice = hello.device, let uid = caller.uid else { return }
    let now = time.now()
    try await check(hello, of: caller)
    let key = Key(user: uid, device: notice.id)
    let known = noted.withLock { $0[key] }
    if let known, known.notice == notice, known.client == hello.cid,
      known.session == caller.sessionID,
      now.milliseconds - known.at.milliseconds < DeviceStore.pauseMilliseconds
    {
      return
    }
    let cursors = DeviceStore.text(hello.streams)
    do {
      try await database.write { transaction in
        try await DeviceStore.put(
          notice, hello.cid, cursors, of: uid, caller.sessionID, at: now, in: transaction)
      }
    } catch is ConstraintViolation {
      // Its first hello came twice at once, and the other one was noted.
      return
    } catch let error as RoostError where DeviceStore.isPassing(error) {
      return
    }
    noted.withLock { noted in
      if noted.count >= DeviceStore.remembered { noted.removeAll() }
      noted[key] = Noted(
        notice: notice, client: hello.cid, session: caller.sessionID, at: now,
        streams: hello.streams.count)
    }
  }

  /// Notes what a commit brings to the device that said hello, where it brings streams that nothing
  /// was noted of: it may say nothing more before it goes offline, and would pass for empty.
  func note(_ commit: Commit, to hello: Hello, of caller: Caller) async throws {
    guard let notice = hello.device, let uid = caller.uid, !commit.heads.isEmpty else { return }
    let key = Key(user: uid, device: notice.id)
    let cursors = hello.streams.merging(commit.heads) { $1 }
    let isNews = noted.withLock { noted in
      guard let known = noted[key], known.client == hello.cid, known.streams < cursors.count
      else { return false }
      noted[key]?.streams = cursors.count
      return true
    }
    guard isNews else { return }
    let text = DeviceStore.text(cursors)
    do {
      try await database.write { transaction in
        _ = try await transaction.execute(
          DeviceStore.updateCursors, [.text(text), .uuid(uid), .uuid(notice.id)])
      }
    } catch let error as RoostError where DeviceStore.isPassing(error) {
      return
    }
  }

  /// Whether nothing can be written for a while.
  private static func isPassing(_ error: RoostError) -> Bool {
    switch error.code {
    case .storageFull, .overloaded, .draining, .timeout: true
    default: false
    }
  }

  private static func put(
    _ notice: DeviceNotice, _ client: UUID, _ cursors: String, of uid: UUID, _ session: UUID?,
    at now: Timestamp, in transaction: any Transaction
  ) async throws {
    let found = try await transaction.first(
      """
      SELECT revoked_at FROM roost_device \
      WHERE "user" = \(uid) AND id = \(notice.id)\(transaction.dialect.forUpdate)
      """
    ) { !$0.isNull(0) }
    if let isRevoked = found {
      if isRevoked { throw Revoked() }
      try await transaction.execute(
        update,
        [
          .uuid(client), .optional(session), .int(now.milliseconds), .text(cursors),
          .optional(notice.name), .optional(notice.platform), .uuid(uid), .uuid(notice.id),
        ])
      return
    }
    let count = try await transaction.first(
      """
      SELECT count(*) FROM roost_device WHERE "user" = \(uid) AND revoked_at IS NULL \
      AND last_seen > \(now.milliseconds - forgottenMilliseconds)
      """
    ) { $0.int64(0) }
    guard (count ?? 0) < Int64(most) else {
      throw RoostError(
        .forbidden, "This account has \(most) devices, which is the most: sign out of one first.")
    }
    _ = try await transaction.execute(
      """
      INSERT INTO roost_device (id, "user", name, platform, cid, session, first_seen, last_seen, \
      revoked_at, cursors) VALUES (\(notice.id), \(uid), \(notice.name ?? ""), \
      \(notice.platform ?? ""), \(client), \(Value.optional(session)), \(now), \(now), NULL, \(cursors))
      """)
  }

  private static let update = Statement(
    """
    UPDATE roost_device SET cid = \(SQL.placeholder), session = \(SQL.placeholder), \
    last_seen = \(SQL.placeholder), cursors = \(SQL.placeholder), \
    name = CASE WHEN is_named = 1 THEN name ELSE coalesce(\(SQL.placeholder), name) END, \
    platform = coalesce(\(SQL.placeholder), platform) \
    WHERE "user" = \(SQL.placeholder) AND id = \(SQL.placeholder)
    """)
  private static let updateCursors = Statement(
    """
    UPDATE roost_device SET cursors = \(SQL.placeholder) \
    WHERE "user" = \(SQL.placeholder) AND id = \(SQL.placeholder)
    """)

  private static func text(_ cursors: [Int64: Int64]) -> String {
    var json = JSONWriter(capacity: 256)
    json.beginObject()
    for (stream, cursor) in cursors.sorted(by: { $0.key < $1.key }).prefix(notedStreams) {
      json.key(String(stream))
      json.int(cursor)
    }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  // MARK: Looking and changing

  private static let columns: SQL =
    "id, name, platform, cid, first_seen, last_seen, revoked_at, cursors"

  /// The devices of a person, the one that was seen last first.
  package func devices(of uid: UUID, in reader: any Reader) async throws -> [Device] {
    try await reader.all(
      """
      SELECT \(DeviceStore.columns) FROM roost_device WHERE "user" = \(uid) \
      ORDER BY last_seen DESC, id LIMIT \(2 * DeviceStore.most)
      """
    ) { Device($0) }
  }

  /// Gives a device another name, which its hellos leave as it is from then on; false where the person
  /// has no such device.
  package func rename(_ id: UUID, of uid: UUID, to name: String) async throws -> Bool {
    forget(id, of: uid)
    return try await database.write { transaction in
      try await transaction.execute(
        """
        UPDATE roost_device SET name = \(name), is_named = 1 WHERE id = \(id) AND "user" = \(uid)
        """) == 1
    }
  }

  private func forget(_ id: UUID, of uid: UUID) {
    noted.withLock { $0[Key(user: uid, device: id)] = nil }
  }

  /// What revoking a device ended.
  package struct Revocation: Sendable {
    /// The session in which it was seen last.
    package let session: UUID?
    /// Whether it had not been revoked before.
    package let isNew: Bool
  }

  /// Revokes a device: its next hello is refused; nil where the person has no such device.
  package func revoke(_ id: UUID, of uid: UUID) async throws -> Revocation? {
    forget(id, of: uid)
    let now = time.now()
    let revocation = try await database.write { transaction -> Revocation? in
      let found = try await transaction.first(
        """
        SELECT session, revoked_at FROM roost_device WHERE id = \(id) \
        AND "user" = \(uid)\(transaction.dialect.forUpdate)
        """
      ) { Revocation(session: $0.isNull(0) ? nil : $0.uuid(0), isNew: $0.isNull(1)) }
      guard let found else { return nil }
      _ = try await transaction.execute(
        """
        UPDATE roost_device SET revoked_at = coalesce(revoked_at, \(now)) \
        WHERE "user" = \(uid) AND id = \(id)
        """)
      return found
    }
    signedOut.add(1, ordering: .acquiringAndReleasing)
    return revocation
  }
}
