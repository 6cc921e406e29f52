import Queries
import RoostCore
import Synchronization
import Testing

@testable import PostgresDriver

/// A clock that stands still.
private final class StillTime: TimeSource {
  let nanoseconds: UInt64
  init(milliseconds: UInt64) { nanoseconds = milliseconds * 1_000_000 }
  func now() -> Timestamp { Timestamp(milliseconds: 0) }
  func monotonicNanoseconds() -> UInt64 { nanoseconds }
}

/// A clock that stands until it is moved.
private final class MovedTime: TimeSource {
  private let nanoseconds = Mutex<UInt64>(1_000_000_000)
  func now() -> Timestamp { Timestamp(milliseconds: 0) }
  func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
  func advance(_ milliseconds: UInt64) { nanoseconds.withLock { $0 += milliseconds * 1_000_000 } }
}

/// Each look is a millisecond before the one before it, from the third on.
private final class BackwardTime: TimeSource {
  private let looks = Mutex<UInt64>(0)
  func now() -> Timestamp { Timestamp(milliseconds: 0) }
  func monotonicNanoseconds() -> UInt64 {
    looks.withLock { looks in
      looks += 1
      return 1_000_000_000 - (looks < 3 ? 0 : (looks - 2) * 1_000_000)
    }
  }
}

/// What the driver decides without a server: retries, outcomes, reconnections.
@Suite struct DecisionTests {
  @Test func `a conflict runs the whole again, then its bodies alone, five times in all`() {
    var policy = RetryPolicy()
    for _ in 0..<3 {
      guard case .again = policy.next(after: .conflict, isAlone: false, jitter: 0.5) else {
        Issue.record("the whole runs again")
        return
      }
    }
    #expect(policy.next(after: .conflict, isAlone: false, jitter: 0.5) == .alone)
    for _ in 0..<2 {
      guard case .again = policy.next(after: .conflict, isAlone: true, jitter: 0.5) else {
        Issue.record("the body runs again")
        return
      }
    }
    #expect(policy.next(after: .conflict, isAlone: true, jitter: 0.5) == .giveUp)
  }

  @Test func `pauses grow and differ`() {
    var short = RetryPolicy()
    var long = RetryPolicy()
    var last = 0
    for _ in 0..<3 {
      guard case .again(let least) = short.next(after: .conflict, isAlone: false, jitter: 0),
        case .again(let most) = long.next(after: .conflict, isAlone: false, jitter: 1)
      else {
        Issue.record("runs again")
        return
      }
      #expect(least < most)
      #expect(most > last)
      last = most
    }
    #expect(last <= 100)
  }

  @Test func `a stale statement runs again at once`() {
    var policy = RetryPolicy()
    #expect(
      policy.next(after: .staleStatement, isAlone: false, jitter: 1)
        == .again(afterMilliseconds: 0))
  }

  @Test func `the third lost connection ends it`() {
    var policy = RetryPolicy()
    let steps = (0..<3).map { _ in policy.next(after: .lostConnection, isAlone: true, jitter: 0) }
    #expect(
      steps == [.again(afterMilliseconds: 0), .again(afterMilliseconds: 0), .giveUp])
  }

  @Test(
    arguments: [
      (5, 5, .committed), (5, 4, .undone), (5, 0, .undone), (5, 6, .unknown), (5, nil, .unknown),
    ] as [(Int64, Int64?, CommitOutcome)])
  func `the number in the writer's row tells how a commit ended`(
    sent: Int64, found: Int64?, expected: CommitOutcome
  ) {
    #expect(CommitOutcome(sent: sent, found: found) == expected)
  }

  @Test func `connecting is tried again after pauses that double to a bound`() {
    var reconnection = Reconnection()
    let failure = PostgresFailure(connection: "refused")
    var now: UInt64 = 1_000
    #expect(reconnection.failure(at: now) == nil)
    reconnection.failed(failure, at: now)
    #expect(reconnection.failure(at: now) == nil)
    var pauses: [UInt64] = []
    for _ in 0..<8 {
      reconnection.failed(failure, at: now)
      var pause: UInt64 = 0
      while reconnection.failure(at: now + pause) != nil { pause += 10_000_000 }
      pauses.append(pause / 1_000_000)
      now += pause
    }
    #expect(pauses == [50, 100, 200, 400, 800, 1600, 2000, 2000])
    reconnection.succeeded()
    #expect(reconnection.failure(at: now) == nil)
  }

  private struct Attempt {
    let time = MovedTime()
    let reach: ServerReach
    init() { reach = ServerReach(time) }

    /// One that takes so many milliseconds; `body` runs meanwhile.
    func callAsFunction(
      fails: Bool, _ milliseconds: UInt64 = 1, _ body: () -> Void = {}
    ) {
      try? reach.attempt { () throws(PostgresFailure) in
        body()
        time.advance(milliseconds)
        if fails { throw PostgresFailure(connection: "refused") }
      }
    }
  }

  @Test func `a server is out from a failed attempt to connect to the next good one`() {
    let attempt = Attempt()
    #expect(!attempt.reach.isOut)
    attempt(fails: false)
    #expect(!attempt.reach.isOut)
    attempt(fails: true)
    #expect(attempt.reach.isOut)
    attempt.time.advance(9000)
    attempt(fails: true)
    attempt.time.advance(9000)
    #expect(attempt.reach.isOut)
    attempt(fails: false)
    #expect(!attempt.reach.isOut)
  }

  @Test func `a failure that began before another attempt succeeded says nothing`() {
    let attempt = Attempt()
    attempt(fails: true, 5) { attempt(fails: false) }
    #expect(!attempt.reach.isOut)
    // One that began later does.
    attempt(fails: false)
    attempt(fails: true)
    #expect(attempt.reach.isOut)
  }

  @Test func `a failure after which nobody has to try again is forgotten`() {
    let attempt = Attempt()
    attempt(fails: true)
    attempt.time.advance(9999)
    #expect(attempt.reach.isOut)
    attempt.time.advance(1)
    #expect(!attempt.reach.isOut)
    // But not while somebody tries, however long nobody answers.
    attempt(fails: true)
    attempt(fails: true, 60_000) {
      attempt.time.advance(60_000)
      #expect(attempt.reach.isOut)
    }
  }

  @Test func `a statement is cancelled at its deadline and given up five seconds later`() {
    var bound = WaitBound(time: StillTime(milliseconds: 100), milliseconds: 0)
    #expect(bound.next() == .cancel)
    #expect(bound.next() == .wait(250))
    var open = WaitBound(time: StillTime(milliseconds: 100), milliseconds: nil)
    #expect(open.next() == .wait(1000))
    var watched = WaitBound(
      time: StillTime(milliseconds: 100), milliseconds: 5000, cancellation: Cancellation())
    #expect(watched.next() == .wait(100))
    let cancellation = Cancellation()
    cancellation.set()
    var cancelled = WaitBound(
      time: StillTime(milliseconds: 100), milliseconds: 5000, cancellation: cancellation)
    #expect(cancelled.next() == .cancel)
    // The clocks of two processors may differ, and a thread moves between them.
    var back = WaitBound(time: BackwardTime(), milliseconds: 0)
    #expect(back.next() == .cancel)
    #expect(back.next() == .wait(250))
  }

  @Test func `the server is asked again to stop a statement with which it had not begun`() {
    let time = MovedTime()
    var bound = WaitBound(time: time, milliseconds: 0)
    var requests = 0
    var waited = 0
    steps: while waited < 60_000 {
      switch bound.next() {
      case .cancel: requests += 1
      case .wait(let milliseconds):
        waited += Int(milliseconds)
        time.advance(UInt64(milliseconds))
      case .giveUp: break steps
      }
    }
    #expect(requests == 20)
    #expect(waited == 5000)
  }

  @Test(arguments: [
    ("password authentication failed for user \"a\"", "PGPASSWORD"),
    ("fe_sendauth: no password supplied", "PGPASSWORD"),
    ("database \"a\" does not exist", "CREATE DATABASE"),
    ("role \"a\" does not exist", "CREATE ROLE"),
    ("no pg_hba.conf entry for host", "pg_hba.conf"),
    ("sorry, too many clients already", "max_connections"),
    ("server certificate for \"a\" does not match host name \"b\"", "sslmode"),
    ("could not translate host name \"x\" to address", "host"),
    ("the database system is starting up", "again"),
    ("Connection refused", "cannot be reached"),
  ])
  func `what hinders the opening comes with what to do`(message: String, advice: String) {
    let error = OpeningProblem.connecting(PostgresFailure(connection: message))
    #expect(error.description.contains(advice))
  }
}
