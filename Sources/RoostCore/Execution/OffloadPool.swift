import Glibc
import Synchronization

/// A bounded pool of threads for work that computes for long or blocks.
///
/// Such work must not run on an event loop nor on Swift's cooperative threads, which are as many as
/// the processors. What waits is bounded too: beyond it the caller is told to come back.
package final class OffloadPool: Sendable {
  private let core: Core

  /// Starts `threads` threads at the first work, named `name` (15 bytes of it), in front of which at
  /// most `queued` pieces of work wait.
  package init(threads: Int, queued: Int, name: String) {
    core = Core(threads: max(1, threads), waitingLimit: max(0, queued), name: name)
  }

  deinit { core.stop() }

  /// Runs `work` on one of the threads and returns or throws what it does.
  ///
  /// Throws `RoostError` with `.overloaded` when the queue is full, with `.draining` after `stop`,
  /// and `CancellationError` when the waiting task is cancelled before the work starts. Work that
  /// has started is finished.
  package func run<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
    let number = core.nextNumber()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let job = Job(number: number) {
          continuation.resume(with: Result(catching: work))
        } fail: { error in
          continuation.resume(throwing: error)
        }
        core.enqueue(job)
        // A cancellation before the job was queued found nothing to remove.
        if Task.isCancelled { core.cancel(number) }
      }
    } onCancel: {
      core.cancel(number)
    }
  }

  /// How many pieces of work wait for a thread now.
  package var waiting: Int { core.waiting }

  /// Refuses what waits and what comes, and lets the threads end once they have finished what runs.
  package func stop() { core.stop() }
}

/// One piece of work; exactly one of its closures is called, once.
private struct Job: Sendable {
  let number: UInt64
  let run: @Sendable () -> Void
  let fail: @Sendable (any Error) -> Void
}

/// What the pool and its threads share; the threads keep it alive until they end.
private final class Core: Sendable {
  private struct State {
    var waiting: [Job] = []
    var running = 0
    var threads = 0
    var isStopped = false
    var lastNumber: UInt64 = 0
  }

  private let state = Mutex(State())
  private let hasStarted = Mutex(false)
  private let wanted: Int
  private let waitingLimit: Int
  private let name: String
  private let wakeUps = WakeUps()

  init(threads: Int, waitingLimit: Int, name: String) {
    wanted = threads
    self.waitingLimit = waitingLimit
    self.name = name
  }

  var waiting: Int { state.withLock { $0.waiting.count } }

  func nextNumber() -> UInt64 {
    state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
  }

  func enqueue(_ job: Job) {
    hasStarted.withLock { hasStarted in
      guard !hasStarted else { return }
      hasStarted = true
      start(threads: wanted)
    }
    let refusal: RoostError? = state.withLock { state in
      if state.isStopped {
        return RoostError(.draining, "The server is shutting down: send the request again.")
      }
      guard state.waiting.count + state.running < state.threads + waitingLimit, state.threads > 0
      else {
        return RoostError(
          .overloaded, "Too much work is waiting: send the request again in a moment.",
          retryAfterSeconds: 1)
      }
      state.waiting.append(job)
      return nil
    }
    if let refusal { job.fail(refusal) } else { wakeUps.post() }
  }

  func cancel(_ number: UInt64) {
    let job: Job? = state.withLock { state in
      guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
      return state.waiting.remove(at: index)
    }
    job?.fail(CancellationError())
  }

  func stop() {
    let (jobs, threads): ([Job], Int) = state.withLock { state in
      guard !state.isStopped else { return ([], 0) }
      state.isStopped = true
      let jobs = state.waiting
      state.waiting = []
      return (jobs, state.threads)
    }
    for _ in 0..<threads { wakeUps.post() }
    let refusal = RoostError(.draining, "The server is shutting down: send the request again.")
    for job in jobs { job.fail(refusal) }
  }

  private func start(threads: Int) {
    for _ in 0..<threads {
      var thread = pthread_t()
      let context = Unmanaged.passRetained(self)
      let status = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Core>.fromOpaque(argument).takeRetainedValue().work()
          return nil
        }, context.toOpaque())
      guard status == 0 else {
        // With fewer threads the pool is slower; with none it refuses everything.
        context.release()
        continue
      }
      pthread_detach(thread)
      state.withLock { $0.threads += 1 }
    }
  }

  /// The life of one thread.
  private func work() {
    nameThread()
    while true {
      wakeUps.wait()
      let (job, isStopped): (Job?, Bool) = state.withLock { state in
        guard !state.waiting.isEmpty else { return (nil, state.isStopped) }
        state.running += 1
        return (state.waiting.removeFirst(), false)
      }
      if isStopped { return }
      guard let job else { continue }
      job.run()
      state.withLock { $0.running -= 1 }
    }
  }
}

extension Core {
  /// Names the calling thread for `top` and debuggers; that it may fail does no harm.
  private func nameThread() {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(file, bytes, bytes.count)
    close(file)
  }
}

/// A counting semaphore on which threads sleep.
private final class WakeUps: @unchecked Sendable {
  // Proof: a POSIX semaphore is made for use by several threads; the pointer never changes.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { sem_init(semaphore, 0, 0) }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func post() { sem_post(semaphore) }

  func wait() {
    while sem_wait(semaphore) != 0 && errno == EINTR {}
  }
}
