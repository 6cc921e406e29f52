import Queries
package import RoostCore
import Synchronization

/// Runs one follower: wakes after commits, reads the log from the durable place, in order.
package final class FollowerRunner: Sendable {
  private static let entriesAtOnce = 1000
  /// Entries that do not concern the follower, after which its place is written down all the same.
  private static let unwritten: Int64 = 10_000
  /// Wakes are collected for so long: under load the follower takes many commits at once, and leaves
  /// the writer to those who wait for it.
  private static let pauseMilliseconds: UInt64 = 100

  private struct State {
    var isWoken = true
    var waiter: CheckedContinuation<Void, Never>?
    var isStopped = false
    var position: Int64 = 0
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

  /// The position up to which the follower has taken the log into account.
  package var position: Int64 { state.withLock { $0.position } }

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
          isCaughtUp = try await records.database.write { transaction in
            try await follower.catchUp(in: transaction)
          }
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
    let seen = position
    // A look outside a transaction, so that a follower with nothing to do does not occupy the writer.
    let (place, head, isNew) = try await records.database.read(.snapshot) { reader in
      let place = try await FollowerPlace.read(follower.name, in: reader)
      let head = try await LogEntry.head(in: reader)
      let next = try await LogEntry.read(
        for: follower, after: max(place, seen), limit: 1, in: reader)
      return (place, head, !next.isEmpty)
    }
    guard isNew || head - place > FollowerRunner.unwritten else {
      // Nothing for this one: its place is written down when there is time.
      state.withLock { state in
        state.position = max(head, state.position)
        state.isUnwritten = state.position > place
      }
      follower.reached(position)
      return false
    }
    let (position, isDone) = try await records.database.write { transaction -> (Int64, Bool) in
      let place = try await FollowerPlace.read(follower.name, in: transaction)
      let entries = try await LogEntry.read(
        for: follower, after: place, limit: FollowerRunner.entriesAtOnce, in: transaction)
      let finished =
        entries.isEmpty ? 0 : try await follower.apply(entries, in: transaction)
      var reached = place
      if finished > 0 { reached = entries[min(finished, entries.count) - 1].position }
      let isDone = finished == entries.count && entries.count < FollowerRunner.entriesAtOnce
      // Everything up to the head was looked at, in this very transaction.
      if isDone { reached = try await LogEntry.head(in: transaction) }
      if reached > place {
        try await FollowerPlace.write(follower.name, reached, in: transaction)
      }
      return (reached, isDone)
    }
    state.withLock { state in
      state.position = position
      state.isUnwritten = false
    }
    follower.reached(position)
    return !isDone
  }

  /// Makes the place durable up to which nothing concerned the follower, once no change has come for
  /// a moment. (What it takes into account is committed with its place; see `step`.)
  private func writePlaceDown() async throws {
    let isDue = state.withLock { $0.isUnwritten && !$0.isWoken && !$0.isStopped }
    guard isDue else { return }
    let position = position
    let name = name
    try await records.database.write { transaction in
      guard try await FollowerPlace.read(name, in: transaction) < position else { return }
      try await FollowerPlace.write(name, position, in: transaction)
    }
    state.withLock { $0.isUnwritten = $0.position > position }
  }
}

/// The durable place of a follower in the log.
enum FollowerPlace {
  static func read(_ name: String, in reader: any Reader) async throws -> Int64 {
    try await reader.first(select, [.text(name), .int(LogPartition.only)]) { $0.int64(0) } ?? 0
  }

  static func write(
    _ name: String, _ position: Int64, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      upsert, [.text(name), .int(LogPartition.only), .int(position)])
  }

  private static let select = Statement(
    """
    SELECT position FROM roost_follower \
    WHERE name = \(SQL.placeholder) AND partition = \(SQL.placeholder)
    """)
  private static let upsert = Statement(
    """
    INSERT INTO roost_follower (name, partition, position) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (name, partition) DO UPDATE SET position = excluded.position
    """)
}
