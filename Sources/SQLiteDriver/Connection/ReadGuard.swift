import RoostCore

/// The bound of the read that runs on a connection: steps, or a deadline, or none.
///
/// SQLite calls `tick` every `interval` steps of its virtual machine and stops the statement when it
/// answers true.
final class ReadGuard {
  /// Steps between two looks; small against the budget, large against the cost of a look.
  let interval: Int
  private let time: any TimeSource
  private var stepsLeft = Int.max
  private var deadline = UInt64.max
  /// The bound is spent; every further query of the read throws.
  private(set) var isSpent = false

  init(interval: Int, time: any TimeSource) {
    self.interval = interval
    self.time = time
  }

  /// Starts a read of at most `steps` steps, give or take `interval`.
  func begin(steps: Int) {
    stepsLeft = steps
    deadline = .max
    isSpent = false
  }

  /// Starts a read that ends `milliseconds` from now.
  func begin(milliseconds: Int) {
    stepsLeft = .max
    deadline = time.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    isSpent = false
  }

  /// No bound any more.
  func end() {
    stepsLeft = .max
    deadline = .max
    isSpent = false
  }

  /// Counts `interval` steps; true when the bound is spent.
  func tick() -> Bool {
    if stepsLeft != .max {
      stepsLeft -= interval
      if stepsLeft < 0 { isSpent = true }
    } else if deadline != .max, time.monotonicNanoseconds() >= deadline {
      isSpent = true
    }
    return isSpent
  }
}

/// A read was stopped because its bound is spent; never leaves the driver.
struct ReadStopped: Error {}
