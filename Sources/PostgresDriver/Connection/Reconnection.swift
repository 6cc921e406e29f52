/// When to try again to connect: at once after the first failure, then after pauses that double.
struct Reconnection {
  private static let shortest: UInt64 = 50_000_000
  private static let longest: UInt64 = 2_000_000_000

  private var last: PostgresFailure?
  private var pause: UInt64 = 0
  private var next: UInt64 = 0

  /// The failure to answer with while it is too early to try again.
  func failure(at now: UInt64) -> PostgresFailure? { now < next ? last : nil }

  var hasFailed: Bool { last != nil }

  mutating func succeeded() { self = Reconnection() }

  mutating func failed(_ failure: PostgresFailure, at now: UInt64) {
    last = failure
    next = now + pause
    pause = pause == 0 ? Reconnection.shortest : min(pause * 2, Reconnection.longest)
  }
}
