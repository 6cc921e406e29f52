package import Queries
import RoostCore
import Synchronization

/// What a transaction did to the queue that somebody in this process may wait for.
enum QueueEffect: Effect {
  case added
  case cancelRequested(UUID)
}

/// Tells the runner of this process what was committed: a step before the commit that does nothing
/// before it.
package final class JobSignal: PreCommit {
  private struct State {
    var wake: (@Sendable () -> Void)?
    var cancel: (@Sendable (UUID) -> Void)?
  }

  private let state = Mutex(State())

  package init() {}

  /// Has `wake` called when jobs were added, and `cancel` when one that runs is to stop.
  func connect(
    wake: @escaping @Sendable () -> Void, cancel: @escaping @Sendable (UUID) -> Void
  ) {
    state.withLock { state in
      state.wake = wake
      state.cancel = cancel
    }
  }

  package func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {}

  package func committed(_ effects: [any Effect]) {
    var isAdded = false
    var cancelled: [UUID] = []
    // An import has thousands of others: comparing types costs less than trying a cast.
    for effect in effects where type(of: effect) == QueueEffect.self {
      switch effect as? QueueEffect {
      case .added: isAdded = true
      case .cancelRequested(let id): cancelled.append(id)
      case nil: continue
      }
    }
    guard isAdded || !cancelled.isEmpty else { return }
    let (wake, cancel) = state.withLock { ($0.wake, $0.cancel) }
    if isAdded { wake?() }
    for id in cancelled { cancel?(id) }
  }
}
