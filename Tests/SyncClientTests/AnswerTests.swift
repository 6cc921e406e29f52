import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// Answers that are lost, come twice, come late, are cut off, or are none at all.
@Suite struct AnswerTests {
  private var server = ModelServer(epoch: .of(1))
  private var phone = TestDevice(1)
  private var wall = TestApp.now

  init() throws {
    for number in 1...3 {
      server.write(.create(.gig(number), ["title": .string("n\(number)")]), at: wall)
    }
    try phone.sync(&server, at: wall)
  }

  private let increment = ClientOperation.update(.gig(1), ["plays": ["$increment": 1]])
  private var plays: Int64? { phone.core.row(.gig(1))?["plays"]?.int }

  @Test func theFirstHelloBringsNoPush() throws {
    var fresh = TestDevice(2)
    try fresh.change(.create(.gig(9), ["title": "New"]), at: wall)
    let first = fresh.core.request(wall: wall)
    #expect(first.map(\.name) == ["hello"])
    var server = server
    _ = try fresh.receive(server.answer(first, at: wall), at: wall)
    #expect(fresh.core.request(wall: wall).map(\.name) == ["hello", "push"])
  }

  @Test mutating func aLostAnswerIsMadeUpForByTheNext() throws {
    let oid = try phone.change(.update(.gig(1), ["title": "refused"]), at: wall)
    _ = server.answer(phone.core.request(wall: wall), at: wall)
    #expect(phone.core.outcome(of: oid) == nil)
    try phone.sync(&server, at: wall)
    #expect(phone.core.results[oid]?.code == "invalid")
    #expect(phone.core.operations(of: oid).count == 1)
    #expect(phone.core.row(.gig(1))?["title"] == "n1")
    #expect((server.results.count, phone.core.forks) == (1, 0))
  }

  @Test mutating func aResultIsAskedForThoughTheLaneIsTakenIn() throws {
    let oid = try phone.change(.update(.gig(1), ["title": "refused"]), at: wall)
    _ = server.answer(phone.core.request(wall: wall), at: wall)
    // This answer says how far the lane is, and nothing of its results.
    let bare = phone.core.request(wall: wall, mutations: 0)
    #expect(try phone.receive(server.answer(bare, at: wall), at: wall) == .committed)
    #expect((phone.core.pendingCount, phone.core.unacknowledgedCount) == (0, 1))
    try phone.sync(&server, at: wall)
    #expect(phone.core.results[oid]?.outcome == .rejected)
  }

  @Test mutating func anAnswerCountsOnce() throws {
    try phone.change(increment, at: wall)
    let answer = server.answer(phone.core.request(wall: wall), at: wall)
    #expect(try phone.receive(answer, at: wall) == .committed)
    #expect(try phone.receive(answer, at: wall) == .stale)
    #expect(plays == 1)
  }

  @Test mutating func anAnswerToAnEarlierRequestIsPassedOver() throws {
    let late = server.answer(phone.core.request(wall: wall), at: wall)
    server.write(.update(.gig(1), ["title": "Later"]), at: wall)
    let request = phone.core.request(wall: wall + 5)
    #expect(try phone.receive(late, at: wall) == .stale)
    #expect(try phone.receive(server.answer(request, at: wall), at: wall + 5) == .committed)
    #expect(phone.core.row(.gig(1))?["title"] == "Later")
  }

  @Test mutating func ticketsTellRequestsOfOneMillisecondApart() throws {
    _ = phone.core.request(wall: wall)
    let first = phone.core.ticket
    let request = phone.core.request(wall: wall)
    let answer = server.answer(request, at: wall)
    let dice = phone.dice.next()
    func receive(_ ticket: UInt64) throws -> Outcome {
      try phone.core.receive(
        answer, sent: wall, received: wall, ticket: ticket,
        newClient: { UUID(high: dice, low: 1) })
    }
    #expect(try receive(first) == .stale)
    #expect(try receive(first + 1) == .committed)
  }

  @Test mutating func whatIsStagedIsOutOfSightUntilTheCommit() throws {
    for number in 10..<16 { server.write(.create(.gig(number), ["title": "x"]), at: wall) }
    server.page = 4
    #expect(try phone.ask(&server, at: wall) == .more)
    #expect(phone.core.rows("gigs").count == 3)
    while try phone.ask(&server, at: wall) == .more {}
    #expect(phone.core.rows("gigs").count == 9)
  }

  @Test(arguments: 0..<8) mutating func anAnswerThatIsCutOffChangesNothingInSight(
    _ frames: Int
  ) throws {
    try phone.change(increment, at: wall)
    server.write(.update(.gig(2), ["title": "Later"]), at: wall)
    let answer = server.answer(phone.core.request(wall: wall), at: wall)
    let before = phone.core.rows("gigs")
    guard frames < answer.count else { return }
    #expect(try phone.receive(Array(answer.prefix(frames)), at: wall) == .askAgain)
    #expect(phone.core.rows("gigs") == before)
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
  }

  @Test mutating func aDeltaBehindAGapIsNotTaken() throws {
    guard case .hello(let hello)? = phone.core.request(wall: wall).first else { return }
    let cursor = try #require(hello.streams[1])
    func answer(from: Int64) -> [Frame] {
      let entry = StreamEntry(
        seq: from + 1, row: .gig(40), kind: .put, version: 1, fields: ["title": "x"])
      return [
        .delta(Delta(stream: 1, from: from, to: from + 1, entries: [entry])),
        .commit(Commit(heads: [1: from + 1], clock: HybridTime(rawValue: 1))),
      ]
    }
    #expect(try phone.receive(answer(from: cursor + 1), at: wall) == .askAgain)
    #expect(phone.core.row(.gig(40)) == nil)
    _ = phone.core.request(wall: wall)
    #expect(try phone.receive(answer(from: cursor), at: wall) == .committed)
    #expect(phone.core.row(.gig(40)) != nil)
  }

  @Test mutating func framesOfAClientAreRefused() throws {
    let request = phone.core.request(wall: wall)
    #expect(throws: RoostError.self) { try phone.receive(request, at: wall) }
    // Nothing was taken in: the answer itself still is.
    #expect(try phone.receive(server.answer(request, at: wall), at: wall) == .committed)
  }

  // MARK: Errors

  private mutating func fails(_ error: SyncError) throws -> Outcome {
    _ = phone.core.request(wall: wall)
    return try phone.receive([.error(error)], at: wall)
  }

  @Test mutating func anOverloadedServerChangesNothing() throws {
    try phone.change(increment, at: wall)
    let error = SyncError(code: "overloaded", message: "Later.", retryAfterSeconds: 3)
    #expect(try fails(error) == .ended(error))
    #expect((phone.core.state, plays) == (.syncing, 1))
    #expect(try phone.sync(&server, at: wall))
  }

  @Test mutating func aRevokedDeviceAsksAndTakesNothingMore() throws {
    let error = SyncError(code: "device_revoked", message: "Sign in.")
    #expect(try fails(error) == .ended(error))
    #expect(phone.core.state == .revoked)
    #expect(phone.core.request(wall: wall).isEmpty)
    #expect(throws: RoostError.self) { try phone.change(increment, at: wall) }
  }

  @Test mutating func aClosedGateKeepsEverythingLocal() throws {
    try phone.change(increment, at: wall)
    let error = SyncError(code: "gate_closed", message: "Level 5.", details: ["level": 5])
    #expect(try fails(error) == .ended(error))
    #expect(phone.core.state == .gated(["level": 5]))
    #expect((phone.core.request(wall: wall).map(\.name), plays) == (["hello"], 1))
    #expect(try phone.sync(&server, at: wall))
    #expect((phone.core.state, server.results.count) == (.syncing, 1))
  }

  @Test mutating func anAppThatIsTooOldReadsOnAndQueues() throws {
    try phone.change(increment, at: wall)
    var answer = server.answer([phone.core.request(wall: wall)[0]], at: wall)
    answer.insert(
      .error(SyncError(code: "upgrade_required", message: "Renew the app.", lane: .live)), at: 1)
    #expect(try phone.receive(answer, at: wall) == .committed)
    #expect(phone.core.state == .paused(upgrade: "Renew the app."))
    #expect((phone.core.request(wall: wall).map(\.name), plays) == (["hello"], 1))
    // The server is renewed.
    server.versions.current = "1.5.0"
    #expect(try phone.ask(&server, at: wall) == .committed)
    #expect(phone.core.state == .syncing)
    #expect(try phone.sync(&server, at: wall))
    #expect(server.results.count == 1)
  }

  // MARK: Results

  @Test mutating func aResultIsShownUntilItIsForgotten() throws {
    let refused = try phone.change(.update(.gig(1), ["title": "refused"]), at: wall)
    let taken = try phone.change(increment, at: wall)
    try phone.sync(&server, at: wall)
    #expect(Set(phone.core.results.keys) == [refused])
    #expect(phone.core.outcome(of: taken) == .ok)
    phone.core.forget(refused)
    #expect(
      (phone.core.results.isEmpty, phone.core.operations(of: refused).isEmpty) == (true, true))
    // A fork pushes it again, and the person has been told.
    phone.core.fork(as: .of(55))
    try phone.sync(&server, at: wall)
    #expect(phone.core.results.isEmpty)
    #expect(phone.core.outcome(of: refused) == .rejected)
  }

  @Test mutating func aConflictIsAResultToo() throws {
    let oid = try phone.change(.update(.gig(1), ["poster": "mine"]), at: wall)
    server.write(.update(.gig(1), ["poster": "theirs"]), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.results[oid]?.outcome == .conflict)
    #expect(phone.core.row(.gig(1))?["poster"] == "theirs")
  }
}
