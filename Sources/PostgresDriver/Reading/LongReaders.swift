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
    /// Reads that were refused since they had waited for too long.
    var late = 0
    /// Connections made so far, by thread.
    var connects: [Int]
    /// Those who wait for the end of all threads.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  let monitor: Monitor<State>
  private let queueLimit: Int
  private let time: any TimeSource
  /// How long a read waits at most, in nanoseconds: as long as it may take.
  private let waitLimit: UInt64

  init(
    _ factory: ConnectionFactory, _ errors: ErrorTranslator, count: Int, queueLimit: Int
  ) throws(DatabaseOpenError) {
    self.queueLimit = queueLimit
    time = factory.ambient.time
    waitLimit = UInt64(max(0, factory.configuration.readMilliseconds)) * 1_000_000
    monitor = Monitor(
      State(
        jobs: Array(repeating: [], count: count), running: count,
        connects: Array(repeating: 0, count: count)))
    for index in 0..<count {
      let thread = LongReaderThread(factory, errors, self, index: index)
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
    read.queuedAt = time.monotonicNanoseconds()
    return monitor.change { state in
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

  /// Takes out what has waited for too long; whoever waited longest stands first.
  func takeLate(_ state: inout State) -> [QueuedRead] {
    let late = state.reads.prefix { time.nanoseconds(since: $0.queuedAt) > waitLimit }
    guard !late.isEmpty else { return [] }
    defer { state.reads.removeFirst(late.count) }
    state.late += late.count
    return Array(late)
  }

  /// Refuses what has waited for too long, while every thread is busy.
  func refuseLate() { LongReaders.refuse(monitor.withLock { takeLate(&$0) }) }

  static func refuse(_ late: [QueuedRead]) {
    for read in late {
      read.resume(
        throwing: RoostError(
          .overloaded, "Too many long reads are running; try again.", retryAfterSeconds: 1))
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
  private let pool: LongReaders
  private let index: Int

  init(
    _ factory: ConnectionFactory, _ errors: ErrorTranslator, _ pool: LongReaders, index: Int
  ) {
    self.factory = factory
    self.errors = errors
    self.pool = pool
    self.index = index
  }

  private var monitor: Monitor<LongReaders.State> { pool.monitor }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    monitor.change { $0.jobs[index].append(job) }
  }

  private enum Work {
    case read(QueuedRead)
    case jobs([UnownedJob])
    case late([QueuedRead])
    case end
  }

  func run() {
    let place = ConnectionPlace(factory, .long)
    while true {
      let work: Work? = monitor.wait { state in
        if let jobs = takeJobs(&state) { return .jobs(jobs) }
        let late = pool.takeLate(&state)
        if !late.isEmpty { return .late(late) }
        if !state.reads.isEmpty { return .read(state.reads.removeFirst()) }
        return state.isClosed ? .end : nil
      }
      switch work {
      case .read(let read):
        self.read(read, place)
        monitor.withLock { $0.connects[index] = place.connects }
      case .jobs(let jobs): run(jobs)
      case .late(let reads): LongReaders.refuse(reads)
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

  /// Runs a read: once more when its connection was lost or its statements had gone stale, and once
  /// more where it took long and its rows are to be counted.
  private func read(_ read: QueuedRead, _ place: ConnectionPlace) {
    var isLast = false
    while true {
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
      let reader = run(read, connection)
      if connection.isLost { place.drop() }
      guard read.isFinished else {
        return read.resume(
          throwing: RoostError.misuse("The body of a read awaits something else."))
      }
      if read.cancellation.isSet, reader.failure != nil {
        return read.resume(throwing: CancellationError())
      }
      guard let failure = reader.failure else { return read.resume() }
      if reader.mustCount {
        read.countsRows = true
        continue
      }
      // What a standby fails at the primary does.
      if failure.isStopped || isLast || factory.role.isStandby {
        return read.resume(throwing: failure.error)
      }
      guard failure.isConnectionLoss || failure.isStaleStatement || failure.isConflict else {
        return read.resume()
      }
      isLast = true
    }
  }

  /// Runs the body of a read once.
  private func run(_ read: QueuedRead, _ connection: Connection) -> LongReader {
    // While it waits for the server it looks after those who wait for a thread.
    let bound = WaitBound(
      time: factory.ambient.time, milliseconds: read.milliseconds,
      cancellation: read.cancellation, tick: pool.refuseLate)
    let reader = LongReader(connection, errors, bound, read, factory)
    read.start(reader, on: self)
    // A body should not suspend; while it does, its thread waits for it, as long as a read may take.
    while !read.isFinished {
      let jobs = monitor.wait(milliseconds: read.milliseconds) { takeJobs(&$0) }
      guard let jobs else { break }
      run(jobs)
    }
    reader.finish()
    do { try connection.sendDrops() } catch {}
    return reader
  }
}
