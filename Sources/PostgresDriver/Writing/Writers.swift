import Glibc
import Queries
import RoostCore
import Synchronization

/// The threads that write.
///
/// Each takes what is queued, runs the bodies in one transaction, commits, and answers the callers
/// (group commit, several groups at a time). The bodies run in tasks that prefer the thread, and since
/// statements never suspend, each has finished when its start returns.
final class Writers: Sendable {
  struct State {
    var writes: [QueuedWrite] = []
    /// Jobs of bodies that suspended and were given up, by thread.
    var jobs: [[UnownedJob]]
    var preCommit: (any PreCommit)?
    var isClosing = false
    var running: Int
    /// Those who wait for the end of the threads.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  let monitor: Monitor<State>
  let statistics: Mutex<WriteStatistics>
  private let queueLimit: Int

  init(
    _ factory: ConnectionFactory, _ errors: ErrorTranslator, preCommit: (any PreCommit)?
  ) throws(DatabaseOpenError) {
    let configuration = factory.configuration
    let count = max(1, configuration.writers)
    queueLimit = configuration.limits.queuedWrites
    statistics = Mutex(WriteStatistics(threads: count))
    monitor = Monitor(
      State(jobs: Array(repeating: [], count: count), preCommit: preCommit, running: count))
    for index in 0..<count {
      let thread = WriterThread(self, index, max(1, configuration.batchWrites))
      do {
        try startThread { thread.run(WriteSession(factory, errors)) }
      } catch {
        monitor.change { state in
          state.running -= count - index
          state.isClosing = true
        }
        throw DatabaseOpenError(.engine, "The database cannot start its threads: \(error).")
      }
    }
  }

  func setPreCommit(_ preCommit: any PreCommit) {
    monitor.withLock { state in
      precondition(state.preCommit == nil, "the step before the commit is set once")
      state.preCommit = preCommit
    }
  }

  /// Queues a write; gives the error to answer with when it cannot be.
  func submit(_ write: QueuedWrite) -> RoostError? {
    monitor.changeForOne { state in
      if state.isClosing { return .draining }
      if state.writes.count >= queueLimit {
        return RoostError(
          .overloaded, "Too many writes are waiting; try again.", retryAfterSeconds: 1)
      }
      state.writes.append(write)
      return nil
    }
  }

  /// Waits until what is queued is written and the threads have ended.
  func close() async {
    await withUnsafeContinuation { continuation in
      let isOver = monitor.change { state in
        state.isClosing = true
        if state.running == 0 { return true }
        state.closing.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Asks the threads to end once the queue is empty.
  func requestClose() { monitor.change { $0.isClosing = true } }

  var counters: WriteStatistics { statistics.withLock { $0 } }
  var queued: Int { monitor.withLock { $0.writes.count } }
}

/// One writer.
final class WriterThread: TaskExecutor, Sendable {
  private let writers: Writers
  private let index: Int
  private let batchLimit: Int
  /// Between two looks whether it is time to connect again.
  private static let retryMilliseconds = 500

  init(_ writers: Writers, _ index: Int, _ batchLimit: Int) {
    self.writers = writers
    self.index = index
    self.batchLimit = batchLimit
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    writers.monitor.change { $0.jobs[index].append(job) }
  }

  private enum Work {
    case batch([QueuedWrite], (any PreCommit)?)
    case jobs([UnownedJob])
    case end
  }

  func run(_ session: WriteSession) {
    let runner = BatchRunner(session, self, writers, index)
    while true {
      let work: Work? = writers.monitor.wait(
        milliseconds: runner.isOut ? WriterThread.retryMilliseconds : nil
      ) { takeWork(&$0) }
      switch work {
      case .jobs(let jobs):
        for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
      case .batch(let writes, let preCommit):
        runner.run(writes, preCommit)
      case nil: runner.reconnect()
      case .end:
        session.close()
        let waiting = writers.monitor.withLock { state in
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

  private func takeWork(_ state: inout Writers.State) -> Work? {
    if !state.jobs[index].isEmpty {
      defer { state.jobs[index] = [] }
      return .jobs(state.jobs[index])
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
