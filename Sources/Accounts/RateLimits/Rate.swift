/// How often something may happen: `count` times in `seconds`, and `burst` times at once after a rest.
package struct Rate: Sendable, Equatable {
  package let count: Int
  package let seconds: Int
  package let burst: Int

  package init(count: Int, seconds: Int, burst: Int) {
    precondition(count > 0 && seconds > 0 && burst > 0, "a rate lets something through")
    self.count = count
    self.seconds = seconds
    self.burst = burst
  }

  /// So often that it never refuses; for imports, benchmarks and tests.
  package static let unlimited = Rate(count: 1_000_000_000, seconds: 1, burst: 1_000_000_000)

  /// The time between two that follow each other evenly.
  var intervalNanoseconds: UInt64 { UInt64(seconds) * 1_000_000_000 / UInt64(count) }
}
