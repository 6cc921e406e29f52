import Queries
import RoostCore
import RoostServer
import SQLiteDriver
import SyncClient
import SyncProtocol

/// What must hold when every queue is empty.
extension World {
  /// `views` are what the people see, by their numbers.
  func checkAtRest(_ views: [ServerView]) async throws {
    checkConvergence(views, try await checkFormer(views))
    let results = try await results()
    checkNothingLost(results)
    try await checkMerges(results, inFirstWords(views))
    try await checkConflicts(results)
    try await checkDensity()
    try await checkSequences()
    try await checkClocks()
    checkSecrecy()
  }

  /// What everybody sees now.
  func allViews() async throws -> [ServerView] {
    var views: [ServerView] = []
    for person in server.people {
      guard let view = try await ServerView.of(person.own, on: server, collections) else {
        throw WorldFault("the server is down at rest")
      }
      views.append(view)
    }
    return views
  }

  /// 1: devices have what the server shows.
  ///
  /// `formers` are what it shows to those of the first version, where that has other words.
  private func checkConvergence(_ views: [ServerView], _ formers: [ServerView]?) {
    for device in devices where !device.isRevoked {
      let view = (isFormer(device) ? formers ?? views : views)[device.person]
      // Nothing is left over of other words.
      for collection in Set(collections(device) + collections).sorted() {
        if let found = difference(device, view, collection) {
          return breach(.convergence, "\(device.name) at rest: \(found)")
        }
      }
    }
  }

  /// What the server keeps of an operation.
  struct Kept: Sendable {
    let result: String
    /// Its place in the order in which the server took them in.
    let order: Int64
    var isAccepted: Bool {
      ["ok", "merged"].contains(result) || result.hasPrefix("{\"result\":\"conflict\"")
        || result.hasPrefix("{\"result\":\"ok\"") || result.hasPrefix("{\"result\":\"merged\"")
    }
    var isPlain: Bool { ["ok", "merged", "dup"].contains(result) }
    /// Of how many edits a person is to decide.
    var disputes: Int {
      guard isAccepted, result.hasPrefix("{") else { return 0 }
      return (try? JSON.parse(text: result))?["conflicts"]?.array?.count ?? 0
    }
  }

  private func results() async throws -> [ChainHash: Kept] {
    let rows = try await server.look { reader in
      try await reader.all("SELECT oid, result, number FROM roost_mutation") { row in
        (row.uuid(0) ?? .zero, row.text(1), row.int64(2))
      }
    }
    return Dictionary(
      rows.map { (ChainHash(uuid: $0.0), Kept(result: $0.1, order: $0.2)) },
      uniquingKeysWith: { $1 })
  }

  /// 4 and 20: what a device made is applied, or its person was told.
  private func checkNothingLost(_ results: [ChainHash: Kept]) {
    for device in devices where !device.isRevoked {
      if device.live.core.idleCount > 0 {
        breach(.healing, "\(device.name) has changes that wait for rows which it holds")
      }
      for oid in device.live.made {
        guard let operation = ledger.operations[oid], operation.travels else { continue }
        let isShown = device.live.shown.contains(oid)
        guard let kept = results[oid] else {
          if isShown { continue }
          return breach(
            restores > 0 ? .healing : .nothingLost,
            "\(oid) of \(device.name) is neither on the server nor refused")
        }
        guard kept.isPlain || isShown else {
          return breach(
            .nothingLost,
            "\(oid) of \(device.name) was refused, and nobody was told: \(kept.result)")
        }
      }
    }
  }

  /// 12: the last number of each stream and of the log is that of an entry.
  private func checkDensity() async throws {
    let holes = try await server.look { reader in
      try await reader.all(
        """
        SELECT h.stream, h.seq FROM roost_scope_head h WHERE h.seq > h.gc_floor AND NOT EXISTS (\
        SELECT 1 FROM roost_scope_row r WHERE r.stream = h.stream AND r.seq = h.seq)
        """
      ) { ($0.int64(0), $0.int64(1)) }
    }
    if let (stream, seq) = holes.first {
      breach(.density, "stream \(stream) ends at \(seq), where there is no entry")
    }
    let beyond = try await server.look { reader in
      try await reader.all(
        """
        SELECT r.stream, r.seq FROM roost_scope_row r JOIN roost_scope_head h \
        ON h.stream = r.stream WHERE r.seq > h.seq
        """
      ) { ($0.int64(0), $0.int64(1)) }
    }
    if let (stream, seq) = beyond.first {
      breach(.density, "stream \(stream) has an entry at \(seq), beyond its head")
    }
    let twice = try await server.look { reader in
      try await reader.all(
        "SELECT stream, seq FROM roost_scope_row GROUP BY stream, seq HAVING count(*) > 1"
      ) { ($0.int64(0), $0.int64(1)) }
    }
    if let (stream, seq) = twice.first {
      breach(.density, "stream \(stream) has two entries at \(seq)")
    }
    let gaps = try await server.look { reader in
      try await reader.all(
        """
        SELECT partition, max(position) - min(position) + 1 - count(*) FROM roost_log \
        GROUP BY partition
        """
      ) { ($0.int64(0), $0.int64(1)) }
    }
    if let gap = gaps.first(where: { $0.1 != 0 }) {
      breach(.density, "part \(gap.0) of the log lacks \(gap.1) entries")
    }
  }

  /// 16: no lane's clock is ahead of what arrived last in it, and no stamp of a row of what arrived
  /// last of its client.
  private func checkClocks() async throws {
    let clocks = try await server.look { reader in
      try await reader.all("SELECT cid, clock FROM roost_client") { ($0.uuid(0), $0.int64(1)) }
    }
    for (client, clock) in clocks {
      let at = HybridTime(rawValue: UInt64(bitPattern: clock)).milliseconds
      let arrival = client.flatMap { ledger.arrivals[$0] } ?? time.wall
      guard at > arrival + HybridClock.toleranceMilliseconds else { continue }
      return breach(.clocks, "a lane's clock is \(at - arrival) ms ahead of its last push")
    }
    if let found = try await stampAhead() { breach(.clocks, found) }
  }

  /// A stamp of a row that is ahead of what it may be, in words; nil where none is.
  private func stampAhead() async throws -> String? {
    // Those of the server itself have no client, and are as old as now at least.
    let (arrivals, now) = (ledger.arrivals, time.wall)
    let statement = stage.isRenamed && isDeployed ? World.storedClocksNext : World.storedClocks
    return try await server.look { reader in
      var found: String?
      try await reader.query(statement, []) { row in
        row.withBytes(1) { bytes in
          let isRead = StoredStamps.each(in: bytes) { stamp in
            let ahead = stamp.time.milliseconds - (arrivals[stamp.client] ?? now)
            guard ahead > HybridClock.toleranceMilliseconds, found == nil else { return }
            found = "a stored stamp of \(row.uuid(0) ?? .zero) is \(ahead) ms ahead: \(stamp)"
          }
          if !isRead { found = found ?? "the clocks of \(row.uuid(0) ?? .zero) cannot be read" }
        }
        return found == nil
      }
      return found
    }
  }

  private static let storedClocks = storedClocks(WorldSchema.synced)
  private static let storedClocksNext = storedClocks(
    WorldSchema.synced.map(WorldWords.collection))

  private static func storedClocks(_ tables: [String]) -> Statement {
    Statement(
      tables.map { "SELECT id, \(identifier: "_clocks") FROM \(identifier: $0)" as SQL }
        .joined(by: " UNION ALL "))
  }

  /// 15: what stays on devices is nowhere else.
  private func checkSecrecy() {
    for (name, bytes) in server.disk.current.files
    where World.holds(bytes, WorldSchema.secret) {
      return breach(.secrecy, "\(name) holds a value that stays on its device")
    }
    if World.holds(server.log.bytes, WorldSchema.secret) {
      breach(.secrecy, "the log holds a value that stays on its device")
    }
  }
}

extension Ledger.Operation {
  /// Whether something of it leaves the device.
  var travels: Bool {
    operations.contains { operation in
      switch operation {
      case .create(let collection, _, _), .delete(let collection, _): collection != "scraps"
      case .update(let collection, _, let fields, _):
        collection != "scraps" && fields.contains { $0.key != "sketch" }
      case .action, .resolve: true
      }
    }
  }
}
