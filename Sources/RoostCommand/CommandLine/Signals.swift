import Glibc
import Synchronization

/// The signals that end a server: blocked in every thread there, and taken by one that waits.
enum Signals {
  /// Ignores SIGPIPE, and blocks SIGTERM and SIGINT where somebody will take them.
  ///
  /// Called before any thread is started, so that all of them inherit it.
  static func prepare(takesEnding: Bool) {
    signal(SIGPIPE, SIG_IGN)
    guard takesEnding else { return }
    var set = ending
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// From here on SIGTERM and SIGINT end the program at once, until `waitForEnd` or `takeEnding` is
  /// called: a start may wait for others, and what it does is safe to be broken off anywhere.
  ///
  /// Called in a program that was prepared for it; does nothing the second time.
  static func watch() {
    let isWatched = state.withLock { state in
      defer { state.isWatched = true }
      return state.isWatched
    }
    if isWatched { return }
    var thread = pthread_t()
    let error = pthread_create(
      &thread, nil,
      { _ in
        while true {
          var set = Signals.ending
          var number: Int32 = 0
          sigwait(&set, &number)
          Signals.take(number)
        }
      }, nil)
    precondition(error == 0, "the thread that waits for signals cannot be started")
    pthread_detach(thread)
  }

  /// From here on the first SIGTERM or SIGINT is kept for `waitForEnd`.
  static func takeEnding() {
    state.withLock { $0.isTaken = true }
    watch()
  }

  /// Returns at the first SIGTERM or SIGINT; a second one ends the program at once.
  static func waitForEnd() async {
    takeEnding()
    await withCheckedContinuation { continuation in
      let hasCome = state.withLock { state in
        if !state.hasCome { state.waiting = continuation }
        return state.hasCome
      }
      if hasCome { continuation.resume() }
    }
  }

  private struct State {
    var isWatched = false
    /// Whether somebody waits for the signals, or will.
    var isTaken = false
    var hasCome = false
    var waiting: CheckedContinuation<Void, Never>?
  }
  private static let state = Mutex(State())

  private static func take(_ number: Int32) {
    let (isTaken, hadCome, waiting) = state.withLock { state in
      defer {
        state.hasCome = state.isTaken
        state.waiting = nil
      }
      return (state.isTaken, state.hasCome, state.waiting)
    }
    if hadCome { _exit(130) }
    guard isTaken else { return end(number) }
    waiting?.resume()
  }

  /// Ends the program as the signal does that nobody takes.
  private static func end(_ number: Int32) {
    var set = ending
    signal(number, SIG_DFL)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    raise(number)
  }

  private static let wasHungUp = Atomic<Bool>(false)

  /// From here on SIGHUP does not end the program: it is remembered until somebody takes it.
  static func takeHangups() {
    // Made here, since the handler may not.
    wasHungUp.store(false, ordering: .relaxed)
    signal(SIGHUP) { _ in Signals.wasHungUp.store(true, ordering: .relaxed) }
  }

  /// Whether SIGHUP came since the last call.
  static func takeHangup() -> Bool { wasHungUp.exchange(false, ordering: .relaxed) }

  private static var ending: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }
}
