import Dispatch
import Synchronization
import Testing

/// A gate that threads of a driver wait at until a test opens it.
package final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  package init() {}

  package func open() { semaphore.signal() }

  /// Waits, for minutes if need be, and lets the next one through as well.
  package func pass() {
    let outcome = semaphore.wait(timeout: .now() + 600)
    #expect(outcome == .success, "the gate was never opened")
    semaphore.signal()
  }
}

/// A value that bodies and tests share.
package final class Shared<Value: Sendable>: Sendable {
  private let state: Mutex<Value>

  package init(_ value: Value) { state = Mutex(value) }

  package var value: Value { state.withLock { $0 } }

  @discardableResult
  package func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
    state.withLock { body(&$0) }
  }
}

/// Waits until `condition` holds, for a minute at most; says whether it does.
package func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
  for _ in 0..<12_000 {
    if try await condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return false
}
