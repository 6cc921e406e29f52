import Synchronization

/// Lets work in, in the order in which it came, while what is inside weighs no more than a bound.
///
/// What many devices send or ask for at once would else stand in memory many times over, and be done
/// no sooner.
final class Turnstile: Sendable {
  private struct Waiter {
    let weight: Int
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var inside = 0
    var waiters: [Waiter] = []
    /// The waiters before it are in already.
    var first = 0
  }

  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = max(1, capacity) }

  /// Runs `body` when there is room for `weight`; one that is heavier than the bound goes in alone.
  func through<Result: Sendable>(
    _ weight: Int, _ body: () async throws -> Result
  ) async throws -> Result {
    let weight = min(max(1, weight), capacity)
    await enter(weight)
    defer { leave(weight) }
    return try await body()
  }

  /// What is inside weighs so much.
  var weight: Int { state.withLock { $0.inside } }

  private func enter(_ weight: Int) async {
    let isIn = state.withLock { state in
      guard state.first == state.waiters.count, state.inside + weight <= capacity else {
        return false
      }
      state.inside += weight
      return true
    }
    if isIn { return }
    await withCheckedContinuation { continuation in
      let isNow = state.withLock { state in
        // Somebody may have left in between.
        if state.first == state.waiters.count, state.inside + weight <= capacity {
          state.inside += weight
          return true
        }
        state.waiters.append(Waiter(weight: weight, continuation: continuation))
        return false
      }
      if isNow { continuation.resume() }
    }
  }

  private func leave(_ weight: Int) {
    let next = state.withLock { state in
      state.inside -= weight
      var next: [CheckedContinuation<Void, Never>] = []
      while state.first < state.waiters.count,
        state.inside + state.waiters[state.first].weight <= capacity
      {
        state.inside += state.waiters[state.first].weight
        next.append(state.waiters[state.first].continuation)
        state.first += 1
      }
      if state.first == state.waiters.count {
        state.waiters = []
        state.first = 0
      } else if state.first >= 256, state.first * 2 >= state.waiters.count {
        state.waiters.removeFirst(state.first)
        state.first = 0
      }
      return next
    }
    for continuation in next { continuation.resume() }
  }
}
