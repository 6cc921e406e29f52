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
        let limit = time.wall + HybridClock.toleranceMilliseconds
        // What a lane begins with is not taken for older.
        let oldest = time.wall - 90 * 86_400_000
        // A stamp that is not above those before it in its lane may be lifted.
        let latest = ledger.latestAttempts[lane, default: HybridTime(rawValue: 0)]
        ledger.latestAttempts[lane] = max(latest, stamp.time)
        ledger.change(mutation.oid) { operation in
          if operation.taken == nil {
            operation.taken = stamp
            operation.sent = mutation.operations
            if stamp.time <= latest { operation.isClamped = true }
          }
          if operation.sent != mutation.operations { operation.sent = nil }
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
          ledger.deleted.insert(RowKey(collection: collection, id: id))
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
            if ledger.deleted.contains(entry.row) {
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
    let client = hello.cid
    for frame in frames {
      if case .commit(let commit) = frame {
        let lanes = try await server.look { reader in
          try await reader.all("SELECT lane, last_seq FROM roost_client WHERE cid = \(client)") {
            ($0.text(0), $0.int64(1))
          }
        }
        for (name, last) in lanes {
          guard let lane = Lane(rawValue: name), commit.last[lane] != last else { continue }
          if commit.last[lane] == nil, hello.lanes[lane] == nil { continue }
          breach(
            .inclusion,
            "\(name) of \(client) stands at \(last), and the commit says "
              + "\(commit.last[lane].map { "\($0)" } ?? "nothing")")
        }
      }
    }
    let reconciled = frames.contains { frame in
      switch frame {
      case .gone, .ranges: true
      default: false
      }
    }
    guard !reconciled else { return }
    let restarted = frames.compactMap { frame -> Int64? in
      if case .restart(let stream) = frame { stream } else { nil }
    }
    for frame in frames {
      guard case .delta(let delta) = frame, delta.from < delta.to else { continue }
      let (stream, from, to) = (delta.stream, delta.from, delta.to)
      let wanted = try await server.look { reader in
        try await reader.all(
          """
          SELECT seq, kind FROM roost_scope_row WHERE stream = \(stream) AND seq > \(from) \
          AND seq <= \(to) ORDER BY seq
          """
        ) { (seq: $0.int64(0), kind: $0.int64(1)) }
      }
      let found = Set(delta.entries.map(\.seq))
      let isFresh = from == 0 || restarted.contains(stream)
      // Who has nothing of a stream needs to be told of no removals.
      for entry in wanted where !found.contains(entry.seq) && !(isFresh && entry.kind != 1) {
        breach(.completeness, "stream \(stream) from \(from) to \(to) lacks \(entry.seq)")
      }
    }
  }

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
