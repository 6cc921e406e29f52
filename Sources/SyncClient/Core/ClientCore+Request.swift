import RoostCore
package import SyncProtocol

extension ClientCore {
  /// Bytes of a request, with room for what frames add to their parts.
  private static let requestBytes = 4_194_304 - 65_536
  /// Frames of a request, with room for the questions.
  private static let pushFrames = 200
  /// Operations of a push.
  private static let pushOperations = 5000
  /// Rows that a request fetches.
  private static let fetchedRows = 1000

  /// The frames of the next request; none where the device was signed out.
  ///
  /// `wall` is the wall clock in milliseconds since 1970, uncorrected; `wait` is how many seconds
  /// the server may hold its answer; `tiers` are those that are pulled and pushed now, where it is
  /// empty all but ON_DEMAND are pulled and all are pushed; `mutations` is how many are pushed at
  /// most. A lane that is not asked for is pushed as far as others build on it.
  ///
  /// The state is to be stored before the frames are sent: of two requests only the later one's
  /// answer is taken in. Nothing in it is lost if it never arrives.
  package mutating func request(
    wall: Int64, wait: Int = 0, tiers: [Lane] = [], mutations: Int = 1000
  ) -> [Frame] {
    guard state != .revoked else { return [] }
    let wanted = staging.want(tiers)
    compareAfterAbsence(wall, wanted)
    ticket += 1
    var asked = Asked(ticket: ticket, wall: wall, client: client, tiers: wanted)
    let hello = hello(
      wall: wall, wait: wait, tiers: tiers.isEmpty && wanted.count == 3 ? [] : wanted)
    var room = ClientCore.requestBytes - 512 - 24 * (hello.streams.count + hello.staged.count)
    let questions = questions(&asked, &room)
    var frames: [Frame] = [.hello(hello)]
    if canPush {
      let lanes = tiers.isEmpty ? Set(Lane.allCases) : wanted
      frames += pushes(lanes, most: min(mutations, FrameLimits().mutations), room: room)
    }
    frames += questions
    self.asked = asked
    return frames
  }

  private var canPush: Bool {
    // Nothing has measured the clock before the first welcome: stamps are corrected first.
    guard streams.epoch != nil else { return false }
    switch state {
    case .syncing: return true
    case .paused, .revoked, .gated: return false
    }
  }

  private func hello(wall: Int64, wait: Int, tiers: Set<Lane>) -> Hello {
    Hello(
      cid: client, epoch: streams.epoch, schema: schema, wall: wall, lanes: lanes.heads,
      streams: streams.cursors, staged: staging.positions, tiers: tiers.sorted(), wait: wait,
      mark: streams.mark, page: staging.page, device: device)
  }

  // MARK: Pushes

  private func pushes(_ wanted: Set<Lane>, most: Int, room: Int) -> [Frame] {
    var waiting: [Lane: [ClientMutation]] = [:]
    for lane in Lane.allCases { waiting[lane] = lanes.unanswered(in: lane) }
    var pushes: [Push] = []
    var operations = 0
    var left = room
    let order = FlushOrder.make(waiting, wanted: wanted, plan: plan, most: max(0, most))
    for (lane, mutation) in order {
      left -= lanes.notes[mutation.oid]?.bytes ?? OperationBounds.bytes
      guard left >= 0 else { break }
      operations += mutation.operations.count
      if let last = pushes.last, last.lane == lane, operations <= ClientCore.pushOperations,
        last.mutations.last?.chain == mutation.prev
      {
        pushes[pushes.count - 1].mutations.append(mutation)
      } else {
        guard pushes.count < ClientCore.pushFrames else { break }
        pushes.append(Push(cid: client, lane: lane, mutations: [mutation]))
        operations = mutation.operations.count
      }
    }
    return pushes.map { .push($0) }
  }

  // MARK: Questions

  /// Compares streams where the last commit lies so long behind that they may come whole.
  private mutating func compareAfterAbsence(_ wall: Int64, _ wanted: Set<Lane>) {
    guard let committedAt, staging.positions.isEmpty,
      clock.now(wall) - committedAt > Comparisons.longMilliseconds
    else { return }
    compare(
      Set(
        streams.cursors.keys.filter { stream in
          streams.replaced[stream] == nil
            && streams.tiers[stream].map { wanted.contains($0) } ?? true
        }))
  }

  /// Begins to compare those of the streams that hold more than a few rows; true if there is one.
  @discardableResult
  mutating func compare(_ asked: Set<Int64>) -> Bool {
    let counts = store.counts()
    var isAny = false
    for stream in asked where counts[stream] ?? 0 > Comparisons.fewRows {
      comparisons.begin(stream)
      guard comparisons.steps[stream] != nil else { continue }
      streams.keep(stream)
      isAny = true
    }
    return isAny
  }

  private mutating func questions(_ asked: inout Asked, _ room: inout Int) -> [Frame] {
    var frames: [Frame] = []
    for stream in comparisons.open {
      guard frames.count < Comparisons.looks else { break }
      guard let question = comparisons.question(stream, store) else {
        refuseComparison(stream)
        continue
      }
      guard question.bytes <= room else {
        // One that does not even fit alone never will.
        if frames.isEmpty { refuseComparison(stream) }
        break
      }
      room -= question.bytes
      if case .leaves = question.frame { asked.leaves.insert(stream) }
      frames.append(question.frame)
    }
    return frames + fetches(&asked, &room)
  }

  /// The stream comes whole: too much differs in it.
  mutating func refuseComparison(_ stream: Int64) {
    comparisons.refuse(stream)
    staging.forget(stream)
    streams.replace(stream)
  }

  private func fetches(_ asked: inout Asked, _ room: inout Int) -> [Frame] {
    let misfits = staging.misfits { row in
      store.row(row.key)?.reference(of: row.stream)?.version
    }.filter { !staging.fetched.contains($0) }
    var fetches: [Fetch] = []
    for row in misfits.prefix(ClientCore.fetchedRows) {
      let bytes = 100 + 6 * row.key.collection.utf8.count
      guard bytes <= room else { break }
      room -= bytes
      if fetches.last?.stream == row.stream {
        fetches[fetches.count - 1].rows.append(row.key)
      } else {
        guard fetches.count < 40 else { break }
        fetches.append(Fetch(stream: row.stream, rows: [row.key]))
      }
    }
    asked.fetches = fetches
    return fetches.map { .fetch($0) }
  }
}
