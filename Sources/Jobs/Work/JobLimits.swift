package import RoostCore

/// What the jobs of one kind may take: each kind has a lane of its own, so that none holds up another.
package struct JobLimits: Sendable {
  /// How many run at once in a process.
  package var concurrency: Int
  /// After so many attempts a job is dead.
  package var attempts: Int
  /// How long an attempt may take; nil for as long as its process lives.
  package var seconds: Int?
  package var backoff: Backoff

  package init(
    concurrency: Int = 4, attempts: Int = 10, seconds: Int? = nil, backoff: Backoff = Backoff()
  ) {
    self.concurrency = concurrency
    self.attempts = attempts
    self.seconds = seconds
    self.backoff = backoff
  }
}

/// How long a job waits before it is tried again: exponential with full jitter.
///
/// (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
package struct Backoff: Sendable {
  package var baseMilliseconds: Int64
  package var longestMilliseconds: Int64

  package init(baseMilliseconds: Int64 = 2000, longestMilliseconds: Int64 = 3_600_000) {
    self.baseMilliseconds = baseMilliseconds
    self.longestMilliseconds = longestMilliseconds
  }

  /// The most that a job waits after so many attempts.
  package func bound(after attempts: Int) -> Int64 {
    let doublings = min(max(attempts - 1, 0), 40)
    let (product, overflow) = baseMilliseconds.multipliedReportingOverflow(by: 1 << doublings)
    return overflow ? longestMilliseconds : min(product, longestMilliseconds)
  }

  /// Milliseconds to wait after so many attempts, from none to the bound.
  package func delay(after attempts: Int, random: any RandomSource) -> Int64 {
    let bound = bound(after: attempts)
    return bound <= 0 ? 0 : Int64(random.next() % UInt64(bound + 1))
  }
}
