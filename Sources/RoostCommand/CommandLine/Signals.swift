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

  /// Returns at the first SIGTERM or SIGINT; a second one ends the program at once.
  static func waitForEnd() async {
    await withCheckedContinuation { continuation in
      let box = Box(continuation)
      var thread = pthread_t()
      let error = pthread_create(
        &thread, nil,
        { context in
          var set = Signals.ending
          var number: Int32 = 0
          sigwait(&set, &number)
          if let context {
            Unmanaged<Box>.fromOpaque(context).takeRetainedValue().continuation.resume()
          }
          sigwait(&set, &number)
          _exit(130)
        }, Unmanaged.passRetained(box).toOpaque())
      precondition(error == 0, "the thread that waits for signals cannot be started")
      pthread_detach(thread)
    }
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

  private final class Box: Sendable {
    let continuation: CheckedContinuation<Void, Never>
    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }
  }
}
