import CSQLite
import Queries
import RoostCore
import Synchronization

/// The one thread that writes.
///
/// It takes what is queued, runs the bodies in one transaction, commits, and answers the callers
/// (group commit: one sync of the disk for all of them). The bodies run in tasks that prefer this
/// thread, and since statements never suspend, each has finished when its start returns.
final class Writer: TaskExecutor, Sendable {
  struct State {
    var writes: [QueuedWrite] = []
    /// Jobs of bodies that suspended and were given up.
    var jobs: [UnownedJob] = []
    var preCommit: (any PreCommit)?
    var isClosing = false
    var hasEnded = false
    /// What does the work where no thread does: on the threads of the callers, one at a time.
    var session: WriterSession?
    /// Those who wait for the end of the thread.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  private let monitor: Monitor<State>
  private let queueLimit: Int
  private let batchLimit: Int
  private let statistics = Mutex(WriterStatistics())
  /// Writes that were ever queued.
  private let arrivals = Atomic(0)

  init(_ configuration: SQLiteConfiguration, preCommit: (any PreCommit)?) {
    queueLimit = configuration.limits.queuedWrites
    batchLimit = max(1, configuration.batchWrites)
    monitor = Monitor(State(preCommit: preCommit))
  }

  /// Starts the thread, which owns `connection` and `place` from now on.
  func start(
    _ connection: Connection, _ place: (DataFolder, DatabaseFile),
    _ configuration: SQLiteConfiguration,
    _ ambient: Ambient
  ) throws(DatabaseOpenError) {
    do {
      try startThread {
        let session = WriterSession(self, connection, place, configuration, ambient)
        self.run(session)
      }
    } catch {
      throw DatabaseOpenError(.engine, "The database cannot start its threads: \(error).")
    }
  }

  /// Begins without a thread: whoever brings work has it done at once.
  func begin(
    _ connection: Connection, _ configuration: SQLiteConfiguration, _ ambient: Ambient
  ) {
    let session = WriterSession(self, connection, nil, configuration, ambient)
    monitor.withLock { $0.session = session }
  }

  /// Does what is queued, where no thread does; what comes meanwhile waits for its turn here.
  private func work() {
    guard
      let session = monitor.withLock({ state in
        defer { state.session = nil }
        return state.session
      })
    else { return }
    while let work = monitor.withLock({ takeWork(&$0) }) {
      let isEnd = if case .end = work { true } else { false }
      carryOut(work, session)
      if isEnd { return }
    }
    monitor.withLock { $0.session = session }
  }

  func setPreCommit(_ preCommit: any PreCommit) {
    monitor.withLock { state in
      precondition(state.preCommit == nil, "the step before the commit is set once")
      state.preCommit = preCommit
    }
  }

  /// Queues a write; gives the error to answer with when it cannot be.
  func submit(_ write: QueuedWrite) -> RoostError? {
    defer { work() }
    return monitor.change { state in
      if state.isClosing { return .draining }
      if state.writes.count >= queueLimit {
        return RoostError(
          .overloaded, "Too many writes are waiting; try again.", retryAfterSeconds: 1)
      }
      state.writes.append(write)
      arrivals.wrappingAdd(1, ordering: .relaxed)
      return nil
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    monitor.change { $0.jobs.append(job) }
    work()
  }

  /// Waits until what is queued is written, the log is emptied and the thread has ended.
  func close() async {
    await withUnsafeContinuation { continuation in
      let isOver = monitor.change { state in
        state.isClosing = true
        if state.hasEnded { return true }
        state.closing.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
      work()
    }
  }

  /// Asks the thread to end once the queue is empty.
  func requestClose() {
    monitor.change { $0.isClosing = true }
    work()
  }

  var queued: Int { monitor.withLock { $0.writes.count } }
  var counters: WriterStatistics { statistics.withLock { $0 } }

  func publish(_ counted: WriterStatistics) { statistics.withLock { $0 = counted } }

  // MARK: The thread

  private enum Work {
    case batch([QueuedWrite], (any PreCommit)?)
    case jobs([UnownedJob])
    case end
  }

  private func run(_ session: WriterSession) {
    var wakeful = WakefulWait()
    var taken = 0
    while true {
      let start = WakefulWait.now()
      if wakeful.isDue {
        WakefulWait.look(from: start) { arrivals.load(ordering: .relaxed) != taken }
      }
      let work = monitor.wait(milliseconds: session.waitMilliseconds) { takeWork(&$0) }
      let count = if case .batch(let writes, _) = work { writes.count } else { 0 }
      taken += count
      wakeful.learn(nanoseconds: WakefulWait.now() &- start, writes: count)
      carryOut(work, session)
      if case .end = work { return }
    }
  }

  private func carryOut(_ work: Work?, _ session: WriterSession) {
    switch work {
    case .jobs(let jobs):
      for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
    case .batch(let writes, let preCommit):
      session.run(writes, preCommit)
    case .end:
      session.end()
      publish(session.statistics)
      let waiting = monitor.withLock { state in
        state.hasEnded = true
        defer { state.closing = [] }
        return state.closing
      }
      for continuation in waiting { continuation.resume() }
      return
    case nil:
      break
    }
    session.checkpoint()
    publish(session.statistics)
  }

  private func takeWork(_ state: inout State) -> Work? {
    if !state.jobs.isEmpty {
      defer { state.jobs = [] }
      return .jobs(state.jobs)
    }
    if !state.writes.isEmpty {
      let preCommit = state.preCommit
      if state.writes.count <= batchLimit {
        defer { state.writes = [] }
        return .batch(state.writes, preCommit)
      }
      let batch = Array(state.writes.prefix(batchLimit))
      state.writes.removeFirst(batchLimit)
      return .batch(batch, preCommit)
    }
    return state.isClosing ? .end : nil
  }
}
