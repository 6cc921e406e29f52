import Queries
import RoostCore
import Rules
import Testing

@testable import Records

private let schema = """
  type Band @collection @allow(ops: [ALL], owner: "founder") {
    founder: User! @immutable
    members: [Member!]! @relation(inverse: "band")
  }
  type Member @collection @allow(ops: [READ], member: "band.members.user")
    @allow(ops: [ALL], owner: "band.founder") {
    band: Band! @immutable @relation(onDelete: CASCADE)
    user: User! @immutable
  }
  type Gig @collection @allow(ops: [ALL], owner: "owner")
    @allow(ops: [READ], member: "band.members.user", when: "isOpen", except: ["fee", "note"])
    @allow(ops: [READ], member: "band.members.user", when: "isPaid", fields: ["fee"]) {
    owner: User! @immutable
    band: Band @relation(onDelete: SET_NULL)
    place: String
    fee: Int
    note: String
    isOpen: Boolean! @default(value: "true")
    isPaid: Boolean! @default(value: "false")
  }
  """

@Suite struct StreamEntryTests {
  /// `scope seq rv kind members` of the entries of gigs, with short names.
  private func entries(_ house: RecordsHouse, _ names: [String: JSON]) async throws -> [String] {
    let number = house.collection("gigs").number
    let texts = try await house.texts(
      """
      SELECT h.scope || ' ' || r.seq || ' ' || r.rv || ' ' || r.kind || ' '
      || coalesce(m.members, '*') FROM roost_scope_row r
      JOIN roost_scope_head h ON h.stream = r.stream
      LEFT JOIN roost_mask m ON m.number = r.mask WHERE r.coll = \(number) ORDER BY h.stream
      """)
    return texts.map { text in
      names.reduce(text) {
        $0.replacing($1.value.string ?? "", with: $1.key)
          .replacing("Band:\($1.key)#members.user", with: $1.key)
      }.replacing("user:\(house.ann.uid?.description ?? "")", with: "ann")
    }
  }

  @Test func anEntryMovesWhenItsMaskOrAValueInsideItChanges() async throws {
    let house = try await RecordsHouse(schema)
    let one = try await house.create("bands", [:])["id"] ?? .null
    let two = try await house.create("bands", [:])["id"] ?? .null
    let names = ["one": one, "two": two]
    let gig = try await house.create("gigs", ["band": one, "place": "a"])["id"]
    let before = try await entries(house, names)
    let start = Int(before.first?.split(separator: " ")[1] ?? "") ?? 0
    func ann(_ step: Int, _ version: Int) -> String { "ann \(start + step) \(version) 1 *" }
    #expect(before == [ann(0, 1), "one 1 1 1 1,2,3,6,7"])
    // Outside of the mask of the band.
    try await house.update("gigs", gig, ["fee": 5, "note": "b"])
    #expect(try await entries(house, names) == [ann(1, 2), "one 1 1 1 1,2,3,6,7"])
    try await house.update("gigs", gig, ["fee": 6, "place": "b"])
    #expect(try await entries(house, names) == [ann(2, 3), "one 2 3 1 1,2,3,6,7"])
    // A wider mask is one put, and then the fee lies inside.
    try await house.update("gigs", gig, ["isPaid": true])
    #expect(try await entries(house, names) == [ann(3, 4), "one 3 4 1 1,2,3,4,6,7"])
    try await house.update("gigs", gig, ["fee": 7])
    #expect(try await entries(house, names) == [ann(4, 5), "one 4 5 1 1,2,3,4,6,7"])
    // `isOpen` itself goes out of sight.
    try await house.update("gigs", gig, ["isOpen": false])
    #expect(try await entries(house, names) == [ann(5, 6), "one 5 6 1 4"])
    try await house.update("gigs", gig, ["band": two])
    #expect(try await entries(house, names) == [ann(6, 7), "one 6 7 3 *", "two 1 7 1 4"])
    try await house.update("gigs", gig, ["isPaid": false])
    #expect(try await entries(house, names) == [ann(7, 8), "one 6 7 3 *", "two 2 8 3 *"])
    try await house.delete("gigs", gig)
    let gone = try await entries(house, names)
    #expect(gone == ["ann \(start + 8) 9 2 *", "one 6 7 3 *", "two 2 8 3 *"])
    await house.close()
  }

  @Test func aScopeIsHeldWhileAnyRowGrantsIt() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", [:])["id"] ?? .null
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    let first = try await house.create("members", ["band": band, "user": bob])["id"]
    let second = try await house.create("members", ["band": band, "user": bob])["id"]
    try await house.create("gigs", ["band": band])
    func seen() async throws -> Int {
      try await StreamAudit.visible(to: house.bob, house).keys.count { $0.hasPrefix("gigs") }
    }
    #expect(try await seen() == 1)
    try await house.delete("members", first)
    #expect(try await seen() == 1)
    #expect(try await house.texts("SELECT count(*) FROM roost_grant") == ["1"])
    try await house.delete("members", second)
    #expect(try await seen() == 0)
    #expect(try await house.texts("SELECT count(*) FROM roost_grant") == ["0"])
    await house.close()
  }

  @Test func aRefusedWriteGrantsNothing() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", [:])["id"] ?? .null
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    let error = await refusal {
      try await house.create("members", ["band": band, "user": bob], by: house.bob)
    }
    #expect(error != nil)
    #expect(try await house.texts("SELECT count(*) FROM roost_grant") == ["0"])
    await house.close()
  }

  @Test func aDeletedBandTakesItsGrantsAlong() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", [:])["id"] ?? .null
    for user in [house.ann, house.bob] {
      try await house.create(
        "members", ["band": band, "user": .string(user.uid?.description ?? "")])
    }
    let gig = try await house.create("gigs", ["band": band])["id"] ?? .null
    try await house.delete("bands", band)
    #expect(try await house.texts("SELECT count(*) FROM roost_grant") == ["0"])
    #expect(try await StreamAudit.visible(to: house.bob, house).isEmpty)
    let own = try await StreamAudit.visible(to: house.ann, house)
    #expect(own.keys.map { $0 } == ["gigs \(gig.string ?? "")"])
    await house.close()
  }

  /// Schemas that differ in one thing, and whether streams of notes depend on it.
  @Test(arguments: [
    ("", "", "", false),
    (" # a remark", "", "", false),
    ("", #"@allow(ops: [UPDATE], owner: "owner")"#, "", false),
    ("", #"@allow(ops: [READ], owner: "owner")"#, "", true),
    ("", #"@deny(ops: [READ], when: "text == 'a'")"#, "", true),
    ("", #"@sync(tier: DAILY)"#, "", true),
    ("", "", #"@allow(ops: [READ], member: "notes.readers.user")"#, true),
    ("", "", "", false),
  ])
  func theSignatureHoldsAllThatStreamsDependOn(
    _ remark: String, _ rules: String, _ other: String, _ differs: Bool
  ) async throws {
    let base = try await signature(StreamEntryTests.notes("", "", ""), "notes")
    let changed = try await signature(StreamEntryTests.notes(remark, rules, other), "notes")
    #expect((base != changed) == differs)
  }

  @Test func theSignatureKnowsRulesOfOtherCollectionsThatItGivesGrantsTo() async throws {
    let base = try await signature(StreamEntryTests.notes("", "", ""), "readers")
    let member = #"@allow(ops: [READ], member: "readers.user")"#
    let tested = #"@allow(ops: [READ], member: "readers.user", having: "level == 1")"#
    let plain = try await signature(StreamEntryTests.notes("", member, ""), "readers")
    let having = try await signature(StreamEntryTests.notes("", tested, ""), "readers")
    #expect(Set([base, plain, having]).count == 3)
  }

  private static func notes(_ remark: String, _ rules: String, _ other: String) -> String {
    """
    type Note @collection @allow(ops: [READ], to: PUBLIC) \(rules) {\(remark)
      owner: User! text: String readers: [Reader!]! @relation(inverse: "note")
      folder: Folder
    }
    type Reader @collection { note: Note! user: User! level: Int }
    type Folder @collection \(other) {
      owner: User! notes: [Note!]! @relation(inverse: "folder")
    }
    """
  }

  private func signature(_ schema: String, _ name: String) async throws -> String {
    let house = try await RecordsHouse(schema)
    let number = house.collection(name).number
    let texts = try await house.texts(
      "SELECT signature FROM roost_stream_rules WHERE collection = \(number)")
    await house.close()
    return try #require(texts.first)
  }
}
