package import RoostCore
package import SyncProtocol

extension ClientCore {
  /// Takes in an answer, as one step.
  ///
  /// `sent` is the `wall` of the request that it answers, and `received` the wall clock as it came.
  /// `ticket` is that of the request, for an owner whose requests may overlap within a millisecond.
  /// `newClient` gives a random UUID; it is asked where the device forks. An answer that was cut
  /// off is given with the frames that are whole.
  ///
  /// The state, rows included, is to be stored in one transaction, before the next request; a
  /// device that crashes before has heard nothing of the answer, and asks again.
  ///
  /// Throws `.malformed` for frames that a server does not send; then nothing was taken in.
  package mutating func receive(
    _ frames: [Frame], sent: Int64, received: Int64, ticket: UInt64? = nil,
    newClient: () -> UUID
  ) throws(RoostError) -> Outcome {
    for frame in frames {
      switch frame {
      case .hello, .push, .digest, .leaves, .fetch, .ack:
        throw RoostError(.malformed, "A server sends no frame \"\(frame.name)\".")
      default: continue
      }
    }
    touched = []
    guard let asked, asked.wall == sent, ticket ?? asked.ticket == asked.ticket else {
      return .stale
    }
    self.asked = nil
    errors = []
    var answer = Answer(asked: asked, received: received)
    for frame in frames {
      guard take(frame, &answer, newClient) else {
        beginPullAnew()
        return .askAgain
      }
    }
    finishComparisons(answer)
    finishFetches(answer, last: frames.last)
    let outcome = end(frames.last, answer)
    lanes.trim()
    return outcome
  }

  /// What is known of an answer while its frames are taken in.
  struct Answer {
    let asked: Asked
    let received: Int64
    /// Streams that come whole.
    var resync: Set<Int64> = []
    /// Streams whose comparison was answered.
    var compared: Set<Int64> = []
    var commit: Commit?
    var isGated = false
  }

  /// Takes in a frame; false where it does not belong to what is held.
  private mutating func take(
    _ frame: Frame, _ answer: inout Answer, _ newClient: () -> UUID
  ) -> Bool {
    switch frame {
    case .welcome(let welcome): take(welcome, &answer, newClient)
    case .pushed(let pushed):
      // After a fork the answer speaks of a lineage that is no more.
      if answer.asked.client == client { take(pushed, newClient) }
    case .delta(let delta): return take(delta, &answer)
    case .restart(let stream): staging.restart(stream)
    case .ranges(let ranges):
      if comparisons.take(ranges) { staging.pass(ranges.stream, to: ranges.head) }
    case .gone(let gone):
      if comparisons.finish(gone.stream) {
        staging.forget(gone.stream)
        staging.take(gone)
        answer.compared.insert(gone.stream)
      }
    case .commit(let commit): answer.commit = commit
    case .more(let page, let mark):
      staging.page = page
      // What is staged was seen, too: a server that was put back behind it has to find that out.
      streams.mark = mark ?? streams.mark
    case .error(let error): take(error, &answer)
    case .hello, .push, .digest, .leaves, .fetch, .ack: return false
    }
    return true
  }

  // MARK: Welcome

  private mutating func take(
    _ welcome: Welcome, _ answer: inout Answer, _ newClient: () -> UUID
  ) {
    if welcome.epoch != streams.epoch {
      staging = Staging()
      comparisons = Comparisons()
      if streams.epoch != nil {
        lanes.beginEpoch()
        stranded.begin(lanes.queues.values.flatMap(\.log.retained))
      }
      streams.begin(welcome.epoch)
      masks.beginEpoch()
    }
    if answer.asked.client == client {
      // Not the lanes that were made meanwhile: each is judged by what the server says of it.
      let isParted = welcome.lanes.sorted { $0.key < $1.key }.contains {
        lanes.receive($0.value, of: $0.key)
      }
      if isParted { fork(as: newClient()) }
    }
    staging.drop(welcome.drop)
    for stream in welcome.drop { comparisons.forget(stream) }
    answer.resync = Set(welcome.resync)
    for stream in welcome.resync {
      // What had been compared is no longer good.
      if comparisons.steps[stream] == .done { comparisons.forget(stream) }
      if comparisons.steps[stream] == nil { streams.replace(stream) }
    }
    for notice in welcome.add { streams.add(notice) }
    masks.learn(welcome.masks)
    if case .paused = state, welcome.schema != refusingVersions { state = .syncing }
    versions = welcome.schema
    let shift = clock.measure(
      sent: answer.asked.wall, received: answer.received, server: welcome.now)
    if let shift {
      let last = lanes.restamp(
        shift: shift, now: max(0, DeviceClock.within(welcome.now)), clock: welcome.clock)
      clock.reset(to: last ?? HybridTime(rawValue: 0))
    }
    clock.observe(welcome.clock)
  }

  /// Takes a new lineage, with everything that is kept.
  mutating func fork(as client: UUID) {
    forks += 1
    touched.formUnion(lanes.pending.keys)
    lanes.fork(as: client)
    touched.formUnion(lanes.pending.keys)
  }

  // MARK: Results

  private mutating func take(_ pushed: Pushed, _ newClient: () -> UUID) {
    for result in pushed.results { note(result, in: pushed.lane) }
    if lanes.receive(pushed.status, of: pushed.lane) || pushed.state == .forked {
      fork(as: newClient())
    }
  }

  private mutating func note(_ result: MutationResult, in lane: Lane) {
    guard let mutation = lanes.note(result, in: lane) else { return }
    stranded.take(result, of: mutation, in: lane, lanes.notes[mutation.oid])
    switch result.outcome {
    case .rejected, .conflict:
      guard lanes.notes[mutation.oid]?.isTold != true else { return }
      results[mutation.oid] = result
      refused[mutation.oid] = mutation.operations
    case .ok, .merged:
      // After a restore of the server it may take place that was refused before.
      results[mutation.oid] = nil
      refused[mutation.oid] = nil
    case .dup:
      // A copy of the device has brought once more what was refused here.
      if results[mutation.oid]?.outcome == .rejected {
        results[mutation.oid] = nil
        refused[mutation.oid] = nil
      }
    }
  }

  private mutating func take(_ error: SyncError, _ answer: inout Answer) {
    errors.append(error)
    switch error.code {
    case "upgrade_required":
      state = .paused(upgrade: error.message)
      refusingVersions = versions
    case "device_revoked": state = .revoked
    case "gate_closed":
      state = .gated(error.details)
      answer.isGated = true
    default: break
    }
  }

  // MARK: Entries

  private mutating func take(_ delta: Delta, _ answer: inout Answer) -> Bool {
    guard let cursor = streams.cursors[delta.stream], !staging.dropped.contains(delta.stream) else {
      return true
    }
    switch comparisons.steps[delta.stream] {
    case .digest, .leaves:
      // It is compared, and not pulled beside that.
      return true
    case .done, nil: break
    }
    return staging.take(delta, cursor: cursor, masks: &masks)
  }

  /// Forgets what is staged: something is missing in it.
  private mutating func beginPullAnew() {
    staging = Staging()
    comparisons = Comparisons()
  }

  /// What was asked for has come, or the stream has it no longer.
  private mutating func finishFetches(_ answer: Answer, last: Frame?) {
    guard case .more? = last else { return }
    // Those that there was no room for are asked for again; those that came fit now.
    guard !errors.contains(where: { $0.code == "too_large" }) else { return }
    for fetch in answer.asked.fetches {
      staging.noteFetched(
        fetch.rows.map { Staging.StreamRow(stream: fetch.stream, key: $0) })
    }
  }

  /// Streams whose leaves were asked about and not answered come whole: too much differs.
  private mutating func finishComparisons(_ answer: Answer) {
    // An answer that was cut off between what is gone and what is new.
    for (stream, step) in comparisons.steps where step == .done {
      guard staging.positions[stream] == nil else { continue }
      comparisons.forget(stream)
      staging.forget(stream)
    }
    guard errors.contains(where: { $0.code == "too_large" }) else { return }
    for stream in answer.asked.leaves.subtracting(answer.compared).sorted() {
      if case .leaves? = comparisons.steps[stream] { refuseComparison(stream) }
    }
  }
}
