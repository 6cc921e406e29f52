import Synchronization
import Testing

@testable import RoostCore

@Suite struct OffloadPoolTests {
  /// Holds a pool's threads until it is opened.
  private final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)
    let entered = Atomic<Int>(0)

    func open() { isOpen.store(true, ordering: .releasing) }

    func pass() {
      entered.add(1, ordering: .relaxed)
      while !isOpen.load(ordering: .acquiring) { spin() }
    }

    /// Waits until so many pieces of work hold a thread.
    func waitFor(_ count: Int) async {
      while entered.load(ordering: .relaxed) < count { await Task.yield() }
    }

    private func spin() { _ = SystemTime().monotonicNanoseconds() }
  }

  private struct Failure: Error {}

  private func code(_ error: (any Error)?) -> ErrorCode? { (error as? RoostError)?.code }

  @Test func workGivesItsResultOrItsError() async throws {
    let pool = OffloadPool(threads: 2, queued: 8, name: "test")
    #expect(try await pool.run { 6 * 7 } == 42)
    await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
    pool.stop()
  }

  @Test func aFullQueueRefusesWithATimeToComeBack() async throws {
    let pool = OffloadPool(threads: 1, queued: 1, name: "test")
    let gate = Gate()
    async let running: Void = pool.run { gate.pass() }
    await gate.waitFor(1)
    async let waiting = pool.run { 1 }
    while pool.waiting < 1 { await Task.yield() }
    let refused = await #expect(throws: RoostError.self) { try await pool.run { 2 } }
    #expect(refused?.code == .overloaded)
    #expect(refused?.retryAfterSeconds == 1)
    gate.open()
    try await running
    #expect(try await waiting == 1)
    #expect(try await pool.run { 4 } == 4)
    pool.stop()
  }

  @Test func aTaskCancelledBeforeItsWorkStartsIsToldSo() async throws {
    let pool = OffloadPool(threads: 1, queued: 4, name: "test")
    let gate = Gate()
    async let running: Void = pool.run { gate.pass() }
    await gate.waitFor(1)
    let ran = Gate()
    let waiting = Task { try await pool.run { ran.entered.add(1, ordering: .relaxed) } }
    while pool.waiting < 1 { await Task.yield() }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    gate.open()
    try await running
    // The thread is free again, and the cancelled work never ran.
    #expect(try await pool.run { 1 } == 1)
    #expect(ran.entered.load(ordering: .relaxed) == 0)
    pool.stop()
  }

  @Test func stoppingRefusesWhatWaitsAndFinishesWhatRuns() async throws {
    let pool = OffloadPool(threads: 1, queued: 4, name: "test")
    let gate = Gate()
    async let running = pool.run {
      gate.pass()
      return 5
    }
    await gate.waitFor(1)
    let waiting = Task { try await pool.run { 6 } }
    while pool.waiting < 1 { await Task.yield() }
    pool.stop()
    let refusal = await Result.of { try await waiting.value }
    if case .failure(let error) = refusal {
      #expect(code(error) == .draining)
    } else {
      Issue.record("work ran after the pool was stopped")
    }
    gate.open()
    #expect(try await running == 5)
    let late = await Result.of { try await pool.run { 7 } }
    if case .failure(let error) = late { #expect(code(error) == .draining) }
    #expect((try? late.get()) == nil)
  }

  @Test func manyPiecesOfWorkAllFinish() async throws {
    let pool = OffloadPool(threads: 3, queued: 1000, name: "test")
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<500 { group.addTask { try await pool.run { number } } }
      return try await group.reduce(0, +)
    }
    #expect(sum == 124_750)
    pool.stop()
  }
}

extension Result where Failure == any Error {
  fileprivate static func of(_ body: () async throws -> Success) async -> Result {
    do {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
}
