import Queries
import RoostCore
import Synchronization

/// The threads for reads that have a connection to themselves.
final class LongReaders: Sendable {
  struct State {
    var reads: [QueuedRead] = []
    /// Jobs of bodies that suspended, by thread.
    var jobs: [[UnownedJob]]
    var running: Int
    var isClosed = false
    var total = 0
    /// Connections made so far, by thread.
    var connects: [Int]
    /// Those who wait for the end of all threads.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  let monitor: Monitor<State>
  private let queueLimit: Int

  init(
    _ factory: ConnectionFactory, _ errors: ErrorTranslator, count: Int, queueLimit: Int
  ) throws(DatabaseOpenError) {
    self.queueLimit = queueLimit
    monitor = Monitor(
      State(
        jobs: Array(repeating: [], count: count), running: count,
        connects: Array(repeating: 0, count: count)))
    for index in 0..<count {
      let thread = LongReaderThread(factory, errors, monitor: monitor, index: index)
      do {
        try startThread { thread.run() }
      } catch {
        monitor.change { state in
          state.running -= count - index
          state.isClosed = true
        }
        throw DatabaseOpenError(.engine, "The database cannot start its threads: \(error).")
      }
    }
  }

  /// Queues a read; gives the error to answer with when it cannot be.
  func submit(_ read: QueuedRead) -> RoostError? {
    monitor.change { state in
      if state.isClosed { return .draining }
      if state.reads.count >= queueLimit {
        return RoostError(
          .overloaded, "Too many reads are waiting; try again.", retryAfterSeconds: 1)
      }
      state.reads.append(read)
      state.total += 1
      return nil
    }
  }

  /// Waits until what is queued has been read and all threads have ended.
  func close() async {
    await withUnsafeContinuation { continuation in
      let isOver = monitor.change { state in
        state.isClosed = true
        if state.running == 0 { return true }
        state.closing.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Asks the threads to end once the queue is empty.
  func requestClose() { monitor.change { $0.isClosed = true } }
}

/// One thread and its connection.
private final class LongReaderThread: TaskExecutor, Sendable {
  private let factory: ConnectionFactory
  private let errors: ErrorTranslator
  private let monitor: Monitor<LongReaders.State>
  private let index: Int

  init(
    _ factory: ConnectionFactory, _ errors: ErrorTranslator, monitor: Monitor<LongReaders.State>,
    index: Int
  ) {
    self.factory = factory
    self.errors = errors
    self.monitor = monitor
    self.index = index
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    monitor.change { $0.jobs[index].append(job) }
  }

  private enum Work {
    case read(QueuedRead)
    case jobs([UnownedJob])
    case end
  }

  func run() {
    let place = ConnectionPlace(factory, .long)
    while true {
      let work: Work? = monitor.wait { state in
        if let jobs = takeJobs(&state) { return .jobs(jobs) }
        if !state.reads.isEmpty { return .read(state.reads.removeFirst()) }
        return state.isClosed ? .end : nil
      }
      switch work {
      case .read(let read):
        self.read(read, place)
        monitor.withLock { $0.connects[index] = place.connects }
      case .jobs(let jobs): run(jobs)
      case .end, nil:
        place.drop()
        let waiting = monitor.withLock { state in
          state.running -= 1
          guard state.running == 0 else { return [UnsafeContinuation<Void, Never>]() }
          defer { state.closing = [] }
          return state.closing
        }
        for continuation in waiting { continuation.resume() }
        return
      }
    }
  }

  private func takeJobs(_ state: inout LongReaders.State) -> [UnownedJob]? {
    guard !state.jobs[index].isEmpty else { return nil }
    defer { state.jobs[index] = [] }
    return state.jobs[index]
  }

  private func run(_ jobs: [UnownedJob]) {
    for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  /// Runs a read, and once more when its connection was lost or its statements had gone stale.
  private func read(_ read: QueuedRead, _ place: ConnectionPlace) {
    for isLast in [false, true] {
      guard !read.cancellation.isSet else { return read.resume(throwing: CancellationError()) }
      let connection: Connection
      do throws(PostgresFailure) {
        connection = try place.take()
        guard factory.role.allows(connection, read.report?.needed ?? 0) else {
          throw ServerRole.unseen
        }
      } catch {
        read.report?.note(error)
        return read.resume(throwing: error.error)
      }
      let bound = WaitBound(
        time: factory.ambient.time, milliseconds: read.milliseconds,
        cancellation: read.cancellation)
      let reader = LongReader(
        connection, errors, bound, read, factory.role, time: factory.ambient.time)
      read.start(reader, on: self)
      // A body should not suspend; while it does, its thread waits for it, as long as a read may
      // take.
      while !read.isFinished {
        let jobs = monitor.wait(milliseconds: read.milliseconds) { takeJobs(&$0) }
        guard let jobs else { break }
        run(jobs)
      }
      reader.finish()
      do { try connection.sendDrops() } catch {}
      if connection.isLost { place.drop() }
      guard read.isFinished else {
        return read.resume(
          throwing: RoostError.misuse("The body of a read awaits something else."))
      }
      if read.cancellation.isSet, reader.failure != nil {
        return read.resume(throwing: CancellationError())
      }
      guard let failure = reader.failure else { return read.resume() }
      // What a standby fails at the primary does.
      if failure.isStopped || isLast || factory.role.isStandby {
        return read.resume(throwing: failure.error)
      }
      guard failure.isConnectionLoss || failure.isStaleStatement || failure.isConflict else {
        return read.resume()
      }
    }
  }
}
