import Jobs
import REST
import RoostCore
import Synchronization

/// Makes a backup, as a schedule or an administrator asks for it.
struct BackupJob: JobHandler {
  static let kind = "backup"

  let kind: String = BackupJob.kind
  /// What failed for want of room is tried again while there is still time before the next one.
  let limits = JobLimits(concurrency: 1, attempts: 4, seconds: 6 * 3600)
  let maker: BackupMaker
  let figures: BackupFigures

  /// A backup now; one at a time.
  static var job: NewJob { NewJob(kind, key: kind) }

  func run(_ context: JobContext) async throws {
    do {
      let entry = try await maker.make { progress in
        try context.proceed()
        let percent = progress.fraction.flatMap { Int64(exactly: ($0 * 100).rounded(.down)) }
        context.progress(percent ?? 0, of: percent.map { _ in 100 }, progress.step)
      }
      figures.made(entry)
      maker.ambient.logger.info(
        "a backup was made", [("path", .string(entry.path)), ("bytes", .int(entry.bytes))])
    } catch let interruption as JobInterruption {
      throw interruption
    } catch {
      figures.failed()
      maker.ambient.logger.error("a backup failed", [("cause", .string("\(error)"))])
      throw error
    }
    try await context.complete()
  }
}

/// What became of backups since the process started, and of the newest that is there.
final class BackupFigures: Sendable {
  private struct State {
    var made: Int64 = 0
    var failed: Int64 = 0
    var newest: (at: Timestamp, bytes: Int64)?
    var looked: UInt64
  }

  let folder: BackupFolder
  private let isScheduled: Bool
  private let time: any TimeSource
  private let state: Mutex<State>
  /// Between two looks into the folder, where other processes and people put backups too.
  private static let pauseNanoseconds: UInt64 = 60_000_000_000

  init(_ folder: BackupFolder, isScheduled: Bool, time: any TimeSource) {
    self.folder = folder
    self.isScheduled = isScheduled
    self.time = time
    state = Mutex(
      State(newest: BackupFigures.newest(in: folder), looked: time.monotonicNanoseconds()))
  }

  /// Looks into the folder, which may lie on another machine: nobody waits for it.
  private func look() {
    Task {
      let folder = folder
      guard let newest = try? await BackupThread.run({ BackupFigures.newest(in: folder) })
      else { return }
      state.withLock { if $0.newest.map({ $0.at < newest.at }) ?? true { $0.newest = newest } }
    }
  }

  private static func newest(in folder: BackupFolder) -> (at: Timestamp, bytes: Int64)? {
    folder.entries.first.map { ($0.head.madeAt, $0.bytes) }
  }

  func made(_ entry: BackupFolder.Entry) {
    state.withLock {
      $0.made += 1
      $0.newest = (entry.head.madeAt, entry.bytes)
    }
  }

  func failed() { state.withLock { $0.failed += 1 } }

  var metrics: [Metric] {
    let now = time.monotonicNanoseconds()
    let isDue = state.withLock { state in
      guard now &- state.looked >= BackupFigures.pauseNanoseconds else { return false }
      state.looked = now
      return true
    }
    if isDue { look() }
    let state = state.withLock { $0 }
    var metrics = [
      Metric(
        "roost_backups_total", .counter, "Backups by how they ended.",
        samples: [
          ([("outcome", "made")], Double(state.made)),
          ([("outcome", "failed")], Double(state.failed)),
        ]),
      Metric(
        "roost_backup_scheduled", .gauge, "Whether a schedule makes backups.",
        isScheduled ? 1 : 0),
    ]
    if let newest = state.newest {
      metrics += [
        Metric(
          "roost_backup_last_timestamp_seconds", .gauge, "When the newest backup was made.",
          Double(newest.at.milliseconds) / 1000),
        Metric(
          "roost_backup_last_bytes", .gauge, "Bytes of the newest backup.", Double(newest.bytes)),
      ]
    }
    return metrics
  }
}
