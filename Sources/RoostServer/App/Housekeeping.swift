package import Accounts
package import Jobs
package import Records
package import RoostCore
import Synchronization

/// What is done from time to time beside the requests: ended sessions and jobs and expired receipts
/// go, and the log is cut behind the slowest follower.
package final class Housekeeping: Sendable {
  private static let pauseSeconds: UInt64 = 600

  private let accounts: AccountStore
  private let records: RecordStore
  private let queue: JobQueue
  private let logger: Logger
  /// Whoever follows the log; nothing that one of them still needs is cut off.
  private let followers: [String]
  private let time: any TimeSource
  private let task = Mutex<Task<Void, Never>?>(nil)

  package init(
    accounts: AccountStore, records: RecordStore, queue: JobQueue, logger: Logger,
    followers: [String] = [], time: any TimeSource = SystemTime()
  ) {
    self.queue = queue
    self.followers = followers
    self.time = time
    self.accounts = accounts
    self.records = records
    self.logger = logger
  }

  func start() {
    task.withLock { $0 = Task { await self.run() } }
  }

  func stop() async {
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  private func run() async {
    while true {
      do {
        try await Task.sleep(nanoseconds: Housekeeping.pauseSeconds * 1_000_000_000)
      } catch {
        return
      }
      await tidy()
    }
  }

  /// One round; what fails is tried again in the next, and keeps nothing else from being done.
  package func tidy() async {
    do {
      try await accounts.removeEnded()
    } catch {
      failed("accounts", error)
    }
    do {
      try await records.trimLog(followers: Followers.all(records).map(\.name) + followers)
    } catch {
      failed("log", error)
    }
    do {
      try await records.removeExpiredReceipts()
    } catch {
      failed("receipts", error)
    }
    do {
      try await records.purgeStreams()
    } catch {
      failed("streams", error)
    }
    do {
      try await records.removeExpiredMutations()
      try await records.removeExpiredConflicts()
    } catch {
      failed("mutations", error)
    }
    do {
      try await records.closeMootConflicts()
    } catch {
      failed("conflicts", error)
    }
    do {
      try await queue.trim(JobsKept(), on: records.database)
    } catch {
      failed("jobs", error)
    }
    do {
      try await FunctionRuns.trim(on: records.database, now: time.now())
    } catch {
      failed("function runs", error)
    }
  }

  private func failed(_ part: String, _ error: any Error) {
    logger.warning(
      "housekeeping failed and will be tried again",
      [("part", .string(part)), ("cause", .string("\(error)"))])
  }
}
