import Queries
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
  private var work: WorkLimit?
  private var workSteps = 0
  private var workBegan: UInt64 = 0
  /// The limit of the body's own is spent; its queries throw until it sets another.
  private(set) var isWorkSpent = false
  /// Looks at the clock of the thread cost a call of the system, so not every tick takes one.
  private static let ticksPerLook = 4
  private let threadNanoseconds: @Sendable () -> UInt64

  init(
    interval: Int, time: any TimeSource, threadNanoseconds: @escaping @Sendable () -> UInt64
  ) {
    self.interval = interval
    self.time = time
    self.threadNanoseconds = threadNanoseconds
  }

  /// Begins to measure the work of the queries that follow.
  func limit(_ work: WorkLimit?) {
    self.work = work
    isWorkSpent = false
    guard work != nil else { return }
    workSteps = 0
    workBegan = threadNanoseconds()
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
    limit(nil)
  }

  /// Counts `interval` steps; true when a bound is spent.
  func tick() -> Bool {
    if let work, isSpent(work) { isWorkSpent = true }
    return isReadSpent() || isWorkSpent
  }

  private func isSpent(_ work: WorkLimit) -> Bool {
    workSteps += interval
    guard workSteps >= work.freeSteps,
      workSteps / interval % ReadGuard.ticksPerLook == 0
    else { return false }
    let spent = threadNanoseconds() &- workBegan
    return spent >= UInt64(max(0, work.milliseconds)) * 1_000_000
  }

  private func isReadSpent() -> Bool {
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
