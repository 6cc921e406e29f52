import Dispatch

/// A thread that can be waited for.
final class Work: Sendable {
  private let group = DispatchGroup()

  init(_ work: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "work").async(group: group, execute: DispatchWorkItem(block: work))
  }

  func join() { group.wait() }
}
