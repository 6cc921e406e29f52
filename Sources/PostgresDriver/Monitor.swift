import Glibc

/// A state behind a lock, and threads that wait until it has something for them.
///
/// `Mutex` alone cannot make a thread sleep; this is a POSIX mutex with a condition variable on the
/// monotonic clock.
final class Monitor<State>: @unchecked Sendable {
  // Sendable: `state` and `sleepers` are touched under `mutex` only.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State
  private var sleepers = 0

  init(_ state: State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Looks at or changes the state without waking anybody.
  func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Changes the state and wakes those who wait, if there are any.
  func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer {
      let sleeping = sleepers > 0
      pthread_mutex_unlock(mutex)
      if sleeping { pthread_cond_broadcast(condition) }
    }
    return try body(&state)
  }

  /// Changes the state and wakes one of those who wait, whoever it is.
  func changeForOne<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer {
      let sleeping = sleepers > 0
      pthread_mutex_unlock(mutex)
      if sleeping { pthread_cond_signal(condition) }
    }
    return try body(&state)
  }

  /// Sleeps until `take` gives something, and gives that; nil when `milliseconds` have passed.
  func wait<Result>(milliseconds: Int? = nil, _ take: (inout State) -> Result?) -> Result? {
    var deadline = timespec()
    if let milliseconds {
      clock_gettime(CLOCK_MONOTONIC, &deadline)
      deadline.tv_sec += milliseconds / 1000
      deadline.tv_nsec += milliseconds % 1000 * 1_000_000
      if deadline.tv_nsec >= 1_000_000_000 {
        deadline.tv_sec += 1
        deadline.tv_nsec -= 1_000_000_000
      }
    }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = take(&state) { return result }
      sleepers += 1
      let status =
        milliseconds == nil
        ? pthread_cond_wait(condition, mutex) : pthread_cond_timedwait(condition, mutex, &deadline)
      sleepers -= 1
      if status == ETIMEDOUT { return take(&state) }
    }
  }
}

/// Starts a thread that runs `body` once.
func startThread(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
  final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let start = Unmanaged.passRetained(Start(body))
  let status = pthread_create(
    &thread, nil,
    { context in
      if let context { Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, start.toOpaque())
  guard status == 0 else {
    start.release()
    throw ThreadError(code: status)
  }
  pthread_detach(thread)
}

/// The system gave no further thread.
struct ThreadError: Error, CustomStringConvertible {
  let code: Int32
  var description: String { "no further thread: \(String(cString: strerror(code)))" }
}
