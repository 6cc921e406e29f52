import Queries
import RoostCore
import Synchronization

/// The threads for short reads, and the reads that wait for them.
final class SharedReaders: Sendable {
  /// Reads that one connection works on at a time.
  static let groupLimit = 64

  private struct State {
    var reads: [QueuedRead] = []
    /// The threads that have nothing to do.
    var idle: [Int] = []
    var connects: [Int]
    var running: Int
    var isClosed = false
    var total = 0
    var handedOver = 0
    var groups = 0
    /// Those who wait for the end of all threads.
    var closing: [UnsafeContinuation<Void, Never>] = []
  }

  enum Work {
    case reads([QueuedRead])
    case none
    case end
  }

  private let state: Mutex<State>
  private let queueLimit: Int
  private let longs: LongReaders
  private let threads = Mutex<[SharedReaderThread]>([])

  init(_ factory: ConnectionFactory, _ longs: LongReaders) throws(DatabaseOpenError) {
    let count = max(1, factory.configuration.sharedReaders)
    queueLimit = factory.configuration.limits.queuedReads
    self.longs = longs
    state = Mutex(State(connects: Array(repeating: 0, count: count), running: count))
    var made: [SharedReaderThread] = []
    do {
      for index in 0..<count { made.append(try SharedReaderThread(self, index, factory)) }
      let all = made
      threads.withLock { $0 = all }
      for (index, thread) in all.enumerated() {
        do {
          try startThread { thread.run() }
        } catch {
          state.withLock { $0.running -= count - index }
          requestClose()
          throw error
        }
      }
    } catch {
      throw DatabaseOpenError(.engine, "The database cannot start its threads: \(error).")
    }
  }

  /// Queues a read; gives the error to answer with when it cannot be.
  func submit(_ read: QueuedRead) -> RoostError? {
    let outcome: Result<Int?, RoostError> = state.withLock { state in
      if state.isClosed { return .failure(.draining) }
      if state.reads.count >= queueLimit {
        return .failure(
          RoostError(.overloaded, "Too many reads are waiting; try again.", retryAfterSeconds: 1))
      }
      state.reads.append(read)
      state.total += 1
      return .success(state.idle.popLast())
    }
    switch outcome {
    case .failure(let error): return error
    case .success(let thread):
      if let thread { threads.withLock { $0[thread] }.wake() }
      return nil
    }
  }

  /// What a thread is to do next; when that is nothing it counts as idle and will be woken.
  func take(_ thread: Int, room: Int, isIdle: Bool) -> Work {
    state.withLock { state in
      if let place = state.idle.firstIndex(of: thread) { state.idle.remove(at: place) }
      if !state.reads.isEmpty, room > 0 {
        state.groups += 1
        if state.reads.count <= room {
          defer { state.reads = [] }
          return .reads(state.reads)
        }
        let reads = Array(state.reads.prefix(room))
        state.reads.removeFirst(room)
        return .reads(reads)
      }
      if state.isClosed, state.reads.isEmpty { return .end }
      if isIdle { state.idle.append(thread) }
      return .none
    }
  }

  /// Gives a read that takes too long here to a thread for long ones.
  func handOver(_ read: QueuedRead) {
    state.withLock { $0.handedOver += 1 }
    read.countsRows = true
    if let error = longs.submit(read) { read.resume(throwing: error) }
  }

  func connected(_ thread: Int, _ connects: Int) {
    state.withLock { $0.connects[thread] = connects }
  }

  /// Waits until what is queued has been read and all threads have ended.
  func close() async {
    await withUnsafeContinuation { continuation in
      let isOver = state.withLock { state in
        state.isClosed = true
        if state.running == 0 { return true }
        state.closing.append(continuation)
        return false
      }
      if isOver { continuation.resume() }
      requestClose()
    }
  }

  /// Asks the threads to end once the queue is empty.
  func requestClose() {
    state.withLock { $0.isClosed = true }
    for thread in threads.withLock({ $0 }) { thread.wake() }
  }

  /// A thread has ended.
  func ended() {
    let waiting = state.withLock { state in
      state.running -= 1
      guard state.running == 0 else { return [UnsafeContinuation<Void, Never>]() }
      defer { state.closing = [] }
      return state.closing
    }
    guard state.withLock({ $0.running == 0 }) else { return }
    // The threads know the pool and the pool knows them.
    threads.withLock { $0 = [] }
    for continuation in waiting { continuation.resume() }
  }

  struct Counters {
    var reads = 0
    var groups = 0
    var handedOver = 0
    var queued = 0
    var connects: [Int] = []
  }

  var counters: Counters {
    state.withLock { state in
      Counters(
        reads: state.total, groups: state.groups, handedOver: state.handedOver,
        queued: state.reads.count, connects: state.connects)
    }
  }
}
