import Foundation
import Schema
import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// What a person sees of their own edits is what the server makes of them; clocks and vectors.
@Suite struct FoldTests {
  /// An edit of each strategy that nobody else meets.
  static let edits: [(field: String, arguments: [JSON])] = [
    ("title", ["a", "b"]), ("plays", [["$increment": 2], ["$increment": -1], 7]),
    ("tags", [["$add": ["a", "b"]], ["$remove": ["a"]], ["c"], ["$add": ["c", "d"]]]),
    ("best", [3, 9, 5]), ("least", [3, 9, 1]), ("level", ["SILVER", "GOLD", "BRONZE"]),
    ("since", ["2026-01-01T00:00:00Z", "2025-01-01T00:00:00+02:00", "2026-05-01T00:00:00Z"]),
    ("longest", ["PT90S", "PT1M", "PT2M"]),
    ("notes", [["a": ["b": 1, "c": 2]], ["a": ["b": nil], "d": 3], ["a": 4]]),
    ("log", [["a", "b"], ["$add": ["b", "c"], "$remove": ["a"]], ["a", "d"]]),
    ("price", [1, 2]), ("poster", ["a", "b"]), ("stage", ["a", "b"]), ("mood", ["a", "b"]),
    ("diary", ["a", "b"]),
  ]

  @Test(arguments: edits.indices) func theServerMakesOfEditsWhatWasShown(_ index: Int) throws {
    let (field, arguments) = Self.edits[index]
    for together in [true, false] {
      var server = ModelServer(epoch: .of(1))
      var phone = TestDevice(1)
      try phone.sync(&server, at: TestApp.now)
      try phone.change(.create(.gig(1), ["title": "new"]), at: TestApp.now)
      for argument in arguments {
        try phone.change(.update(.gig(1), [field: argument]), at: TestApp.now)
        if !together { try phone.sync(&server, at: TestApp.now) }
      }
      let shown = phone.core.row(.gig(1))?[field]
      try phone.sync(&server, at: TestApp.now)
      #expect(phone.core.pendingCount == 0)
      #expect(phone.core.results.isEmpty)
      #expect(phone.core.row(.gig(1))?[field] == shown)
      #expect(shown != nil && shown != .null)
    }
  }

  /// Lanes are restamped one by one: a row may be made under a later stamp than its edit in another.
  @Test func anEditIsShownOverTheCreationWhateverTheirStamps() throws {
    let stamps = [9, 5, 7].map {
      Stamp(time: HybridTime(milliseconds: TestApp.now + $0, counter: 0), client: .of(1))
    }
    var fold = RowFold(nil, TestApp.plan["gigs"])
    let made: JSONObject = ["title": "new", "diary": "a", "tags": ["x"]]
    fold.apply(.create(collection: "gigs", id: .of(1), fields: made), at: stamps[0])
    for (stamp, word) in zip(stamps[1...], ["b", "c"] as [JSON]) {
      let edit: JSONObject = ["diary": word, "tags": ["$add": [word], "$remove": ["x"]]]
      fold.apply(
        .update(collection: "gigs", id: .of(1), fields: edit, base: [:]), at: stamp)
    }
    #expect(fold.fields?["diary"] == "c")
    #expect(fold.fields?["tags"] == ["b", "c"])
  }

  @Test func anEditNamesTheStampThatItWasMadeOn() throws {
    var server = ModelServer(epoch: .of(1))
    server.write(.create(.gig(1), ["price": 1, "title": "a"]), at: TestApp.now)
    var phone = TestDevice(1)
    try phone.sync(&server, at: TestApp.now)
    let stamp = try #require(phone.core.stored(.gig(1))?.clocks["price"])
    try phone.change(.update(.gig(1), ["price": 2, "title": "b"]), at: TestApp.now)
    guard case .update(_, _, _, let base)? = phone.core.retained[.live]?.first?.operations.first
    else {
      Issue.record("no update")
      return
    }
    #expect(base == ["price": stamp])
    let second = try phone.change(.update(.gig(1), ["price": 3]), at: TestApp.now)
    try phone.sync(&server, at: TestApp.now)
    #expect(phone.core.outcome(of: second) == .ok)
    // On a value that the server no longer has it is refused.
    let late = try phone.change(.update(.gig(1), ["price": 4]), at: TestApp.now)
    server.write(.update(.gig(1), ["price": 9]), at: TestApp.now)
    try phone.sync(&server, at: TestApp.now)
    #expect(phone.core.results[late]?.code == "conflict")
    #expect(phone.core.row(.gig(1))?["price"] == 9)
  }

  @Test func onlyRowsWithSomethingPendingAreFolded() throws {
    var server = ModelServer(epoch: .of(1))
    for number in 0..<50 { server.write(.create(.gig(number), ["title": "x"]), at: TestApp.now) }
    var phone = TestDevice(1)
    try phone.sync(&server, at: TestApp.now)
    try phone.change(.update(.gig(7), ["title": "y"]), .delete(.gig(8)), at: TestApp.now)
    #expect(phone.core.touched == [.gig(7), .gig(8)])
    #expect(Set(phone.core.lanes.pending.keys) == [.gig(7), .gig(8)])
    #expect((phone.core.rows("gigs").count, phone.core.synced("gigs").count) == (49, 50))
    try phone.sync(&server, at: TestApp.now)
    #expect(phone.core.lanes.pending.isEmpty)
  }

  // MARK: Clocks

  @Test(arguments: [-10, 0, 10]) func editsOfAWrongClockAreCorrected(_ years: Int64) throws {
    var server = ModelServer(epoch: .of(1))
    server.write(.create(.gig(1), ["title": "a"]), at: TestApp.now - 10_000)
    var phone = TestDevice(1)
    phone.skew = years * 365 * 86_400_000
    try phone.change(.update(.gig(1), ["title": "first"]), at: TestApp.now - 5000)
    try phone.change(.update(.gig(1), ["title": "mine"]), at: TestApp.now - 4000)
    try phone.sync(&server, at: TestApp.now)
    let stamp = try #require(server.rows[.gig(1)]?.fields["title"]?.clocks.stamp)
    #expect(server.visible("gigs")[.of(1)]?["title"] == "mine")
    #expect(abs(stamp.time.milliseconds - (TestApp.now - 4000)) < 2000)
    // The next edits have the server's time at once.
    try phone.change(.update(.gig(1), ["title": "later"]), at: TestApp.now + 1000)
    let made = try #require(phone.core.retained[.live]?.last?.stamp)
    #expect(abs(made.time.milliseconds - TestApp.now - 1000) < 1000)
  }

  @Test func aClockThatWasSetBackMakesLaterStampsAllTheSame() throws {
    var server = ModelServer(epoch: .of(1))
    server.write(.create(.gig(1), ["title": "a"]), at: TestApp.now)
    var phone = TestDevice(1)
    try phone.sync(&server, at: TestApp.now)
    try phone.change(.update(.gig(1), ["title": "b"]), at: TestApp.now + 1000)
    phone.skew = -86_400_000
    try phone.change(.update(.gig(1), ["title": "c"]), at: TestApp.now + 2000)
    #expect(phone.core.row(.gig(1))?["title"] == "c")
    try phone.sync(&server, at: TestApp.now + 3000)
    #expect(server.visible("gigs")[.of(1)]?["title"] == "c")
  }

  // MARK: Vectors

  private func vectors(_ name: String) throws -> JSON {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/vectors")
    let bytes = try Data(contentsOf: folder.appending(path: name + ".json"))
    return try JSON.parse(Array(bytes), maxDepth: 64)
  }

  @Test func lanesDecideAsTheVectorsSay() throws {
    let table = try vectors("lanes")
    let client = try #require(UUID(table["cid"]?.string ?? ""))
    for item in table["client"]?.array ?? [] {
      let name = item["name"]?.string ?? ""
      func position(_ json: JSON?) throws -> LanePosition {
        LanePosition(
          last: try #require(json?["last"]?.int),
          chain: try #require(ChainHash(json?["chain"]?.string ?? "")))
      }
      let floor = try position(item["floor"])
      var head = floor
      let retained = try (item["chains"]?.array ?? []).map { text in
        let chain = try #require(ChainHash(text.string ?? ""))
        let mutation = ClientMutation(
          seq: head.last + 1, nonce: 0, oid: chain, prev: head.chain, chain: chain, stamp: .zero,
          schema: "1.0.0", operations: [])
        head = LanePosition(last: mutation.seq, chain: chain)
        return mutation
      }
      var queue = LaneQueue(
        log: LaneLog(
          client: client, lane: .live, head: head,
          acknowledged: try #require(item["acknowledged"]?.int), floor: floor, retained: retained))
      let durable = item["durable"].flatMap { $0.isNull ? Optional<JSON>.none : $0 }
      let decision = queue.receive(
        LaneStatus(position: try position(item["server"]), durable: try durable.map(position)))
      let said = item["decision"]?.string
      #expect(decision == (said == "fork" ? .fork : said == "replay" ? .replay : .goOn), "\(name)")
      #expect(queue.log.acknowledged == item["acknowledgedAfter"]?.int, "\(name)")
      queue.trim { _, _ in true }
      let kept = (item["retainedAfter"]?.array ?? []).compactMap(\.int)
      #expect(queue.log.retained.map(\.seq) == kept, "\(name)")
    }
  }

  @Test func offsetsAndRestampingAreThoseOfTheVectors() throws {
    let table = try vectors("clock")
    func time(_ json: JSON?) throws -> HybridTime {
      try #require(HybridTime(json?.string ?? ""))
    }
    for item in table["offsets"]?.array ?? [] where item["before"]?.int == 0 {
      var clock = DeviceClock()
      let shift = clock.measure(
        sent: try #require(item["sent"]?.int), received: try #require(item["received"]?.int),
        server: try #require(item["server"]?.int))
      #expect(shift == item["shift"]?.int)
      #expect(clock.offset.milliseconds == item["after"]?.int)
    }
    for item in table["restamped"]?.array ?? [] where try time(item["after"]).rawValue == 0 {
      var lanes = Lanes(client: .of(1))
      for stamp in item["stamps"]?.array ?? [] {
        _ = lanes.append(
          [.delete(.gig(1))], to: .live, nonce: 0, time: try time(stamp["made"]), schema: "1.0.0",
          note: Lanes.Note(seen: try time(stamp["seen"]), bytes: 0, tiers: []))
      }
      _ = lanes.restamp(
        shift: try #require(item["shift"]?.int), now: try #require(item["now"]?.int),
        clock: HybridTime(rawValue: .max))
      let given = lanes.queues[.live]?.log.retained.map(\.stamp.time) ?? []
      let expected = try (item["stamps"]?.array ?? []).map { try time($0["corrected"]) }
      #expect(given == expected, "\(item["name"]?.string ?? "")")
    }
  }

  @Test func framesOfTheVectorsAreTakenIn() throws {
    var phone = TestDevice(1)
    var taken = 0
    for json in try vectors("frames")["frames"]?.array ?? [] {
      let frame = try FrameReader().frame(json)
      _ = phone.core.request(wall: TestApp.now)
      do {
        _ = try phone.receive([frame], at: TestApp.now)
        taken += 1
      } catch {
        #expect(["hello", "push", "digest", "leaves", "fetch", "ack"].contains(frame.name))
      }
      phone.core.state = .syncing
    }
    #expect(taken > 8)
  }
}
