import RoostCore
import Synchronization
import Testing

@testable import Sync

@Suite("The turnstile of large requests")
struct TurnstileTests {
  private struct Fault: Error {}

  /// The weight inside now, and the most that ever was.
  private final class Scale: Sendable {
    private let state = Mutex((now: 0, most: 0))

    func add(_ weight: Int) {
      state.withLock { state in
        state.now += weight
        state.most = max(state.most, state.now)
      }
    }

    var most: Int { state.withLock { $0.most } }
  }

  @Test(arguments: [(1, 4), (2, 4), (4, 4)])
  func noMoreIsInsideThanTheBound(_ weight: Int, _ bound: Int) async throws {
    let turnstile = Turnstile(capacity: bound)
    let scale = Scale()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<600 {
        group.addTask {
          try await turnstile.through(weight) {
            scale.add(weight)
            await Task.yield()
            scale.add(-weight)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(scale.most <= bound)
    #expect(turnstile.weight == 0)
  }

  @Test func whatIsHeavierThanTheBoundGoesInAlone() async throws {
    let turnstile = Turnstile(capacity: 4)
    let inside = try await turnstile.through(100) { turnstile.weight }
    #expect(inside == 4)
    #expect(turnstile.weight == 0)
  }

  @Test func whoFailsLeaves() async throws {
    let turnstile = Turnstile(capacity: 1)
    await #expect(throws: Fault.self) { try await turnstile.through(1) { throw Fault() } }
    let answer = try await turnstile.through(1) { 7 }
    #expect(answer == 7)
  }
}
