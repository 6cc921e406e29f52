import Glibc
import Synchronization

/// Holds a thread until it is opened.
final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  private let isEntered = Atomic<Bool>(false)

  func open() { isOpen.store(true, ordering: .releasing) }

  func pass() {
    isEntered.store(true, ordering: .releasing)
    while !isOpen.load(ordering: .acquiring) { sched_yield() }
  }

  func waitUntilEntered() async {
    while !isEntered.load(ordering: .acquiring) { await Task.yield() }
  }
}
