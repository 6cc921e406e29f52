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
  }

  private let follower: any Follower
  private let records: RecordStore
  private let logger: Logger
  private let state = Mutex(State())
  private let task = Mutex<Task<Void, Never>?>(nil)

  package init(_ follower: any Follower, records: RecordStore, logger: Logger) {
    self.follower = follower
    self.records = records
    self.logger = logger.binding("follower", .string(follower.name))
  }

  package var name: String { follower.name }

  /// How many changes the follower has taken into account, over all parts of the log.
  package var position: Int64 { place.total }

  private var place: LogPlace { state.withLock { $0.place } }

  package func start() {
    follower.begin { [weak self] in self?.hurry() }
    task.withLock { $0 = Task { await self.run() } }
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
    let follower = follower
    while !state.withLock({ $0.isStopped }) {
      await waitForWake()
      do {
        while !state.withLock({ $0.isStopped }), try await step() {}
        failures = 0
        if !isCaughtUp {
          let isDone: Bool? = try await records.database.write { transaction in
            // Another process at work for this follower does it.
            guard try await FollowerPlace.take(follower.name, in: transaction) != nil else {
              return nil
            }
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
      } catch {
        if state.withLock({ $0.isStopped }) { return }
        failures = min(failures + 1, 6)
        logger.error("a follower failed and will try again", [("cause", .string("\(error)"))])
        try? await Task.sleep(nanoseconds: 100_000_000 << failures)
        wake()
      }
    }
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
    let (stored, head, isNew) = try await records.database.read(.snapshot) { reader in
      let stored = try await FollowerPlace.read(follower.name, in: reader)
      let head = try await LogPlace.head(in: reader)
      var start = stored
      start.advance(to: seen)
      let next = try await LogEntry.read(
        for: follower, after: start, upTo: head, limit: 1, in: reader)
      return (stored, head, !next.isEmpty)
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
    let done = try await records.database.write { transaction in
      try await FollowerRunner.advance(follower, in: transaction)
    }
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
    _ follower: any Follower, in transaction: any Transaction
  ) async throws -> (LogPlace, isDone: Bool)? {
    guard let place = try await FollowerPlace.take(follower.name, in: transaction) else {
      return nil
    }
    // The head comes first: what is committed after it may not be among the entries.
    let head = try await LogPlace.head(in: transaction)
    let end = place.limited(to: head, within: entriesLookedAt)
    let entries = try await LogEntry.read(
      for: follower, after: place, upTo: end, limit: entriesAtOnce, in: transaction)
    let finished = entries.isEmpty ? 0 : try await follower.apply(entries, in: transaction)
    var reached = place
    for entry in entries.prefix(finished) { reached.advance(entry.partition, to: entry.position) }
    let isThrough = finished == entries.count && entries.count < entriesAtOnce
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
    try await records.database.write { transaction in
      guard let stored = try await FollowerPlace.take(name, in: transaction) else { return }
      try await FollowerPlace.write(name, place, from: stored, in: transaction)
    }
    state.withLock { $0.isUnwritten = !place.covers($0.place) }
  }
}

/// The durable place of a follower in the log.
enum FollowerPlace {
  static func read(_ name: String, in reader: any Reader) async throws -> LogPlace {
    try await LogPlace.read(
      "SELECT partition, position FROM roost_follower WHERE name = \(name)", in: reader)
  }

  /// The place, held until the commit; nil when another process holds it.
  static func take(_ name: String, in transaction: any Transaction) async throws -> LogPlace? {
    let dialect = transaction.dialect
    guard dialect.hasOtherWriters else { return try await read(name, in: transaction) }
    for isMade in [false, true] {
      if isMade {
        let rows = LogPartition.all(dialect).map { partition -> SQL in
          "(\(name), \(SQL.constant(partition)), 0)"
        }.joined(by: ", ")
        try await transaction.execute(
          """
          INSERT INTO roost_follower (name, partition, position) VALUES \(rows) \
          ON CONFLICT DO NOTHING
          """)
      }
      var place = LogPlace.start
      var free = 0
      try await transaction.query(
        """
        SELECT partition, position FROM roost_follower WHERE name = \(name) \
        ORDER BY partition\(dialect.forUpdateOfFree)
        """
      ) { row in
        place.advance(row.int64(0), to: row.int64(1))
        free += 1
        return true
      }
      // Some of them is none: the others are where another process says.
      if free == dialect.partitions { return place }
    }
    return nil
  }

  /// Writes down what of `place` lies beyond `stored`.
  static func write(
    _ name: String, _ place: LogPlace, from stored: LogPlace, in transaction: any Transaction
  ) async throws {
    for partition in LogPartition.all(transaction.dialect)
    where place[partition] > stored[partition] {
      try await transaction.post(
        upsert, [.text(name), .int(partition), .int(place[partition])])
    }
  }

  private static let upsert = Statement(
    """
    INSERT INTO roost_follower (name, partition, position) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (name, partition) DO UPDATE SET position = excluded.position
    """)
}
