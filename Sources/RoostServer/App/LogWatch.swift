import Queries
import Records
import RoostCore
import Synchronization

/// Tells followers of what other processes wrote to the log, and the process that another has migrated
/// the app's schema.
///
/// A hint: whoever is not told looks at the log when it is woken for another reason. A process that
/// only reads would never hear of a migration otherwise, and stay ready. By its looks it is also known
/// of a server whom nobody asks anything that its database does not answer.
final class LogWatch: Sendable {
  private static let pauseNanoseconds: UInt64 = 50_000_000

  private let database: any Database
  private let wake: @Sendable (_ length: Int64) -> Void
  private let notice: @Sendable (_ generation: Int64) -> Void
  private let task = Mutex<Task<Void, Never>?>(nil)
  private let time: any TimeSource
  /// When the look under way began, of the monotonic clock in nanoseconds; 0 for none.
  private let began = Atomic<UInt64>(0)

  init(
    _ database: any Database, time: any TimeSource,
    notice: @escaping @Sendable (_ generation: Int64) -> Void,
    wake: @escaping @Sendable (_ length: Int64) -> Void
  ) {
    self.time = time
    self.notice = notice
    self.database = database
    self.wake = wake
  }

  /// Watches where others may write.
  func start() {
    guard database.dialect.hasOtherWriters else { return }
    task.withLock { $0 = Task { await self.run() } }
  }

  func stop() async {
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  private func run() async {
    var known: Int64 = -1
    while true {
      do { try await Task.sleep(nanoseconds: LogWatch.pauseNanoseconds) } catch { return }
      began.store(time.monotonicNanoseconds(), ordering: .relaxed)
      defer { began.store(0, ordering: .relaxed) }
      // A look that fails is repeated at once anyway; whatever is wrong is told by those who work.
      guard let (length, generation) = try? await LogWatch.look(database) else { continue }
      notice(generation)
      guard length != known else { continue }
      known = length
      wake(length)
    }
  }

  /// For how long the look under way has had no answer; nil where none is.
  func waitingSeconds(_ now: UInt64) -> UInt64? {
    let began = began.load(ordering: .relaxed)
    return began == 0 || began > now ? nil : (now - began) / 1_000_000_000
  }

  private static let select = Statement(
    """
    SELECT CAST(sum(position) AS BIGINT), (SELECT generation FROM roost_generation) \
    FROM roost_log_head
    """)

  private static func look(
    _ database: any Database
  ) async throws -> (length: Int64, generation: Int64) {
    try await database.read(.statement) { reader in
      try await reader.first(select, []) { ($0.int64(0), $0.int64(1)) } ?? (0, 0)
    }
  }
}
