import CLinux
package import Cryptography
import Glibc
package import RoostCore
import Synchronization
package import Transport

/// An HTTP/1.1 server: one event loop for each core, each with a listener on the same port
/// (`SO_REUSEPORT`), and each request handled on the thread that read it.
package final class Server: Sendable {
  private struct State {
    var loops: [EventLoop] = []
    var tls: TLSSource?
    var running = 0
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let configuration: HTTPServerConfiguration
  private let application: any Application
  private let ambient: Ambient
  private let state = Mutex(State())

  package init(
    configuration: HTTPServerConfiguration, application: any Application, ambient: Ambient
  ) {
    self.configuration = configuration
    self.application = application
    self.ambient = ambient
  }

  /// Listens and serves; returns the port, which is the configured one unless that is 0.
  ///
  /// Throws where the address cannot be had, with a message that says what to do.
  package func start() throws -> Int {
    guard state.withLock({ $0.loops.isEmpty }) else {
      throw RoostError(.conflict, "This server was started already: make another one.")
    }
    let count = configuration.loops > 0 ? configuration.loops : Processors.available
    let (listeners, port) = try Listener.open(
      host: configuration.host, port: configuration.port, count: count)
    let shared = SharedBounds(configuration)
    let loops = listeners.map { listener in
      EventLoop(
        listener: listener, application: application, ambient: ambient,
        configuration: configuration, shared: shared,
        onFinish: { [weak self] in self?.loopFinished() })
    }
    state.withLock {
      $0.loops = loops
      $0.tls = shared.tls
      $0.running = loops.count
    }
    for loop in loops { try Server.startThread(loop) }
    return port
  }

  /// Stops: accepts what is queued, closes the listener, answers every request whose head was
  /// received, and returns once all connections are closed.
  ///
  /// After `limits.drainSeconds` the handlers that still run are cancelled, and a second later
  /// their connections are closed.
  package func drain() async {
    let loops = state.withLock { $0.loops }
    for loop in loops { loop.performLater { loop.drain() } }
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.running > 0 { state.waiters.append(continuation) }
        return state.running == 0
      }
      if isOver { continuation.resume() }
    }
  }

  /// Offers something else to the connections that come from now on; those that are there stay.
  package func replaceTLS(_ context: TLSContext) {
    state.withLock { $0.tls }?.replace(with: context)
  }

  /// What was done since the start.
  package var statistics: HTTPServerStatistics {
    var sum = HTTPServerStatistics()
    for loop in state.withLock({ $0.loops }) { loop.counters.add(to: &sum) }
    return sum
  }

  private func loopFinished() {
    let waiters = state.withLock { state in
      state.running -= 1
      guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
      let waiters = state.waiters
      state.waiters = []
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private static func startThread(_ loop: EventLoop) throws {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(loop)
    let error = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run() }
        return nil
      }, context.toOpaque())
    guard error == 0 else {
      context.release()
      throw RoostError(
        .overloaded, "A thread cannot be started: \(String(cString: strerror(error))).")
    }
    pthread_detach(thread)
  }
}
