import RoostCore

/// How long the answer to a statement is waited for: to a deadline, at which the statement is
/// cancelled, and a little longer for the answer to that.
///
/// The server is asked more than once: a request that comes before the server has begun with the
/// statement stops nothing, and the statement would run on after the connection is given up.
struct WaitBound {
  enum Step: Equatable {
    /// Look at the socket for so many milliseconds at most.
    case wait(Int32)
    /// Ask the server to stop the statement.
    case cancel
    /// The server does not even answer that.
    case giveUp
  }

  /// Milliseconds between two looks at the cancellation of the caller.
  private static let slice: Int64 = 100
  /// Milliseconds after the deadline in which the answer must come.
  private static let grace: Int64 = 5000
  /// Milliseconds between two requests to stop the statement.
  private static let again: Int64 = 250

  private let time: any TimeSource
  /// Of the monotonic clock, in nanoseconds.
  private var deadline: UInt64
  private let cancellation: Cancellation?
  /// Called at each look.
  private let tick: (() -> Void)?
  private(set) var isCancelled = false
  /// When the server was last asked to stop the statement.
  private var asked: UInt64 = 0

  init(
    time: any TimeSource, milliseconds: Int?, cancellation: Cancellation? = nil,
    tick: (() -> Void)? = nil
  ) {
    self.time = time
    self.tick = tick
    self.cancellation = cancellation
    if let milliseconds {
      deadline = time.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
    } else {
      deadline = .max
    }
  }

  /// The same bound, or the time that is left to `deadline` if that is less.
  func tightened(to deadline: UInt64?) -> WaitBound {
    guard let deadline, deadline < self.deadline, !isCancelled else { return self }
    var bound = self
    bound.deadline = deadline
    return bound
  }

  mutating func next() -> Step {
    tick?()
    let now = time.monotonicNanoseconds()
    if !isCancelled {
      if cancellation?.isSet == true || now >= deadline {
        isCancelled = true
        deadline = now
        asked = now
        return .cancel
      }
      guard deadline != .max else {
        return .wait(cancellation == nil ? 1000 : Int32(WaitBound.slice))
      }
      let left = Int64(clamping: (deadline - now) / 1_000_000) + 1
      return .wait(Int32(clamping: min(left, cancellation == nil ? 1000 : WaitBound.slice)))
    }
    let passed = Int64(clamping: time.nanoseconds(since: deadline) / 1_000_000)
    guard passed < WaitBound.grace else { return .giveUp }
    let sinceAsked = Int64(clamping: time.nanoseconds(since: asked) / 1_000_000)
    guard sinceAsked < WaitBound.again else {
      asked = now
      return .cancel
    }
    return .wait(Int32(clamping: min(WaitBound.grace - passed, WaitBound.again - sinceAsked)))
  }
}
