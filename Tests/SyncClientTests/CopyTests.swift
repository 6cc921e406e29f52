import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// Devices that were copied or put back, and servers that were put back.
@Suite struct CopyTests {
  private var server = ModelServer(epoch: .of(1))
  private var phone = TestDevice(1)
  private let wall = TestApp.now

  init() throws {
    server.write(.create(.gig(1), ["title": "Loud"]), at: wall)
    try phone.sync(&server, at: wall)
  }

  private func plays(_ device: TestDevice) -> Int64? {
    device.core.row(.gig(1))?["plays"]?.int
  }

  private func increment(_ amount: Int64) -> ClientOperation {
    .update(.gig(1), ["plays": ["$increment": .int(amount)]])
  }

  @Test mutating func aDeviceThatIsNotCopiedNeverForks() throws {
    for amount in [1, 2, 4] {
      try phone.change(increment(Int64(amount)), at: wall)
      #expect(try phone.sync(&server, at: wall))
    }
    #expect((phone.core.forks, plays(phone)) == (0, 7))
  }

  @Test mutating func aCopyThatChangedTooForks() throws {
    try phone.change(increment(1), at: wall)
    var twin = phone
    twin.dice = Dice(99)
    try phone.change(increment(10), at: wall)
    try twin.change(increment(100), at: wall)
    for _ in 0..<2 {
      try phone.sync(&server, at: wall)
      try twin.sync(&server, at: wall)
    }
    try phone.sync(&server, at: wall)
    #expect((phone.core.forks, twin.core.forks) == (0, 1))
    #expect(phone.core.client != twin.core.client)
    #expect((plays(phone), plays(twin)) == (111, 111))
  }

  @Test mutating func aDeviceThatIsBehindWhatItPushedForks() throws {
    let backup = phone
    try phone.change(increment(1), at: wall)
    try phone.sync(&server, at: wall)
    phone = backup
    try phone.sync(&server, at: wall)
    #expect((phone.core.forks, plays(phone)) == (1, 1))
    try phone.change(increment(2), at: wall)
    try phone.sync(&server, at: wall)
    #expect((phone.core.forks, plays(phone)) == (1, 3))
  }

  @Test mutating func aCommitOfAPartedLineageIsHeldBack() throws {
    try phone.change(increment(1), at: wall)
    let backup = phone
    try phone.change(increment(2), at: wall)
    try phone.sync(&server, at: wall)
    phone = backup
    // The rows have the first change, and the lane does not say so any more.
    var answer = server.answer(phone.core.request(wall: wall), at: wall)
    if case .commit(var commit)? = answer.last {
      commit.mark = "bWFyaw"
      answer[answer.count - 1] = .commit(commit)
    }
    #expect(try phone.receive(answer, at: wall) == .more)
    // What is staged was seen, and a server that was put back has to find that out.
    guard case .hello(let hello)? = phone.core.request(wall: wall).first else {
      Issue.record("no hello")
      return
    }
    #expect((hello.mark, hello.staged.isEmpty) == ("bWFyaw", false))
    #expect((phone.core.forks, plays(phone)) == (1, 1))
    #expect(try phone.ask(&server, at: wall) == .committed)
    #expect((plays(phone), phone.core.pendingCount) == (3, 0))
  }

  @Test mutating func aServerBehindTheFloorMakesTheDeviceFork() throws {
    let empty = server
    try phone.change(increment(1), at: wall)
    try phone.sync(&server, at: wall)
    _ = server.backUp()
    try phone.sync(&server, at: wall)
    #expect(phone.core.retained[.live]?.count == 0)
    server.restore(empty, epoch: .of(2), at: wall)
    try phone.change(increment(10), at: wall)
    #expect(try phone.sync(&server, at: wall))
    // What only the lost backup had is gone; what the device still holds heals the server.
    #expect((phone.core.forks, plays(phone)) == (1, 10))
  }

  @Test mutating func devicesHealAServerThatWasPutBack() throws {
    let older = server
    try phone.change(increment(1), at: wall)
    try phone.change(.create(.gig(2), ["title": "After the backup"]), at: wall)
    try phone.sync(&server, at: wall)
    server.restore(older, epoch: .of(2), at: wall)
    #expect(server.rows[.gig(2)] == nil)
    #expect(try phone.sync(&server, at: wall))
    #expect(server.rows[.gig(2)] != nil)
    #expect((phone.core.forks, plays(phone), phone.core.epoch) == (0, 1, .of(2)))
  }

  @Test mutating func whatWasDoneToRowsOfOthersWaitsForThem() throws {
    let older = server
    server.write(.create(.gig(2), ["title": "Of another device"]), at: wall)
    try phone.sync(&server, at: wall)
    let edit = ClientOperation.update(.gig(2), ["plays": ["$increment": 10]])
    let oid = try phone.change(edit, at: wall)
    try phone.sync(&server, at: wall)
    let lost = try phone.change(.update(.gig(2), ["plays": ["$increment": 100]]), at: wall)
    server.restore(older, epoch: .of(2), at: wall)
    #expect(try phone.sync(&server, at: wall))
    #expect(Set(phone.core.results.keys) == [oid, lost])
    #expect((phone.core.row(.gig(2)) == nil, phone.core.pendingCount) == (true, 0))
    var twin = phone
    twin.dice = Dice(98)
    // The other device brings its row again.
    server.write(.create(.gig(2), ["title": "Of another device"]), at: wall)
    #expect(try phone.ask(&server, at: wall) == .committed)
    #expect((phone.core.row(.gig(2))?["plays"]?.int, phone.core.unacknowledgedCount) == (110, 2))
    for _ in 0..<2 {
      try phone.sync(&server, at: wall)
      try twin.sync(&server, at: wall)
    }
    try phone.sync(&server, at: wall)
    for device in [phone, twin] {
      #expect(device.core.row(.gig(2))?["plays"]?.int == 110)
      #expect((device.core.results.count, device.core.idleCount) == (0, 0))
      #expect((device.core.pendingCount, device.core.unacknowledgedCount) == (0, 0))
    }
    #expect((phone.core.forks, twin.core.forks) == (0, 1))
    // Put back once more, each takes place once at one of its two places.
    server.restore(older, epoch: .of(3), at: wall)
    server.write(.create(.gig(2), ["title": "Of another device"]), at: wall)
    #expect(try phone.ask(&server, at: wall) != .stale)
    #expect(phone.core.row(.gig(2))?["plays"]?.int == 110)
    try phone.sync(&server, at: wall)
    try twin.sync(&server, at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(2))?["plays"]?.int == 110)
    #expect(twin.core.row(.gig(2))?["plays"]?.int == 110)
  }

  @Test mutating func whatWasRefusedInTheHistoryOfNowIsNotBroughtAgain() throws {
    let oid = try phone.change(.update(.gig(3), ["plays": ["$increment": 1]]), at: wall)
    try phone.sync(&server, at: wall)
    server.write(.create(.gig(3), ["title": "Made since"]), at: wall)
    #expect(try phone.sync(&server, at: wall))
    #expect(phone.core.row(.gig(3))?["plays"]?.int == 0)
    #expect(phone.core.results[oid]?.code == "row_gone")
  }

  @Test mutating func whatIsNotDurableIsKept() throws {
    try phone.change(increment(1), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.retained[.live]?.count == 1)
    _ = server.backUp()
    try phone.change(increment(2), at: wall)
    try phone.sync(&server, at: wall)
    // The first one is in the backup, the second one is not.
    #expect(phone.core.retained[.live]?.map(\.seq) == [2])
    #expect(plays(phone) == 3)
  }

  @Test mutating func whatIsDurableStaysInSightUntilItsCommit() throws {
    try phone.change(increment(1), at: wall)
    let lost = phone.core.request(wall: wall)
    _ = server.answer(lost, at: wall)
    _ = server.backUp()
    server.page = 1
    for number in 10..<14 { server.write(.create(.gig(number), ["title": "More"]), at: wall) }
    #expect(try phone.ask(&server, at: wall) == .more)
    #expect(plays(phone) == 1)
    try phone.sync(&server, at: wall)
    #expect(plays(phone) == 1)
  }

  @Test mutating func aNewVersionOfTheAppPushesWhatWaitedInItsWords() throws {
    try phone.change(increment(1), at: wall)
    let oid = try phone.change(.update(.gig(1), ["name": "Old word"]), at: wall)
    phone.core.upgrade(TestApp.plan, schema: "1.1.0", client: .of(77)) { mutation in
      guard case .update(let collection, let id, let fields, let base)? = mutation.operations.first,
        let name = fields["name"]
      else { return nil }
      return [.update(collection: collection, id: id, fields: ["title": name], base: base)]
    }
    #expect(phone.core.client == .of(77))
    #expect(try phone.sync(&server, at: wall))
    #expect(phone.core.row(.gig(1))?["title"] == "Old word")
    #expect((plays(phone), phone.core.outcome(of: oid)) == (1, .ok))
  }

  @Test(arguments: [("1.1.0", "1.1.0"), ("2.0.0", "1.0.0")])
  mutating func whatWaitedStaysOfItsMajorVersionWhereNothingLiftsIt(
    _ version: String, _ pushed: String
  ) throws {
    try phone.change(.update(.gig(1), ["title": "Left"]), at: wall)
    try phone.change(.update(.gig(1), ["title": "Lifted"]), at: wall)
    phone.core.upgrade(TestApp.plan, schema: version, client: .of(77)) { mutation in
      guard case .update(_, _, let fields, _)? = mutation.operations.first,
        fields["title"] == "Lifted"
      else { return nil }
      return mutation.operations
    }
    try phone.change(.update(.gig(1), ["title": "Made since"]), at: wall)
    #expect(phone.core.retained[.live]?.map(\.schema) == [pushed, version, version])
    #expect(try phone.sync(&server, at: wall))
    #expect(phone.core.row(.gig(1))?["title"] == "Made since")
    #expect(phone.core.pendingCount == 0)
  }

  @Test(arguments: [("1.1.0", false), ("2.0.0", true)])
  mutating func anotherMajorVersionOfTheAppAsksForItsRowsAnew(
    _ version: String, _ isMajor: Bool
  ) throws {
    server.write(.create(.gig(2), ["title": "Second"]), at: wall)
    try phone.sync(&server, at: wall)
    phone.core.upgrade(TestApp.plan, schema: version, client: .of(77))
    let frames = phone.core.request(wall: wall)
    guard case .hello(let hello)? = frames.first else {
      Issue.record("no hello")
      return
    }
    #expect(!hello.streams.isEmpty)
    #expect(hello.streams.values.allSatisfy { ($0 == 0) == isMajor })
    // What it does not bring again is not there any more; what was there stays in sight until then.
    #expect(phone.core.row(.gig(2))?["title"] == "Second")
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(2))?["title"] == "Second")
  }

  @Test mutating func whatIsMadeUnderACorrectedClockStandsOverWhatWasSentBefore() throws {
    phone.skew = 2_000_000
    try phone.change(.update(.gig(1), ["title": "Ahead"]), at: wall)
    server.page = 1
    for number in 10..<14 { server.write(.create(.gig(number), ["title": "More"]), at: wall) }
    // It is taken in, and the clock set right, before a commit shows it.
    #expect(try phone.ask(&server, at: wall) == .more)
    try phone.change(.update(.gig(1), ["title": "After"]), at: wall)
    #expect(phone.core.row(.gig(1))?["title"] == "After")
  }
}
