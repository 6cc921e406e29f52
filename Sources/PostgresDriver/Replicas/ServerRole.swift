import Synchronization

/// What a factory's connections lead to.
enum ServerRole: Sendable {
  /// The only server.
  case alone
  /// The server that has standbys, and where its commits have come to.
  case primary(CommitPositions)
  /// A standby; when it was last looked at.
  case standby(LookClock)

  var positions: CommitPositions? {
    if case .primary(let positions) = self { positions } else { nil }
  }

  var isStandby: Bool {
    if case .standby = self { true } else { false }
  }

  /// What is asked for the place behind a read.
  var question: StaticString { isStandby ? ServerPlace.ofStandby : ServerPlace.ofPrimary }

  /// Whether a connection may be read from where the reader must see what lies before `needed`.
  ///
  /// A standby that was started again may have gone back behind what it had; its old connections
  /// broke then. Until it was looked at again a new one vouches for what it found itself.
  func allows(_ connection: Connection, _ needed: UInt64) -> Bool {
    guard case .standby(let clock) = self else { return true }
    return connection.madeAt < clock.time || needed <= connection.floor
  }

  /// The fault of a connection that is not allowed.
  static let unseen = PostgresFailure(
    connection: "the standby was not looked at since it was reached")
}

/// When a standby was last looked at, of the monotonic clock in nanoseconds.
final class LookClock: Sendable {
  private let state = Atomic<UInt64>(0)

  var time: UInt64 { state.load(ordering: .acquiring) }

  /// A look that began at `time` is over, and what it found is known.
  func set(_ time: UInt64) { state.store(time, ordering: .releasing) }
}

/// What is asked of a read beside its result: how far the server was behind it, and what went wrong.
final class ReadReport: Sendable {
  private struct State {
    var place: ServerPlace?
    var fault: PostgresFailure?
  }

  private let state = Mutex(State())
  /// What a standby must have to answer the read.
  let needed: UInt64

  init(needed: UInt64 = 0) { self.needed = needed }

  /// At or beyond all that the read has seen.
  var place: ServerPlace? { state.withLock { $0.place } }
  /// The first statement's error.
  var fault: PostgresFailure? { state.withLock { $0.fault } }

  /// The read begins, or begins again.
  func begin() { state.withLock { $0 = State() } }

  func set(_ place: ServerPlace?) { state.withLock { $0.place = place } }

  func note(_ fault: PostgresFailure) {
    state.withLock { if $0.fault == nil { $0.fault = fault } }
  }
}
