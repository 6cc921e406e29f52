import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// Streams that come whole, that are compared, that are lost, and rows with several streams.
@Suite struct AbsenceTests {
  private var server = ModelServer(epoch: .of(1))
  private var phone = TestDevice(1)
  private var wall = TestApp.now
  private static let year: Int64 = 365 * 86_400_000

  init() throws {
    server.granted = [1, 2, 3]
    for number in 0..<100 {
      server.write(.create(.gig(number), ["title": .string("n\(number)")]), at: wall)
    }
    try phone.sync(&server, at: wall)
  }

  /// A year passes in which little changes, and what says that rows went is purged.
  private mutating func yearPasses() {
    server.write(.delete(.gig(3)), at: wall)
    server.write(.update(.gig(4), ["title": "Changed"]), at: wall)
    server.write(.create(.gig(200), ["title": "New"]), at: wall)
    server.purge()
    wall += Self.year
  }

  private func names(_ frames: [Frame]) -> [String] { frames.map(\.name) }

  @Test mutating func digestsBringWhatDiffersOnly() throws {
    yearPasses()
    try phone.change(.update(.gig(5), ["title": "Waits"]), at: wall)
    var entries = 0
    var asked: [String] = []
    for _ in 0..<10 {
      let request = phone.core.request(wall: wall)
      asked += names(request)
      let answer = server.answer(request, at: wall)
      for case .delta(let delta) in answer { entries += delta.entries.count }
      if try phone.receive(answer, at: wall) == .committed { break }
      #expect(phone.core.row(.gig(3)) != nil)
    }
    #expect(asked.contains("digest") && asked.contains("leaves"))
    #expect(entries < 20)
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
    #expect(phone.core.row(.gig(5))?["title"] == "Waits")
  }

  @Test mutating func aStreamOfFewRowsComesWhole() throws {
    for number in 0..<90 { server.write(.delete(.gig(number)), at: wall) }
    try phone.sync(&server, at: wall)
    server.write(.delete(.gig(95)), at: wall)
    server.purge()
    wall += Self.year
    let request = phone.core.request(wall: wall)
    #expect(names(request) == ["hello"])
    #expect(try phone.receive(server.answer(request, at: wall), at: wall) == .committed)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
  }

  @Test mutating func aShortAbsenceComparesNothing() throws {
    server.write(.delete(.gig(3)), at: wall)
    wall += 1_000_000
    #expect(names(phone.core.request(wall: wall)) == ["hello"])
  }

  @Test mutating func aPullOfManyAnswersIsBrokenOffForDigests() throws {
    yearPasses()
    wall -= Self.year - 1000
    server.page = 20
    let first = phone.core.request(wall: wall)
    #expect(names(first) == ["hello"])
    #expect(try phone.receive(server.answer(first, at: wall), at: wall) == .more)
    #expect(names(phone.core.request(wall: wall)) == ["hello", "digest"])
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
  }

  @Test(arguments: 0..<5) mutating func aComparisonThatLosesAnAnswerGoesOn(_ lost: Int) throws {
    yearPasses()
    for round in 0..<12 {
      let request = phone.core.request(wall: wall)
      let answer = server.answer(request, at: wall)
      if round == lost {
        server.write(.delete(.gig(10 + lost)), at: wall)
        server.write(.update(.gig(20 + lost), ["title": "Between"]), at: wall)
        continue
      }
      if try phone.receive(answer, at: wall) == .committed { break }
    }
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
  }

  @Test mutating func whereTooMuchDiffersTheStreamComesWhole() throws {
    yearPasses()
    _ = try phone.ask(&server, at: wall)
    let request = phone.core.request(wall: wall)
    #expect(names(request) == ["hello", "leaves"])
    var answer = server.answer(request, at: wall).filter {
      $0.name != "gone" && $0.name != "delta"
    }
    answer.insert(.error(SyncError(code: "too_large", message: "Empty it.")), at: 1)
    #expect(try phone.receive(answer, at: wall) == .more)
    #expect(names(phone.core.request(wall: wall)) == ["hello"])
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
  }

  @Test mutating func anotherEpochBringsEverythingAnew() throws {
    let older = server
    for number in 0..<10 { server.write(.delete(.gig(number)), at: wall) }
    try phone.sync(&server, at: wall)
    server.restore(older, epoch: .of(2), at: wall)
    server.write(.delete(.gig(50)), at: wall)
    wall += Self.year
    try phone.sync(&server, at: wall)
    #expect(phone.core.synced("gigs") == server.visible("gigs"))
    #expect(phone.core.rows("gigs").count == 99)
  }

  @Test mutating func ofSeveralTiersOneStaysUntilItsPull() throws {
    server.write(.create(.news(300), ["title": "x"]), at: wall)
    try phone.sync(&server, at: wall)
    let older = server
    server.restore(older, epoch: .of(2), at: wall)
    #expect(try phone.ask(&server, at: wall, tiers: [.live]) == .committed)
    #expect(phone.core.row(.news(300)) != nil)
    #expect(try phone.ask(&server, at: wall, tiers: [.daily]) == .committed)
    #expect(phone.core.row(.news(300)) != nil)
  }

  // MARK: Streams and masks

  @Test mutating func aLostStreamTakesItsRowsAtTheCommit() throws {
    server.page = 5
    server.granted = [2, 3]
    for number in 0..<8 { server.write(.create(.news(number), ["title": "x"]), at: wall) }
    #expect(try phone.ask(&server, at: wall) == .more)
    #expect(phone.core.rows("gigs").count == 100)
    try phone.sync(&server, at: wall)
    #expect((phone.core.rows("gigs").count, phone.core.cursors[1]) == (0, nil))
    server.granted = [1, 2, 3]
    try phone.sync(&server, at: wall)
    #expect(phone.core.rows("gigs").count == 100)
  }

  @Test mutating func aRowShowsTheUnionOfItsMasks() throws {
    server.granted = [1, 2, 3, 4]
    server.write(.update(.gig(1), ["best": 7]), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(1))?["best"] == 7)
    #expect(phone.core.stored(.gig(1))?.references.map(\.stream).sorted() == [1, 4])
    // Only the narrow mask is left: the other values go.
    server.granted = [4]
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(1)).map { $0.map(\.key).sorted() } == ["team", "title"])
    server.granted = []
    try phone.sync(&server, at: wall)
    #expect(phone.core.rows("gigs").isEmpty)
  }

  @Test mutating func aRowThatMovesLeavesOneStreamForAnother() throws {
    server.write(.update(.gig(1), ["team": "blue"]), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.stored(.gig(1))?.references.map(\.stream) == [2])
    server.granted = [1, 3]
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(1)) == nil)
  }

  @Test mutating func anEditOfARowThatWentIsAnswered() throws {
    server.write(.delete(.gig(1)), at: wall)
    let oid = try phone.change(.update(.gig(1), ["title": "late"]), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.results[oid]?.code == "row_gone")
    #expect((phone.core.row(.gig(1)), phone.core.pendingCount) == (nil, 0))
  }

  // MARK: Patches

  /// An answer with one patch of row 1 in stream 1.
  private mutating func patch(base: Int64) throws -> (Outcome, Int64) {
    guard case .hello(let hello)? = phone.core.request(wall: wall).first else {
      return (.stale, 0)
    }
    let cursor = hello.streams[1] ?? 0
    let entry = StreamEntry(
      seq: cursor + 1, row: .gig(1), kind: .put, version: 900, fields: ["title": "Patched"],
      baseVersion: base)
    let outcome = try phone.receive(
      [
        .delta(Delta(stream: 1, from: cursor, to: cursor + 1, entries: [entry])),
        .commit(Commit(heads: [1: cursor + 1], clock: HybridTime(rawValue: 1))),
      ], at: wall)
    return (outcome, cursor)
  }

  @Test mutating func aPatchThatFitsChangesWhatItNames() throws {
    let version = try #require(phone.core.stored(.gig(1))?.references.first?.version)
    #expect(try patch(base: version).0 == .committed)
    #expect(phone.core.row(.gig(1))?["title"] == "Patched")
    #expect(phone.core.row(.gig(1))?["plays"] == 0)
  }

  @Test mutating func aPatchThatDoesNotFitIsFetchedBeforeAnythingIsShown() throws {
    let (outcome, cursor) = try patch(base: 77)
    #expect(outcome == .more)
    #expect(phone.core.row(.gig(1))?["title"] == "n1")
    let request = phone.core.request(wall: wall)
    #expect(names(request) == ["hello", "fetch"])
    let whole = StreamEntry(
      seq: cursor + 1, row: .gig(1), kind: .put, version: 900, fields: ["title": "Whole"])
    _ = try phone.receive(
      [
        .delta(Delta(stream: 1, from: cursor + 1, to: cursor + 1, entries: [whole])),
        .more(page: 0, mark: "bWFyaw"),
      ], at: wall)
    let next = phone.core.request(wall: wall)
    #expect(names(next) == ["hello"])
    // What is staged was seen as well: the server has to learn of it if it is put back behind it.
    guard case .hello(let hello)? = next.first else { return }
    #expect(hello.mark == "bWFyaw")
    #expect(
      try phone.receive(
        [.commit(Commit(heads: [1: cursor + 1], clock: HybridTime(rawValue: 1)))], at: wall)
        == .committed)
    #expect(phone.core.row(.gig(1)) == ["title": "Whole"])
  }
}
