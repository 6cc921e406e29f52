import Queries
import RoostCore
import Testing

@testable import PostgresDriver

/// When a standby may answer, decided without a server.
///
/// Times are milliseconds.
@Suite struct ReplicaStateTests {
  private static func history(_ looks: [(Int, UInt64)], timeline: UInt32 = 1) -> PrimaryHistory {
    var history = PrimaryHistory(span: 10_000 * 1_000_000)
    for (time, bytes) in looks {
      history.add(ServerPlace(bytes: bytes, timeline: timeline), at: nanoseconds(time))
    }
    return history
  }

  private static func nanoseconds(_ milliseconds: Int) -> UInt64 {
    UInt64(milliseconds) * 1_000_000
  }

  private static func look(
    _ bytes: UInt64?, at time: Int, timeline: UInt32? = 1
  ) -> ReplicaState.Look {
    ReplicaState.Look(bytes: bytes, timeline: timeline, time: nanoseconds(time))
  }

  private static func state() -> ReplicaState { ReplicaState(lag: nanoseconds(1000)) }

  @Test(
    arguments: [
      // What the primary had when, where the standby is, and the time that it covers.
      ([(100, 10)], 10, 100), ([(100, 10)], 9, nil), ([(100, 10), (200, 20)], 19, 100),
      ([(100, 10), (200, 20)], 20, 200), ([(100, 10), (200, 20)], 1000, 200),
      // Nothing was written in between: it has what there was at the last look.
      ([(100, 10), (200, 10), (300, 10)], 10, 300),
    ] as [([(Int, UInt64)], UInt64, Int?)])
  func `a standby is as old as the last look at the primary whose end it has`(
    looks: [(Int, UInt64)], bytes: UInt64, covered: Int?
  ) {
    #expect(
      Self.history(looks).time(coveredBy: bytes) == covered.map { Self.nanoseconds($0) })
  }

  @Test func `what is older than the span is forgotten, but for what lies before it`() {
    let history = Self.history((1...100).map { ($0 * 1000, UInt64($0)) })
    #expect(history.time(coveredBy: 100) == Self.nanoseconds(100_000))
    #expect(history.time(coveredBy: 90) == Self.nanoseconds(90_000))
    #expect(history.time(coveredBy: 50) == nil)
  }

  @Test func `another timeline begins another history`() {
    var history = Self.history([(100, 10)])
    history.add(ServerPlace(bytes: 5, timeline: 2), at: Self.nanoseconds(200))
    #expect(history.timeline == 2)
    #expect(history.time(coveredBy: 10) == Self.nanoseconds(200))
    #expect(history.time(coveredBy: 4) == nil)
  }

  @Test func `one that has everything is taken, and answers for what it has`() {
    var state = Self.state()
    #expect(!state.covers(0, at: Self.nanoseconds(100)))
    let standing = state.take(Self.look(10, at: 110), Self.history([(100, 10)]))
    #expect(standing == .inUse)
    #expect(state.covers(10, at: Self.nanoseconds(110)))
    #expect(!state.covers(11, at: Self.nanoseconds(110)))
  }

  @Test func `one that nothing is heard of answers until its age is reached`() {
    var state = Self.state()
    _ = state.take(Self.look(10, at: 110), Self.history([(100, 10)]))
    #expect(state.covers(10, at: Self.nanoseconds(1099)))
    #expect(!state.covers(10, at: Self.nanoseconds(1100)))
  }

  @Test func `a primary that nothing is heard of makes its standbys old`() {
    var state = Self.state()
    let history = Self.history([(100, 10)])
    #expect(state.take(Self.look(10, at: 110), history) == .inUse)
    #expect(state.take(Self.look(10, at: 1100), history) == nil)
    #expect(state.take(Self.look(10, at: 1101), history) == .behind)
  }

  @Test func `one that lags is left out once, and comes back when it has caught up well`() {
    var state = Self.state()
    var history = Self.history([(100, 10), (200, 20)])
    #expect(state.take(Self.look(20, at: 210), history) == .inUse)
    history.add(ServerPlace(bytes: 30, timeline: 1), at: Self.nanoseconds(1100))
    #expect(state.take(Self.look(20, at: 1200), history) == nil)
    #expect(state.lagBytes == 10)
    #expect(state.take(Self.look(20, at: 1201), history) == .behind)
    #expect(!state.covers(0, at: Self.nanoseconds(1201)))
    #expect(state.take(Self.look(20, at: 1300), history) == nil)
    // Young enough to stay, too old to come back.
    #expect(state.take(Self.look(30, at: 1601), history) == nil)
    #expect(state.take(Self.look(30, at: 1600), history) == .inUse)
    #expect(state.lagBytes == 0)
  }

  @Test func `one that takes writes is no standby, and may become one again`() {
    var state = Self.state()
    let history = Self.history([(100, 10)])
    _ = state.take(Self.look(10, at: 110), history)
    #expect(state.take(Self.look(nil, at: 120), history) == .promoted)
    #expect(!state.covers(0, at: Self.nanoseconds(120)))
    #expect(state.take(Self.look(nil, at: 130), history) == nil)
    #expect(state.take(Self.look(10, at: 140), history) == .inUse)
  }

  @Test func `one with the history of another primary is left out, however far it is`() {
    var state = Self.state()
    _ = state.take(Self.look(10, at: 110), Self.history([(100, 10)]))
    let after = Self.history([(200, 5)], timeline: 2)
    #expect(state.take(Self.look(1000, at: 210), after) == .astray)
    #expect(!state.covers(0, at: Self.nanoseconds(210)))
    #expect(state.take(Self.look(nil, at: 220, timeline: nil), after) == .promoted)
    #expect(state.take(Self.look(5, at: 230, timeline: 2), after) == .inUse)
  }

  @Test func `a new one may need a moment to read whose history it has`() {
    var state = Self.state()
    let history = Self.history([(100, 10)])
    #expect(state.take(Self.look(5, at: 110, timeline: nil), history) == nil)
    #expect(!state.covers(0, at: Self.nanoseconds(110)))
    #expect(state.take(Self.look(10, at: 120), history) == .inUse)
  }

  @Test func `one that does not answer is told of once`() {
    var state = Self.state()
    _ = state.take(Self.look(10, at: 110), Self.history([(100, 10)]))
    #expect(state.fail(.missing) == .missing)
    #expect(state.fail(.missing) == nil)
    #expect(!state.covers(0, at: Self.nanoseconds(110)))
  }

  // MARK: Positions

  private static func positions() -> CommitPositions {
    CommitPositions(systemID: "7", start: ServerPlace(bytes: 10, timeline: 1))
  }

  @Test func `the furthest commit counts, in whatever order they are told`() {
    let positions = Self.positions()
    #expect(positions.latest?.place == 10)
    positions.committed(ServerPlace(bytes: 30, timeline: 1))
    positions.committed(ServerPlace(bytes: 20, timeline: 1))
    #expect(positions.latest?.place == 30)
    let old = positions.latest
    positions.committed(ServerPlace(bytes: 15, timeline: 2))
    #expect(positions.latest?.place == 15)
    #expect(positions.latest?.epoch != old?.epoch)
  }

  @Test func `what an old primary says late does not take back what the new one has said`() {
    let positions = Self.positions()
    positions.committed(ServerPlace(bytes: 100, timeline: 2))
    let new = positions.latest
    positions.committed(ServerPlace(bytes: 500, timeline: 1))
    #expect(positions.latest == new)
    // A look that began before that commit.
    positions.looked(
      positions.position(ServerPlace(bytes: 95, timeline: 2)), misses: positions.misses)
    #expect(positions.latest == new)
    positions.looked(
      positions.position(ServerPlace(bytes: 600, timeline: 1)), misses: positions.misses)
    #expect(positions.latest == new)
    positions.committed(nil)
    positions.looked(
      positions.position(ServerPlace(bytes: 700, timeline: 1)), misses: positions.misses)
    #expect(positions.latest == nil)
    positions.looked(
      positions.position(ServerPlace(bytes: 40, timeline: 3)), misses: positions.misses)
    #expect(positions.latest?.place == 40)
  }

  @Test func `a commit whose place is unknown is made up for by a later look alone`() {
    let positions = Self.positions()
    let before = positions.misses
    positions.committed(nil)
    #expect(positions.latest == nil)
    positions.committed(ServerPlace(bytes: 20, timeline: 1))
    #expect(positions.latest == nil)
    // It began before the commit.
    positions.looked(positions.position(ServerPlace(bytes: 25, timeline: 1)), misses: before)
    #expect(positions.latest == nil)
    let after = positions.misses
    positions.looked(positions.position(ServerPlace(bytes: 30, timeline: 1)), misses: after)
    #expect(positions.latest?.place == 30)
  }

  @Test func `servers and their histories have epochs of their own`() {
    let here = Self.positions()
    let other = CommitPositions(systemID: "8", start: ServerPlace(bytes: 10, timeline: 1))
    let epochs = [here.epoch(timeline: 1), here.epoch(timeline: 2), other.epoch(timeline: 1)]
    #expect(Set(epochs).count == 3)
  }

  @Test func `a server is a copy, or it is said why not`() {
    let primary = StandbyIdentity(systemID: "7", database: "1", role: "roost")
    #expect(primary.fault(asCopyOf: primary, isStandby: true) == nil)
    for (other, isStandby, word) in [
      (primary, false, "standby"),
      (StandbyIdentity(systemID: "8", database: "1", role: "roost"), true, "copy"),
      (StandbyIdentity(systemID: "7", database: "2", role: "roost"), true, "database"),
      (StandbyIdentity(systemID: "7", database: "1", role: "ann"), true, "login"),
    ] {
      #expect(other.fault(asCopyOf: primary, isStandby: isStandby)?.contains(word) == true)
    }
  }
}
