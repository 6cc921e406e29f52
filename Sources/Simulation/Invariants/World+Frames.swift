import Queries
import RoostCore
import RoostServer
import SyncClient
import SyncProtocol

/// What is looked at in each request and its answer.
extension World {
  /// Before a request: which operations it tries to bring, and with which stamps.
  func noteAttempts(_ frames: [Frame]) {
    for frame in frames {
      guard case .push(let push) = frame else { continue }
      let lane = "\(push.cid) \(push.lane.rawValue)"
      ledger.arrivals[push.cid] = time.wall
      for mutation in push.mutations {
        let stamp = Stamp(time: mutation.stamp.time, client: push.cid)
        let sent =
          stage.isRenamed ? mutation.operations.map(WorldWords.first) : mutation.operations
        let limit = time.wall + HybridClock.toleranceMilliseconds
        // What a lane begins with is not taken for older.
        let oldest = time.wall - 90 * 86_400_000
        // A stamp that is not above those before it in its lane may be lifted.
        let latest = ledger.latestAttempts[lane, default: HybridTime(rawValue: 0)]
        ledger.latestAttempts[lane] = max(latest, stamp.time)
        ledger.change(mutation.oid) { operation in
          if operation.taken == nil {
            operation.taken = stamp
            operation.sent = sent
            if stamp.time <= latest { operation.isClamped = true }
          }
          if operation.sent != sent { operation.sent = nil }
          if operation.taken != stamp || !(oldest...limit).contains(stamp.time.milliseconds) {
            operation.isClamped = true
          }
        }
      }
    }
  }

  /// After it: what the answer says of them, and what it must not say.
  func observe(_ asked: [Frame], _ answered: [Frame], of device: WorldDevice) async throws {
    checkFrames(answered)
    var pushes = asked.compactMap { frame -> Push? in
      if case .push(let push) = frame { push } else { nil }
    }[...]
    for frame in answered {
      switch frame {
      case .pushed(let pushed):
        guard let push = pushes.popFirst() else { continue }
        observe(push, pushed)
      case .error(let error) where error.lane != nil: _ = pushes.popFirst()
      default: break
      }
    }
    guard case .hello(let hello)? = asked.first, case .welcome(let welcome)? = answered.first else {
      return
    }
    checkMonotony(hello, welcome, answered)
    if chance.once(in: 4) { try await checkDeltas(hello, welcome, answered) }
  }

  private func observe(_ push: Push, _ pushed: Pushed) {
    for result in pushed.results {
      guard let mutation = push.mutations.first(where: { $0.seq == result.seq }) else { continue }
      let oid = mutation.oid
      checkUnderstood(result, of: mutation)
      ledger.acknowledged.insert(oid)
      ledger.everAnswered.insert(oid)
      guard result.outcome == .ok || result.outcome == .merged else { continue }
      let place = "\(push.cid) \(push.lane.rawValue) \(result.seq)"
      if let first = ledger.places[oid], first != place {
        breach(.oneEffect, "\(oid) took place at \(first) and again at \(place)")
      }
      ledger.places[oid] = place
      for operation in mutation.operations {
        if case .delete(let collection, let id) = operation {
          ledger.deleted.insert(
            WorldWords.firstKey(RowKey(collection: collection, id: id)))
        }
      }
    }
  }

  /// 11, 14, 16: what no frame may carry.
  func checkFrames(_ frames: [Frame]) {
    let limit = time.wall + HybridClock.toleranceMilliseconds
    for frame in frames {
      switch frame {
      case .delta(let delta):
        for entry in delta.entries {
          switch entry.kind {
          case .put:
            if ledger.deleted.contains(WorldWords.firstKey(entry.row)) {
              breach(
                .noReturn, "\(entry.row.collection)/\(entry.row.id) is put after it was deleted")
            }
            for (field, stamp) in entry.clocks where stamp.time.milliseconds > limit {
              breach(.clocks, "\(field) of \(entry.row.id) has the stamp \(stamp)")
            }
          case .delete, .leave:
            if !entry.fields.isEmpty || !entry.clocks.isEmpty {
              breach(.removals, "a \(entry.kind.rawValue) of \(entry.row.id) has values")
            }
          }
        }
      case .commit(let commit) where commit.clock.milliseconds > limit:
        breach(.clocks, "the server's clock is \(commit.clock.milliseconds - time.wall) ms ahead")
      default: break
      }
    }
  }

  /// 8: nothing goes back within an epoch.
  private func checkMonotony(_ hello: Hello, _ welcome: Welcome, _ frames: [Frame]) {
    for frame in frames {
      guard case .commit(let commit) = frame else { continue }
      for (stream, head) in commit.heads {
        if let cursor = hello.streams[stream], hello.epoch == welcome.epoch, head < cursor,
          !welcome.resync.contains(stream)
        {
          breach(.monotony, "stream \(stream) goes back from \(cursor) to \(head)")
        }
        ledger.published[stream] = max(ledger.published[stream] ?? 0, head)
      }
    }
  }

  /// 9, 13: a commit's last is the lanes' at that moment, and a delta lacks nothing of its stretch.
  private func checkDeltas(
    _ hello: Hello, _ welcome: Welcome, _ frames: [Frame]
  ) async throws {
    guard server.isUp else { return }
    var commits: [Commit] = []
    var deltas: [Delta] = []
    var restarted: [Int64] = []
    var isReconciled = false
    for frame in frames {
      switch frame {
      case .commit(let commit): commits.append(commit)
      case .delta(let delta) where delta.from < delta.to: deltas.append(delta)
      case .restart(let stream): restarted.append(stream)
      case .gone, .ranges: isReconciled = true
      default: break
      }
    }
    if isReconciled { deltas = [] }
    guard !commits.isEmpty || !deltas.isEmpty else { return }
    let stored = try await stored(of: hello.cid, deltas.map { ($0.stream, $0.from, $0.to) })
    for commit in commits {
      for (lane, last) in stored.lanes where commit.last[lane] != last {
        if commit.last[lane] == nil, hello.lanes[lane] == nil { continue }
        breach(
          .inclusion,
          "\(lane.rawValue) of \(hello.cid) stands at \(last), and the commit says "
            + "\(commit.last[lane].map { "\($0)" } ?? "nothing")")
      }
    }
    for (delta, wanted) in zip(deltas, stored.stretches) {
      let found = Set(delta.entries.map(\.seq))
      let isFresh = delta.from == 0 || restarted.contains(delta.stream)
      // Who has nothing of a stream needs to be told of no removals.
      for entry in wanted where !found.contains(entry.seq) && !(isFresh && entry.kind != 1) {
        breach(
          .completeness,
          "stream \(delta.stream) from \(delta.from) to \(delta.to) lacks \(entry.seq)")
      }
    }
  }

  /// The lanes of a client and some stretches of streams, as the server has them at one moment.
  private func stored(
    of client: UUID, _ stretches: [(stream: Int64, from: Int64, to: Int64)]
  ) async throws -> (lanes: [(Lane, Int64)], stretches: [[(seq: Int64, kind: Int64)]]) {
    try await server.look { reader in
      var lanes: [(Lane, Int64)] = []
      try await reader.query(World.storedLanes, [.uuid(client)]) { row in
        if let lane = Lane(rawValue: row.text(0)) { lanes.append((lane, row.int64(1))) }
        return true
      }
      var found: [[(seq: Int64, kind: Int64)]] = []
      for (stream, from, to) in stretches {
        var entries: [(seq: Int64, kind: Int64)] = []
        try await reader.query(
          World.storedStretch, [.int(stream), .int(from), .int(to)]
        ) { row in
          entries.append((row.int64(0), row.int64(1)))
          return true
        }
        found.append(entries)
      }
      return (lanes, found)
    }
  }

  private static let storedLanes = Statement(
    "SELECT lane, last_seq FROM roost_client WHERE cid = \(SQL.placeholder)")
  private static let storedStretch = Statement(
    """
    SELECT seq, kind FROM roost_scope_row WHERE stream = \(SQL.placeholder) \
    AND seq > \(SQL.placeholder) AND seq <= \(SQL.placeholder) ORDER BY seq
    """)

  // MARK: Against what REST answers

  /// 10: what travels is what the person may see.
  func checkAuthority(_ frames: [Frame], _ view: ServerView, _ device: WorldDevice) {
    for frame in frames {
      guard case .delta(let delta) = frame else { continue }
      for entry in delta.entries where entry.kind == .put {
        guard let rows = view.rows[entry.row.collection] else { continue }
        guard let row = rows[entry.row.id] else {
          breach(.authority, "\(device.name) is sent \(entry.row.collection)/\(entry.row.id)")
          continue
        }
        for (field, value) in entry.fields where !value.isNull {
          guard !ServerView.passesOver(field) else { continue }
          guard let own = row[field], SameValue.test(own, value) else {
            breach(
              .authority,
              "\(device.name) is sent \(field) = \(value.text) of \(entry.row.id), which shows "
                + "\(row[field]?.text ?? "nothing")")
            continue
          }
        }
      }
    }
  }

  /// 2: what a device has after a commit is what the person could see at that moment.
  func checkSnapshot(_ device: WorldDevice, _ view: ServerView, _ reply: Reply) {
    for collection in reply.collections {
      if let found = difference(device, view, collection) {
        return breach(.snapshot, "\(device.name) after a commit: \(found)")
      }
    }
  }

  func difference(_ device: WorldDevice, _ view: ServerView, _ collection: String) -> String? {
    view.difference(from: device.live.core.synced(collection), in: collection)
  }
}
