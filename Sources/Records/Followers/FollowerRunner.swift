import Queries
package import RoostCore
import Synchronization

/// Runs one follower: wakes after commits, reads the log from the durable place, in order.
package final class FollowerRunner: Sendable {
  private static let entriesAtOnce = 1000
  /// Entries of one part that one transaction looks at for those that concern the follower.
  private static let entriesLookedAt: Int64 = 10_000
  /// Entries that do not concern the follower, after which its place is written down all the same.
  private static let unwritten: Int64 = 10_000
  /// Wakes are collected for so long: under load the follower takes many commits at once, and leaves
  /// the writer to those who wait for it.
  private static let busyMilliseconds: UInt64 = 50
  private static let pauseMilliseconds: UInt64 = 100
  /// How often what others asked of set-aside entries is looked at.
  private static let retriedSeconds: Int64 = 5
  /// How often is looked whether the schema of this process has become the newest again.
  private static let outdatedSeconds: Int64 = 5

  private struct State {
    var isWoken = true
    var waiter: CheckedContinuation<Void, Never>?
    var isStopped = false
    var place = LogPlace.start
    /// The position is ahead of the durable place.
    var isUnwritten = false
    /// The pause in progress, and whether it, or the next one, is to be cut short.
    var pause: Task<Void, Never>?
    var isHurried = false
    /// How often the follower was sent back, as far as this process has heard.
    var replays: Int64?
    /// Entries of one transaction: fewer while the one is looked for that makes it fail.
    var limit = FollowerRunner.entriesAtOnce
    /// Failures of the entry that comes next, alone in its transaction.
    var failures = 0
    var lookedAtRetries = ContinuousClock.now
    var isRetrying = true
    /// Another process has brought a newer schema, and that was logged.
    var isOutdated = false
  }

  package let follower: any Follower
  private let records: RecordStore
  /// Failures of an entry alone after which it is set aside.
  private let patience: Int
  private let logger: Logger
  private let state = Mutex(State())
  private let task = Mutex<Task<Void, Never>?>(nil)

  /// After `patience` failures an entry is set aside; each waits longer than the one before.
  package init(
    _ follower: any Follower, records: RecordStore, logger: Logger, patience: Int = 5
  ) {
    self.patience = patience
    self.follower = follower
    self.records = records
    self.logger = logger.binding("follower", .string(follower.name))
  }

  package var name: String { follower.name }

  /// How many changes the follower has taken into account, over all parts of the log.
  package var position: Int64 { place.total }

  package var place: LogPlace { state.withLock { $0.place } }

  package func start() {
    follower.begin { [weak self] in self?.hurry() }
    task.withLock { $0 = Task { await self.run() } }
  }

  /// Does what there is to do, for whoever has not started it.
  package func runOnce() async throws {
    while try await step() {}
  }

  /// Has the entries tried again that were marked for it.
  package func retry() {
    state.withLock { $0.isRetrying = true }
    wake()
    hurry()
  }

  /// Says that there is something new.
  ///
  /// Does not block.
  package func wake() {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.isWoken = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Stops after the batch in progress.
  package func stop() async {
    state.withLock { $0.isStopped = true }
    wake()
    hurry()
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  private func run() async {
    var failures: UInt64 = 0
    var isCaughtUp = false
    let (follower, records) = (follower, records)
    while !state.withLock({ $0.isStopped }) {
      await waitForWake()
      do {
        try await retryMarked()
        while !state.withLock({ $0.isStopped }), try await step() {}
        failures = 0
        state.withLock { $0.isOutdated = false }
        if !isCaughtUp {
          let isDone: Bool? = try await records.database.write { transaction in
            // Another process at work for this follower does it.
            guard try await FollowerPlace.take(follower.name, in: transaction) != nil else {
              return nil
            }
            try await records.standing.check(in: transaction)
            return try await follower.catchUp(in: transaction)
          }
          isCaughtUp = isDone == true
          if isDone == nil { await pause() }
          if !isCaughtUp {
            wake()
            continue
          }
        }
        await pause()
        try await writePlaceDown()
      } catch is OutdatedSchema {
        await waitOutdated()
      } catch {
        if state.withLock({ $0.isStopped }) { return }
        failures = min(failures + 1, 6)
        if !(error is PoisonSuspicion) {
          logger.error("a follower failed and will try again", [("cause", .string("\(error)"))])
        }
        try? await Task.sleep(nanoseconds: 100_000_000 << failures)
        wake()
      }
    }
  }

  /// Leaves the log to those who know the newer schema, for a while.
  private func waitOutdated() async {
    let isFirst = state.withLock { state -> Bool in
      defer { state.isOutdated = true }
      return !state.isOutdated
    }
    if isFirst {
      logger.warning(
        "a follower rests: the database holds a newer schema, whose servers take the log from here")
    }
    try? await Task.sleep(for: .seconds(FollowerRunner.outdatedSeconds))
    wake()
  }

  /// Cuts the pause short that collects wakes: somebody waits for the follower.
  private func hurry() {
    state.withLock { state in
      state.isHurried = true
      return state.pause
    }?.cancel()
  }

  private func pause() async {
    let sleep = Task { _ = try? await Task.sleep(nanoseconds: Self.pauseMilliseconds * 1_000_000) }
    let isHurried = state.withLock { state -> Bool in
      state.pause = sleep
      return state.isHurried
    }
    if isHurried { sleep.cancel() }
    await sleep.value
    state.withLock { state in
      state.pause = nil
      state.isHurried = false
    }
  }

  private func waitForWake() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state -> Bool in
        if state.isWoken || state.isStopped {
          state.isWoken = false
          return true
        }
        state.waiter = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
    state.withLock { $0.isWoken = false }
  }

  /// Takes the next entries; false when there is nothing left to do.
  private func step() async throws -> Bool {
    let follower = follower
    let seen = place
    // A look outside a transaction, so that a follower with nothing to do does not occupy the writer.
    let known = state.withLock { $0.replays }
    let (stored, head, isNew, replays) = try await records.database.read(.snapshot) { reader in
      let stored = try await FollowerPlace.read(follower.name, in: reader)
      let head = try await LogPlace.head(in: reader)
      let replays = try await FollowerPlace.replays(follower.name, in: reader)
      var start = stored
      if known == nil || known == replays { start.advance(to: seen) }
      let isNew = try await LogEntry.isAny(for: follower, after: start, upTo: head, in: reader)
      return (stored, head, isNew, replays)
    }
    state.withLock { state in
      // Sent back: what was seen before is to be seen again.
      if let known = state.replays, known != replays {
        state.place = stored
        state.isUnwritten = false
      }
      state.replays = replays
    }
    guard isNew || head.total - stored.total > FollowerRunner.unwritten else {
      // Nothing for this one: its place is written down when there is time.
      state.withLock { state in
        state.place.advance(to: head)
        state.isUnwritten = !stored.covers(state.place)
      }
      follower.reached(place)
      return false
    }
    let done = try await attempt()
    guard let (reached, isDone) = done else {
      // Another process is at it: what it does is looked at after a moment.
      try await Task.sleep(nanoseconds: FollowerRunner.busyMilliseconds * 1_000_000)
      return true
    }
    state.withLock { state in
      state.place.advance(to: reached)
      state.isUnwritten = false
    }
    follower.reached(place)
    return !isDone
  }

  /// Does a piece of the follower's work; nil when another process is doing it.
  private static func advance(
    _ follower: any Follower, _ standing: SchemaStanding, limit: Int, _ probe: ApplyProbe,
    in transaction: any Transaction
  ) async throws -> (LogPlace, isDone: Bool)? {
    guard let place = try await FollowerPlace.take(follower.name, in: transaction) else {
      return nil
    }
    // The head comes first: what is committed after it may not be among the entries.
    let head = try await LogPlace.head(in: transaction)
    try await standing.check(in: transaction)
    let end = place.limited(to: head, within: entriesLookedAt)
    let entries = try await LogEntry.read(
      for: follower, after: place, upTo: end, limit: limit, in: transaction)
    probe.begin(entries)
    let finished = entries.isEmpty ? 0 : try await follower.apply(entries, in: transaction)
    probe.end()
    var reached = place
    for entry in entries.prefix(finished) { reached.advance(entry.partition, to: entry.position) }
    let isThrough = finished == entries.count && entries.count < limit
    // Everything up to there was looked at, in this very transaction.
    if isThrough { reached.advance(to: end) }
    let isDone = isThrough && end == head
    try await FollowerPlace.write(follower.name, reached, from: place, in: transaction)
    return (reached, isDone)
  }

  private func writePlaceDown() async throws {
    let isDue = state.withLock { $0.isUnwritten && !$0.isWoken && !$0.isStopped }
    guard isDue else { return }
    let place = place
    let name = name
    let known = state.withLock { $0.replays }
    let standing = records.standing
    let isWritten = try await records.database.write { transaction in
      guard let stored = try await FollowerPlace.take(name, in: transaction) else { return false }
      // Behind the lock: a replay that was under way has ended, and nothing of it is undone.
      guard try await FollowerPlace.replays(name, in: transaction) == known else { return false }
      try await standing.check(in: transaction)
      try await FollowerPlace.write(name, place, from: stored, in: transaction)
      return true
    }
    if isWritten { state.withLock { $0.isUnwritten = !place.covers($0.place) } }
  }

  // MARK: Entries that make it fail

  /// Takes the next entries, in a transaction of their own.
  ///
  /// Where the follower fails at them, half as many come next, until one is alone; that one is tried
  /// again with pauses, and then set aside. A fault of the database is none of an entry: setting it
  /// aside would fail as well.
  private func attempt() async throws -> (LogPlace, isDone: Bool)? {
    let follower = follower
    let limit = state.withLock { $0.limit }
    let standing = records.standing
    let probe = ApplyProbe()
    do {
      let done = try await records.database.write { transaction in
        try await FollowerRunner.advance(follower, standing, limit: limit, probe, in: transaction)
      }
      state.withLock { state in
        state.failures = 0
        state.limit = min(2 * state.limit, FollowerRunner.entriesAtOnce)
      }
      return done
    } catch {
      guard let failing = probe.failing, !PoisonSuspicion.isPassing(error) else { throw error }
      guard failing.count == 1, let entry = failing.first else {
        state.withLock { $0.limit = max(1, min(failing.count, $0.limit) / 2) }
        return (place, isDone: false)
      }
      let failures = state.withLock { state -> Int in
        state.limit = 1
        state.failures += 1
        return state.failures
      }
      guard failures >= patience else {
        logger.warning(
          "a follower failed at an entry of the log and will try it again",
          [
            ("position", .int(entry.position)), ("partition", .int(entry.partition)),
            ("cause", .string("\(error)")),
          ])
        throw PoisonSuspicion()
      }
      try await setAside(entry, error, attempts: failures)
      state.withLock { $0.failures = 0 }
      return (place, isDone: false)
    }
  }

  private func setAside(_ entry: LogEntry, _ error: any Error, attempts: Int) async throws {
    let (name, now) = (name, records.ambient.time.now())
    let reason = PoisonedEntry.reason(error)
    let (standing, known) = (records.standing, state.withLock { $0.replays })
    let isSetAside = try await records.database.write { transaction in
      guard let stored = try await FollowerPlace.take(name, in: transaction),
        stored[entry.partition] < entry.position,
        // Sent back meanwhile, it has others before this one.
        try await FollowerPlace.replays(name, in: transaction) == known
      else { return false }
      // What looks like a fault of the entry may be a column that a migration took away.
      try await standing.check(in: transaction)
      try await PoisonedEntry.put(
        entry, of: name, reason: reason, attempts: attempts, at: now, in: transaction)
      var reached = stored
      reached.advance(entry.partition, to: entry.position)
      try await FollowerPlace.write(name, reached, from: stored, in: transaction)
      return true
    }
    guard isSetAside else { return }
    logger.error(
      "an entry of the log was set aside: a follower fails at it",
      [
        ("position", .int(entry.position)), ("partition", .int(entry.partition)),
        ("record", .string(entry.id.description)), ("cause", .string(reason)),
      ])
  }

  private enum Tried: Sendable { case done, unfinished, busy }

  /// Tries one entry again that was set aside, unless another process has done so.
  private static func retry(
    _ entry: LogEntry, _ follower: any Follower, _ standing: SchemaStanding,
    in transaction: any Transaction
  ) async throws -> Tried {
    guard try await FollowerPlace.take(follower.name, in: transaction) != nil else { return .busy }
    try await standing.check(in: transaction)
    guard try await PoisonedEntry.claim(entry, of: follower.name, in: transaction) else {
      return .done
    }
    // What a follower does in pieces stays, and so does the entry until the last of them.
    guard try await follower.apply([entry], in: transaction) > 0 else { return .unfinished }
    try await PoisonedEntry.remove(entry, of: follower.name, in: transaction)
    return .done
  }

  /// Tries the entries again that somebody marked for it.
  private func retryMarked() async throws {
    let isDue = state.withLock { state -> Bool in
      let now = ContinuousClock.now
      guard
        state.isRetrying
          || state.lookedAtRetries.duration(to: now) > .seconds(FollowerRunner.retriedSeconds)
      else { return false }
      state.isRetrying = false
      state.lookedAtRetries = now
      return true
    }
    guard isDue else { return }
    let (follower, name, standing) = (follower, name, records.standing)
    let marked = try await records.database.read(.statement) { reader in
      try await PoisonedEntry.marked(of: name, in: reader)
    }
    for entry in marked {
      do {
        var tried = Tried.unfinished
        while tried != .done, !state.withLock({ $0.isStopped }) {
          tried = try await records.database.write { transaction in
            try await FollowerRunner.retry(entry, follower, standing, in: transaction)
          }
          if tried == .busy {
            try await Task.sleep(nanoseconds: FollowerRunner.busyMilliseconds * 1_000_000)
          }
        }
      } catch  where !PoisonSuspicion.isPassing(error) {
        let reason = PoisonedEntry.reason(error)
        try await records.database.write { transaction in
          try await PoisonedEntry.failedAgain(entry, of: name, reason: reason, in: transaction)
        }
        logger.error(
          "an entry that was set aside failed again",
          [
            ("position", .int(entry.position)), ("partition", .int(entry.partition)),
            ("cause", .string(reason)),
          ])
      }
    }
  }
}

/// Where in a transaction of a follower an error came from.
private final class ApplyProbe: Sendable {
  private let entries = Mutex<[LogEntry]?>(nil)

  /// The entries at which the follower failed; nil where something else did.
  var failing: [LogEntry]? { entries.withLock { $0 } }

  func begin(_ entries: [LogEntry]) {
    self.entries.withLock { $0 = entries.isEmpty ? nil : entries }
  }
  func end() { entries.withLock { $0 = nil } }
}

/// A follower failed at one entry alone and will try it again after a pause.
private struct PoisonSuspicion: Error {
  /// Whether an error is of the moment, and none of the entry.
  static func isPassing(_ error: any Error) -> Bool {
    if error is CancellationError || error is OutdatedSchema { return true }
    switch (error as? RoostError)?.code {
    case .storageFull, .overloaded, .draining, .timeout: return true
    default: return false
    }
  }
}
