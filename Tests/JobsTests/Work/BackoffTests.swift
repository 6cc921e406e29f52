import Jobs
import RoostCore
import Testing

@Suite struct BackoffTests {
  @Test(
    arguments: [
      (1, 2000), (2, 4000), (3, 8000), (11, 2_048_000), (12, 3_600_000), (1000, 3_600_000),
      (Int.max, 3_600_000), (0, 2000),
    ] as [(Int, Int64)])
  func boundsDoubleUpToALimit(_ attempts: Int, _ bound: Int64) {
    #expect(Backoff().bound(after: attempts) == bound)
  }

  @Test func delaysLieAnywhereBelowTheBound() {
    let random = SystemRandom()
    let delays = (0..<500).map { _ in Backoff().delay(after: 1, random: random) }
    #expect(delays.allSatisfy { (0...2000).contains($0) })
    #expect(delays.contains { $0 < 500 })
    #expect(delays.contains { $0 > 1500 })
    #expect(Backoff(baseMilliseconds: 0).delay(after: 5, random: random) == 0)
  }
}
