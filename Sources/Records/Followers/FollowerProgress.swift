import Synchronization

/// How far a follower is, for those who read what it keeps right after a write.
final class FollowerProgress: Sendable {
  private struct Waiter {
    let place: LogPlace
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    /// Nil until the follower has looked for the first time.
    var place: LogPlace?
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
    var hurry: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// Whether everything up to `place` was taken into account; false before the follower has looked.
  func covers(_ place: LogPlace) -> Bool { state.withLock { $0.place?.covers(place) == true } }

  /// How far it is; nil before it has looked.
  var place: LogPlace? { state.withLock { $0.place } }
  /// Whether it was begun: else another process keeps it.
  var isBegun: Bool { state.withLock { $0.hurry != nil } }

  /// Takes the function that has the follower look at the log at once.
  func begin(hurry: @escaping @Sendable () -> Void) { state.withLock { $0.hurry = hurry } }

  /// Says how far the follower is.
  func reached(_ place: LogPlace) {
    let ready = state.withLock { state -> [Waiter] in
      var reached = state.place ?? .start
      reached.advance(to: place)
      state.place = reached
      let ready = state.waiters.filter { reached.covers($0.value.place) }
      for key in ready.keys { state.waiters[key] = nil }
      return Array(ready.values)
    }
    for waiter in ready { waiter.continuation.resume() }
  }

  /// Waits until `reached` is called with `position` or a later one, but `milliseconds` at most.
  func wait(for place: LogPlace, milliseconds: UInt64) async {
    state.withLock { $0.hurry }?()
    await withCheckedContinuation { continuation in
      let waiter = state.withLock { state -> Int? in
        if state.place?.covers(place) == true { return nil }
        state.nextWaiter += 1
        state.waiters[state.nextWaiter] = Waiter(place: place, continuation: continuation)
        return state.nextWaiter
      }
      guard let waiter else { return continuation.resume() }
      Task {
        try? await Task.sleep(nanoseconds: milliseconds * 1_000_000)
        self.giveUp(waiter)
      }
    }
  }

  private func giveUp(_ waiter: Int) {
    state.withLock { $0.waiters.removeValue(forKey: waiter) }?.continuation.resume()
  }
}
