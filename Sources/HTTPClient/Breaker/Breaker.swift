/// A circuit breaker: after too many failures a target is left alone for a while, and then tried with
/// one request.
///
/// A state machine without a clock of its own: times are milliseconds of any clock that does not go
/// back. (Nygard, "Release It!", 2007.)
package struct Breaker: Sendable {
  package enum State: String, Sendable {
    case closed
    case open
    case halfOpen = "half open"
  }

  /// What a request came to, as far as the target is concerned.
  package enum Outcome: Sendable, Equatable {
    case success
    /// In transport, or 5xx.
    case failure
    /// The target does not accept our credentials: trying on would be of no use.
    case credentials
    /// Nothing that speaks about the target, such as a request that was given up.
    case neutral
  }

  package enum Admission: Sendable, Equatable {
    case go
    /// The one request that tries a target that was left alone.
    case probe
    /// Not now; there may be another look after so many milliseconds.
    case wait(milliseconds: Int64)
  }

  /// How many outcomes are looked at, and from how many on.
  static let window = 50
  static let fewest = 10
  static let shortestMilliseconds: Int64 = 5_000
  static let longestMilliseconds: Int64 = 300_000
  /// A probe of which nothing is heard for so long is taken for lost.
  static let probeMilliseconds: Int64 = 120_000
  static let lookMilliseconds: Int64 = 1_000

  package private(set) var state = State.closed
  /// When a target that is left alone is tried again.
  package private(set) var until: Int64 = 0
  /// Whether it was opened because the target does not accept our credentials.
  package private(set) var refusesCredentials = false
  /// Whether each of the last requests failed, the oldest first.
  private var failures: [Bool] = []
  /// How often it was opened without a success in between.
  private var openings = 0

  package init() {}

  /// Whether a request may be made now.
  package mutating func admit(at now: Int64) -> Admission {
    switch state {
    case .closed: return .go
    case .open, .halfOpen:
      guard now >= until else {
        // What becomes of a probe is known soon.
        let left = until - now
        return .wait(milliseconds: state == .halfOpen ? min(left, Breaker.lookMilliseconds) : left)
      }
      state = .halfOpen
      until = now + Breaker.probeMilliseconds
      return .probe
    }
  }

  /// Takes the outcome of an admitted request into account.
  ///
  /// `floor` is for how long the target asked to be left alone.
  package mutating func record(
    _ outcome: Outcome, isProbe: Bool, at now: Int64, floorMilliseconds floor: Int64 = 0
  ) {
    switch outcome {
    case .neutral:
      // A probe that says nothing leaves the place to another one.
      if isProbe, state == .halfOpen { until = now }
    case .credentials:
      open(at: now, floor)
      refusesCredentials = true
    case .success:
      if isProbe {
        self = Breaker()
      } else if state == .closed {
        note(false)
      }
    case .failure:
      if isProbe { return open(at: now, floor) }
      guard state == .closed else { return }
      note(true)
      let failed = failures.count { $0 }
      if failures.count >= Breaker.fewest, failed * 2 >= failures.count { open(at: now, floor) }
    }
  }

  private mutating func note(_ isFailure: Bool) {
    failures.append(isFailure)
    if failures.count > Breaker.window { failures.removeFirst() }
  }

  private mutating func open(at now: Int64, _ floor: Int64) {
    let doublings = min(openings, 10)
    let pause = min(Breaker.shortestMilliseconds << Int64(doublings), Breaker.longestMilliseconds)
    openings += 1
    state = .open
    refusesCredentials = false
    until = now + max(pause, min(floor, Breaker.longestMilliseconds))
    failures = []
  }
}
