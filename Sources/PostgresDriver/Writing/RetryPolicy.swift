import RoostCore

/// What becomes of a transaction that PostgreSQL refused for the sake of others, or lost.
///
/// As a whole it runs again a few times; then its bodies run alone, where they meet others for a
/// shorter time; then their callers are told.
struct RetryPolicy: Equatable {
  enum Cause { case conflict, staleStatement, lostConnection }

  enum Step: Equatable {
    /// Run it again after so many milliseconds.
    case again(afterMilliseconds: Int)
    /// Run each body in a transaction of its own, now.
    case alone
    case giveUp
  }

  /// Runs again, at most.
  static let limit = 5
  /// Those of them that are of the whole transaction.
  static let together = 3
  /// A lost connection may be found again; a second loss says that the server is away.
  static let losses = 2

  private(set) var runs = 0
  private(set) var lost = 0

  /// `jitter` lies between 0 and 1.
  mutating func next(after cause: Cause, isAlone: Bool, jitter: Double) -> Step {
    if cause == .lostConnection {
      lost += 1
      return lost > RetryPolicy.losses ? .giveUp : .again(afterMilliseconds: 0)
    }
    guard runs < RetryPolicy.limit else { return .giveUp }
    if runs >= RetryPolicy.together, !isAlone { return .alone }
    runs += 1
    // A statement that has gone stale is prepared afresh; nothing has to pass first.
    guard cause == .conflict else { return .again(afterMilliseconds: 0) }
    let longest = Double(4 << runs)
    return .again(afterMilliseconds: Int(longest * (0.5 + jitter / 2)))
  }
}
