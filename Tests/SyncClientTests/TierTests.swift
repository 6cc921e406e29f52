import Foundation
import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// Tiers: which lane a change takes, what is pushed before what, and what never leaves.
@Suite struct TierTests {
  private var server = ModelServer(epoch: .of(1))
  private var phone = TestDevice(1)
  private let wall = TestApp.now

  init() throws {
    server.write(.create(.gig(1), ["title": "Loud"]), at: wall)
    server.write(.create(.news(2), ["title": "Old"]), at: wall)
    try phone.sync(&server, at: wall)
  }

  static let lanes: [(name: String, operations: [ClientOperation], lane: Lane)] = [
    ("a row", [.create(.gig(5), ["title": "x"])], .live),
    ("a row of a slow tier", [.create(.news(5), ["title": "x"])], .daily),
    ("a field of a slow tier", [.update(.gig(1), ["diary": "x"])], .daily),
    ("fields of two tiers", [.update(.gig(1), ["diary": "x", "title": "y"])], .live),
    (
      "rows of two tiers", [.update(.news(2), ["title": "x"]), .update(.gig(1), ["title": "y"])],
      .live
    ),
    ("a row that goes", [.delete(.news(2))], .daily),
    ("an action", [.action(name: "tidy", arguments: [:])], .live),
    ("a choice", [.resolve(conflict: .of(9), choice: .mine)], .live),
  ]

  @Test(arguments: lanes.indices) mutating func aChangeTakesTheMostUrgentLane(
    _ index: Int
  ) throws {
    let (name, operations, lane) = Self.lanes[index]
    try phone.core.change(operations, nonce: 1, wall: wall)
    #expect(phone.core.retained.filter { !$0.value.isEmpty }.map(\.key) == [lane], "\(name)")
  }

  /// The lanes and places of the pushes of a request.
  private mutating func pushes(_ tiers: [Lane]) -> [String] {
    phone.core.request(wall: wall, tiers: tiers).compactMap { frame in
      guard case .push(let push) = frame else { return nil }
      return "\(push.lane.rawValue) \(push.mutations.map { String($0.seq) }.joined(separator: ","))"
    }
  }

  @Test mutating func aSlowLaneWaitsForItsTime() throws {
    try phone.change(.update(.news(2), ["title": "x"]), at: wall)
    try phone.change(.update(.gig(1), ["title": "y"]), at: wall)
    #expect(pushes([.live]) == ["LIVE 1"])
    #expect(pushes([.daily]) == ["DAILY 1"])
    #expect(pushes([]) == ["LIVE 1", "DAILY 1"])
  }

  @Test mutating func rowsThatAreNamedGoBeforeThoseThatNameThem() throws {
    try phone.change(.create(.gig(5), ["title": "first"]), at: wall)
    try phone.change(
      .create(.news(6), ["title": "of it", "gig": .string(UUID.of(5).description)]), at: wall)
    try phone.change(.update(.gig(1), ["news": .string(UUID.of(6).description)]), at: wall)
    // The gig of the news is before the news, which is before the gig that names it.
    #expect(pushes([.live]) == ["LIVE 1", "DAILY 1", "LIVE 2"])
    #expect(pushes([.daily]) == ["LIVE 1", "DAILY 1"])
    #expect(try phone.sync(&server, at: wall))
    #expect(phone.core.results.isEmpty)
  }

  @Test mutating func aChangeAcrossTiersFlushesWhatTouchesItsRows() throws {
    try phone.change(.update(.news(2), ["title": "slow"]), at: wall)
    try phone.change(.update(.news(3), ["title": "other"]), at: wall)
    try phone.change(.update(.gig(1), ["title": "live alone"]), at: wall)
    #expect(pushes([.live]) == ["LIVE 1"])
    try phone.change(
      .update(.news(2), ["title": "both"]), .update(.gig(1), ["title": "both"]), at: wall)
    #expect(pushes([.live]) == ["LIVE 1", "DAILY 1", "LIVE 2"])
  }

  @Test mutating func whatAPullDidNotBringStaysPendingInSight() throws {
    try phone.change(
      .update(.news(2), ["plays": ["$increment": 1]]),
      .update(.gig(1), ["plays": ["$increment": 1]]),
      at: wall)
    #expect(try phone.ask(&server, at: wall, tiers: [.live]) == .committed)
    #expect(phone.core.pendingCount == 0)
    #expect(phone.core.row(.news(2))?["plays"] == 1)
    #expect(phone.core.synced("news")[.of(2)]?["plays"] == 0)
    #expect(phone.core.row(.gig(1))?["plays"] == 1)
    #expect(try phone.ask(&server, at: wall) == .committed)
    #expect(phone.core.row(.news(2))?["plays"] == 1)
    #expect(phone.core.synced("news")[.of(2)]?["plays"] == 1)
  }

  // MARK: What never leaves

  private func bytes(_ frames: [Frame]) -> String {
    frames.map { String(decoding: $0.encoded, as: UTF8.self) }.joined(separator: "\n")
  }

  @Test mutating func rowsOfALocalCollectionAreInNoFrame() throws {
    let oid = try phone.change(.create(.setting(1), ["theme": "SECRET"]), at: wall)
    try phone.change(.update(.setting(1), ["opened": ["$increment": 2]]), at: wall)
    #expect((oid, phone.core.pendingCount) == (ClientCore.local, 0))
    #expect(phone.core.row(.setting(1)) == ["theme": "SECRET", "opened": 2])
    #expect(phone.core.rows("settings").count == 1)
    #expect(!bytes(phone.core.request(wall: wall)).contains("SECRET"))
    try phone.change(.delete(.setting(1)), at: wall)
    #expect(phone.core.row(.setting(1)) == nil)
  }

  @Test mutating func theIdsAreThoseOfTheRowsThatAreShown() throws {
    func agree() -> Bool {
      ["gigs", "settings"].allSatisfy { name in
        phone.core.ids(name).sorted() == phone.core.rows(name).keys.sorted()
      }
    }
    let before = phone.core.ids("gigs").count
    try phone.change(.create(.setting(1), ["theme": "dark"]), at: wall)
    try phone.change(.create(.gig(5), ["title": "x"]), at: wall)
    try phone.change(.update(.gig(1), ["title": "y"]), at: wall)
    #expect(phone.core.ids("gigs").count == before + 1)
    #expect(phone.core.ids("settings").count == 1)
    #expect(agree())
    // One that the server has and one that it has not, both gone before it hears of it.
    try phone.change(.delete(.gig(1)), at: wall)
    try phone.change(.delete(.gig(5)), at: wall)
    #expect(phone.core.ids("gigs").count == before - 1)
    #expect(agree())
  }

  @Test mutating func aLocalFieldStaysBesideARowThatTravels() throws {
    try phone.change(.create(.gig(5), ["title": "x", "pinned": true]), at: wall)
    #expect(try phone.change(.update(.gig(1), ["pinned": true]), at: wall) == ClientCore.local)
    let request = phone.core.request(wall: wall)
    #expect(bytes(request).contains("title"))
    #expect(!bytes(request).contains("pinned"))
    try phone.sync(&server, at: wall)
    #expect(phone.core.row(.gig(5))?["pinned"] == true)
    #expect(phone.core.row(.gig(1))?["pinned"] == true)
    #expect(phone.core.results.isEmpty)
    server.write(.delete(.gig(5)), at: wall)
    try phone.sync(&server, at: wall)
    #expect(phone.core.store.local(.gig(5)) == nil)
    #expect(phone.core.store.local(.gig(1)) != nil)
  }

  // MARK: Bounds

  @Test func whatNoFrameMayHoldIsRefusedWhole() throws {
    func nested(_ depth: Int) -> JSON { (0..<depth).reduce(1) { value, _ in .array([value]) } }
    func change(_ operations: [ClientOperation]) -> Bool {
      var device = phone
      let before = device.core.rows("gigs")
      do {
        try device.core.change(operations, nonce: 1, wall: wall)
        return true
      } catch {
        return device.core.rows("gigs") != before || device.core.pendingCount > 0
      }
    }
    let update = ClientOperation.update(.gig(1), ["title": "x"])
    #expect(change([update]))
    #expect(!change([]))
    #expect(change(Array(repeating: update, count: 1000)))
    #expect(!change(Array(repeating: update, count: 1001)))
    #expect(change([.update(.gig(1), ["notes": nested(34)])]))
    #expect(!change([.update(.gig(1), ["notes": nested(40)])]))
    #expect(!change([update, .update(.gig(1), ["notes": .double(.nan)])]))
    #expect(!change([.delete(RowKey(collection: "gigs", id: .zero))]))
    #expect(!change([.delete(RowKey(collection: "", id: .of(1)))]))
    let text = String(repeating: "x", count: 2_900_000)
    #expect(change([.update(.gig(1), ["title": .string(text)])]))
    #expect(!change([.update(.gig(1), ["title": .string(text + text)])]))
  }

  @Test mutating func aRequestStaysWithinWhatADoorTakes() throws {
    let text = JSON.string(String(repeating: "\u{1}", count: 100_000))
    for _ in 0..<10 { try phone.change(.update(.gig(1), ["title": text]), at: wall) }
    for _ in 0..<1200 { try phone.change(.update(.gig(1), ["best": 1]), at: wall) }
    let request = phone.core.request(wall: wall)
    #expect(bytes(request).utf8.count < 4_194_304)
    let read = try FrameReader().frames(Array(bytes(request).utf8))
    #expect(read.count == request.count)
    #expect(try phone.sync(&server, at: wall))
  }
}
