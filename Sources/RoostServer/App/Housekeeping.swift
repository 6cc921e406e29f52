import Accounts
import Records
import RoostCore
import Synchronization

/// What is done from time to time beside the requests: ended sessions go, and the log is cut behind
/// the slowest follower.
final class Housekeeping: Sendable {
  private static let pauseSeconds: UInt64 = 600

  private let accounts: AccountStore
  private let records: RecordStore
  private let logger: Logger
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(accounts: AccountStore, records: RecordStore, logger: Logger) {
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
      do {
        try await accounts.removeEnded()
        try await records.trimLog(followers: Followers.all(records).map(\.name))
      } catch {
        logger.warning(
          "housekeeping failed and will be tried again", [("cause", .string("\(error)"))])
      }
    }
  }
}
