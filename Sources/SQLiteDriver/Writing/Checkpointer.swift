import CSQLite
import RoostCore

/// Moves the log's pages into the database, on the writer's connection between two batches.
///
/// A passive checkpoint each second, or after `stepBytes`, moves what no reader needs, so that the log
/// starts again from its beginning and its file keeps its size: overwriting pages that the file has
/// costs the kernel half of what appending does, and a short step holds the writer for less. Above
/// the configured size the log is emptied and cut. Neither waits for readers: behind one that stays, a cut would hold the writer.
final class Checkpointer {
  private let connection: Connection
  private let time: any TimeSource
  private let interval: UInt64
  private let logBytes: Int
  private let stepBytes: Int
  private let frameBytes: Int
  /// Pages in the log after the last commit.
  private var logFrames: Int32 = 0
  /// Pages of the log that are in the database.
  private var movedFrames: Int32 = 0
  /// Pages in the log after the last checkpoint.
  private var stepStart: Int32 = 0
  private var nextPassive: UInt64 = 0
  private var nextCut: UInt64 = 0
  /// Pages written to the log since the last look at whether its image is worth its memory.
  private var recentFrames: Int32 = 0
  private var holdsImage = false
  private var nextRelease: UInt64 = 0

  private(set) var count = 0
  private(set) var microseconds = 0

  init(_ connection: Connection, _ configuration: SQLiteConfiguration, time: any TimeSource) {
    self.connection = connection
    self.time = time
    interval = UInt64(max(1, configuration.checkpointMilliseconds)) * 1_000_000
    logBytes = configuration.logBytes
    stepBytes = configuration.checkpointBytes
    frameBytes = 4096 + 24
    connection.watchLog { [weak self] frames in self?.committed(frames) }
  }

  private func committed(_ frames: Int32) {
    recentFrames &+= frames < logFrames ? frames : frames - logFrames
    if Int(frames) * frameBytes > Checkpointer.keptImageBytes { holdsImage = true }
    // The log starts again from its beginning once all of it has been moved.
    if frames < logFrames {
      movedFrames = 0
      stepStart = 0
    }
    logFrames = frames
  }

  /// Bytes of the log, about.
  var bytes: Int { logFrames == 0 ? 0 : Int(logFrames) * frameBytes + 32 }

  /// Whether so much lies in the log that it is moved before its time.
  ///
  /// Behind a reader that stays, a step moves nothing more, and the next one waits until as much
  /// again was written.
  private var isStepDue: Bool { Int(logFrames - stepStart) * frameBytes > stepBytes }

  private var hasWork: Bool { movedFrames < logFrames || bytes > logBytes }

  /// Milliseconds until there is work, or nil when there is none.
  var waitMilliseconds: Int? {
    guard hasWork || holdsImage else { return nil }
    let now = time.monotonicNanoseconds()
    if isStepDue { return 0 }
    var next = holdsImage ? nextRelease : .max
    if hasWork { next = min(next, bytes > logBytes ? min(nextCut, nextPassive) : nextPassive) }
    return next <= now ? 0 : Int((next - now) / 1_000_000) + 1
  }

  /// Runs the checkpoint that is due, and says whether one was; throws what SQLite reports.
  func runIfDue() throws(SQLiteFailure) -> Bool {
    let now = time.monotonicNanoseconds()
    if holdsImage, now >= nextRelease { releaseImage(now) }
    guard hasWork else { return false }
    if bytes > logBytes, now >= nextCut {
      // Behind a reader the cut fails at once and is tried again soon.
      nextCut = now + 100_000_000
      try run(SQLITE_CHECKPOINT_TRUNCATE, from: now)
      return true
    } else if now >= nextPassive || isStepDue {
      try run(SQLITE_CHECKPOINT_PASSIVE, from: now)
      return true
    }
    return false
  }

  /// Gives the memory of the log's image back once little has been written for a while.
  ///
  /// For that the log has to begin anew, which it can when nobody reads from it any more. Memory that
  /// is asked for again soon would cost more than it is worth.
  private func releaseImage(_ now: UInt64) {
    let isQuiet = Int(recentFrames) * frameBytes < Checkpointer.quietBytes
    recentFrames = 0
    nextRelease = now + interval
    guard isQuiet, movedFrames == logFrames else { return }
    guard let image = GatheredFile.direct(of: connection)?.image else {
      holdsImage = false
      return
    }
    sqlite3_busy_timeout(connection.handle, 0)
    let code = sqlite3_wal_checkpoint_v2(
      connection.handle, nil, SQLITE_CHECKPOINT_RESTART, nil, nil)
    sqlite3_busy_timeout(connection.handle, 5000)
    guard code == SQLITE_OK else { return }
    // Readers that come now find an empty log, until this thread writes to it.
    image.clear()
    holdsImage = false
  }

  /// Bytes of the log between two looks below which little is written.
  private static let quietBytes = 1_048_576
  /// Bytes of an image that are not worth giving back.
  private static let keptImageBytes = 4_194_304

  /// Empties and cuts the log, when no reader is left.
  func finish() throws(SQLiteFailure) {
    try run(SQLITE_CHECKPOINT_TRUNCATE, from: time.monotonicNanoseconds())
  }

  private func run(_ mode: Int32, from start: UInt64) throws(SQLiteFailure) {
    var total: Int32 = 0
    var moved: Int32 = 0
    sqlite3_busy_timeout(connection.handle, 0)
    let code = sqlite3_wal_checkpoint_v2(connection.handle, nil, mode, &total, &moved)
    sqlite3_busy_timeout(connection.handle, 5000)
    let now = time.monotonicNanoseconds()
    nextPassive = now + interval
    count += 1
    microseconds += Int((now &- start) / 1000)
    if total >= 0 { logFrames = total }
    stepStart = logFrames
    if moved >= 0 { movedFrames = moved }
    guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else {
      throw connection.lastFailure(code, "checkpoint")
    }
  }
}
