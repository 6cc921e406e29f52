import Synchronization

/// Whether the task that waits for queued work was cancelled; work that has begun does not look.
final class Cancellation: Sendable {
  private let state = Atomic(false)

  var isSet: Bool { state.load(ordering: .relaxed) }

  func set() { state.store(true, ordering: .relaxed) }
}
