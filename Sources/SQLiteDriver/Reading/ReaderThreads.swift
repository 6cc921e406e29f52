import Queries
import RoostCore

/// The threads for reads that take longer than a caller's thread may be held.
final class ReaderThreads: Sendable {
  struct State {
    var reads: [QueuedRead] = []
    /// Jobs of bodies that suspended, by thread.
    var jobs: [[UnownedJob]]
    var running: Int
    var isClosed = false
    var total = 0
    /// Those who wait for the end of all threads.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  let monitor: Monitor<State>
  private let queueLimit: Int

  init(
    _ factory: ConnectionFactory, count: Int, queueLimit: Int
  ) throws(DatabaseOpenError) {
    self.queueLimit = queueLimit
    var connections: [Connection] = []
    for _ in 0..<count { connections.append(try factory.reader(forLongReads: true)) }
    monitor = Monitor(
      State(jobs: Array(repeating: [], count: count), running: count))
    for (index, connection) in connections.enumerated() {
      let thread = ReaderThread(connection, monitor: monitor, index: index)
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

  var queued: Int { monitor.withLock { $0.reads.count } }
  var total: Int { monitor.withLock { $0.total } }
}

/// One thread and its connection.
private final class ReaderThread: TaskExecutor, Sendable {
  private let connection: Connection
  private let monitor: Monitor<ReaderThreads.State>
  private let index: Int

  init(_ connection: Connection, monitor: Monitor<ReaderThreads.State>, index: Int) {
    self.connection = connection
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
    while true {
      let work: Work? = monitor.wait { state in
        if let jobs = takeJobs(&state) { return .jobs(jobs) }
        if !state.reads.isEmpty { return .read(state.reads.removeFirst()) }
        return state.isClosed ? .end : nil
      }
      switch work {
      case .read(let read): self.read(read)
      case .jobs(let jobs): run(jobs)
      case .end, nil:
        connection.close()
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

  private func takeJobs(_ state: inout ReaderThreads.State) -> [UnownedJob]? {
    guard !state.jobs[index].isEmpty else { return nil }
    defer { state.jobs[index] = [] }
    return state.jobs[index]
  }

  private func run(_ jobs: [UnownedJob]) {
    for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  private func read(_ read: QueuedRead) {
    guard !read.cancellation.isSet else {
      read.resume(throwing: CancellationError())
      return
    }
    let pooled = PooledReader(connection)
    connection.readGuard?.begin(milliseconds: read.milliseconds ?? .max / 1_000_000)
    if read.consistency == .snapshot {
      do {
        _ = try connection.execute(Control.begin)
      } catch {
        pooled.finish()
        return read.resume(throwing: error)
      }
    }
    read.start(pooled.reader, on: self)
    // A body should not suspend; while it does, its thread waits for it, as long as a read may take.
    while !read.isFinished {
      let jobs = monitor.wait(milliseconds: read.milliseconds) { takeJobs(&$0) }
      guard let jobs else { break }
      run(jobs)
    }
    pooled.reader.isOpen = false
    let isSpent = connection.readGuard?.isSpent ?? false
    pooled.finish()
    if isSpent {
      read.resume(throwing: ReaderThread.tooLong)
    } else if !read.isFinished {
      read.resume(throwing: RoostError.misuse("The body of a read awaits something else."))
    } else {
      read.resume()
    }
  }

  private static let tooLong = RoostError(
    .overloaded,
    "The query took too long and was stopped; narrow it with a filter on an indexed field or a "
      + "smaller limit.", retryAfterSeconds: 5)
}
