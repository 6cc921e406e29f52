import CSQLite
import Glibc
import Queries
import RoostCore

/// What the writer's thread works with; lives and dies on that thread.
final class WriterSession {
  private let writer: Writer
  private let connection: Connection
  private let checkpointer: Checkpointer
  private let machine: Machine
  private let disk: MemoryDisk?
  private let time: any TimeSource
  private let logger: Logger
  /// Held for as long as the connection is open.
  private var place: (DataFolder, DatabaseFile)?
  private var space: SpaceProbe
  /// A sync failed: nothing is written or acknowledged any more.
  private var isBroken = false
  private var isCheckpointFailing = false
  private(set) var statistics = WriterStatistics()

  init(
    _ writer: Writer, _ connection: Connection, _ place: (DataFolder, DatabaseFile)?,
    _ configuration: SQLiteConfiguration, _ ambient: Ambient
  ) {
    self.writer = writer
    self.connection = connection
    self.place = place
    checkpointer = Checkpointer(connection, configuration, time: ambient.time)
    machine = configuration.machine
    disk = configuration.disk
    time = ambient.time
    logger = ambient.logger
    space = SpaceProbe(configuration, time: ambient.time)
  }

  /// Milliseconds that the thread may sleep, or nil for as long as nothing comes.
  var waitMilliseconds: Int? { isBroken ? nil : checkpointer.waitMilliseconds }

  // MARK: A batch

  /// Runs `writes` in one transaction and answers their callers.
  func run(_ queued: [QueuedWrite], _ preCommit: (any PreCommit)?) {
    let writes = queued.filter { write in
      guard write.cancellation.isSet else { return true }
      write.resume(throwing: CancellationError())
      return false
    }
    guard !writes.isEmpty else { return }
    guard !isBroken else { return fail(writes, WriterSession.broken) }
    let hasRoom = space.hasRoom(logger)
    statistics.freeBytes = space.freeBytes
    guard hasRoom else { return fail(writes, RoostError.spaceKept) }
    connection.forgetFailure()
    let batch = WriteBatch(writes, connection, writer)
    do {
      try batch.runBodies(hasPreCommit: preCommit != nil)
      if let preCommit, !batch.effects.isEmpty { try batch.apply(preCommit) }
      if connection.isInTransaction { try commit() }
    } catch {
      undo()
      if isBroken { return fail(writes, WriterSession.broken) }
      statistics.failedBatches += 1
      writer.publish(statistics)
      return batch.fail(error)
    }
    statistics.count(writes.count)
    statistics.logBytes = checkpointer.bytes
    if let preCommit, !batch.effects.isEmpty { preCommit.committed(batch.effects) }
    // Whoever has its answer finds itself in the figures.
    writer.publish(statistics)
    batch.answer()
  }

  private func fail(_ writes: [QueuedWrite], _ error: any Error) {
    for write in writes { write.resume(throwing: error) }
  }

  private func commit() throws {
    try checkSync()
    let start = time.monotonicNanoseconds()
    do {
      _ = try connection.execute(Control.commit)
      if let code = machine.commitFault() {
        throw SQLiteFailure(code: code, message: "injected", sql: "COMMIT").error
      }
    } catch {
      // An error of the disk here leaves open whether the commit will be there after a crash, and
      // SQLite would go on as if the failed sync could be repeated, which it cannot.
      let failure = (error as? RoostError)?.cause as? SQLiteFailure
      if let failure, failure.primaryCode == SQLITE_IOERR, !isOutOfSpace(failure) {
        stop(failure)
      }
      throw error
    }
    statistics.countCommit(microseconds: Int((time.monotonicNanoseconds() &- start) / 1000))
  }

  private func undo() {
    let failure = connection.failure
    if connection.isInTransaction { _ = try? connection.execute(Control.rollback) }
    if let failure, failure.isSyncFailure { stop(failure) }
  }

  private func checkSync() throws {
    if let failure = connection.failure, failure.isSyncFailure {
      stop(failure)
      throw failure.error
    }
  }

  private func isOutOfSpace(_ failure: SQLiteFailure) -> Bool {
    failure.isFull
      || failure.code == SQLITE_IOERR | 3 << 8  // SQLITE_IOERR_WRITE
        && [ENOSPC, EDQUOT].contains(sqlite3_system_errno(connection.handle))
  }

  /// Ends the process: what the disk holds is unknown until the database recovers at its next start.
  private func stop(_ failure: SQLiteFailure) {
    guard !isBroken else { return }
    isBroken = true
    logger.error(
      "The disk reported an error while data was made durable; stopping at once",
      [("code", .int(Int64(failure.code))), ("cause", .string(failure.description))])
    machine.exit(74)
  }

  private static let broken = RoostError(
    .internalError, "The server's disk failed; whether the change was saved is unknown.")

  // MARK: Checkpoints and the end

  /// Runs the checkpoint that is due.
  func checkpoint() {
    guard !isBroken else { return }
    do {
      if try checkpointer.runIfDue() { isCheckpointFailing = false }
    } catch {
      checkpointFailed(error)
    }
    statistics.logBytes = checkpointer.bytes
    statistics.checkpoints = checkpointer.count
    statistics.checkpointMicroseconds = checkpointer.microseconds
  }

  private func checkpointFailed(_ failure: SQLiteFailure) {
    if failure.isSyncFailure { return stop(failure) }
    // A full disk heals; the log is kept until then, and once is enough to say so.
    guard !isCheckpointFailing else { return }
    isCheckpointFailing = true
    logger.warning("A checkpoint failed", [("cause", .string(failure.description))])
  }

  /// Empties the log, closes the file and gives the folder back.
  func end() {
    if !isBroken, disk?.closing != .keep {
      do {
        try checkpointer.finish()
      } catch {
        checkpointFailed(error)
      }
    }
    statistics.logBytes = checkpointer.bytes
    connection.close()
    // In this order, and before anybody is told that the database is closed: the next one to open
    // the folder may be waiting for just that.
    place?.1.release()
    place?.0.release()
    place = nil
  }
}
