import Foundation
import Queries
import RoostCore
import Rules
import Schema
import Synchronization
import TestEngine
import Testing

@testable import Records

/// The tables of the streams against the rules from scratch, after writes by the dice.
@Suite struct StreamAuditTests {
  private static let users = (1...5).map { RoostCore.UUID(high: 0xA, low: UInt64($0)) }

  private static let bandstand: String = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let path = root.appendingPathComponent("Examples/bandstand/schema.graphql")
    return (try? String(contentsOf: path, encoding: .utf8)) ?? ""
  }()

  /// Values that the constraints of bandstand accept, with the clock of `TestTime`.
  private static let special: [String: [JSON]] = [
    "date": ["2019-01-01T20:00:00Z", "2020-01-01T20:00:00Z"],
    "startsAt": ["2030-01-01T20:00:00Z"], "endsAt": ["2030-01-01T22:00:00Z"],
    "duration": ["PT45M"], "website": ["https://a.example"],
  ]

  /// One of each form of rule: memberships with a test, edges, resolved references, tests of the
  /// first hop, roles, claims, denials, masks, and rows that nobody syncs but that give grants.
  private static func wide(
    song: String = #"""
    @allow(ops: [READ], owner: "owner")
    @allow(ops: [READ], owner: "list.band.founder", except: ["word"])
    @allow(ops: [READ], owner: "list.home.manager", fields: ["word", "plays"])
    @allow(ops: [READ], to: PUBLIC, when: "isOpen", fields: ["title"])
    @allow(ops: [READ], when: "word in ctx.claims", fields: ["title", "word"])
    @deny(ops: [READ], when: "plays == 3", exceptRoles: ["admin"])
    """#,
    note: String = #"""
    @allow(ops: [READ], member: "band.members.user", having: "rank == 'a'",
      when: "band.isOpen")
    @allow(ops: [READ], roles: ["support"], fields: ["text"])
    """#,
    fields: String = "", word: String = "@sync(tier: DAILY)", plays: String = "@sync(tier: HOURLY)"
  ) -> String {
    """
    enum Role @roles { musician support @inherits(from: ["musician"]) admin @inherits(from: ["support"]) }
    type Band @collection @allow(ops: [READ], owner: "founder") @allow(ops: [READ], owner: "manager") {
      founder: User! @immutable  manager: User  isOpen: Boolean
      members: [Member!]! @relation(inverse: "band")
    }
    type Member @collection @sync(tier: SERVER_ONLY) {
      band: Band! @immutable @relation(onDelete: CASCADE)  user: User! @immutable  rank: String
    }
    type SetList @collection @sync(tier: DAILY) @allow(ops: [READ], owner: "home.founder") {
      band: Band! @immutable @relation(onDelete: CASCADE)
      home: Band @relation(onDelete: SET_NULL)  title: String
    }
    type Song @collection \(song) {
      owner: User  list: SetList @relation(onDelete: SET_NULL)  isOpen: Boolean  title: String
      word: String \(word)  plays: Int \(plays)  cover: String @sync(tier: HOURLY) \(fields)
    }
    type Note @collection \(note) {
      band: Band @relation(onDelete: SET_NULL)  text: String
      parent: Note @relation(onDelete: CASCADE)
    }
    """
  }

  private static func house(
    _ schema: String, folder: String = RecordsHouse.folder()
  ) async throws -> RecordsHouse {
    let house = try await RecordsHouse(schema, folder: folder)
    house.people.known.withLock { $0.formUnion(users) }
    return house
  }

  private static let callers: [Caller] =
    [
      .everyone, Caller(uid: users[0], roles: ["admin"]),
      Caller(uid: users[1], roles: ["support"], claims: ["a"]),
      Caller(uid: users[2], isAnonymous: true, claims: ["b", "c"]), Caller(uid: users[3]),
      Caller(uid: users[4], claims: ["a", "b"]),
    ]

  private static func expectSeen(_ house: RecordsHouse, _ comment: Comment) async throws -> Int {
    #expect(house.records.catalogue.scopes.onlineOnly.isEmpty)
    var seen = 0
    for caller in callers {
      let visible = try await StreamAudit.visible(to: caller, house)
      #expect(try await visible == StreamAudit.listed(to: caller, house), comment)
      seen += visible.count
    }
    return seen
  }

  @Test(arguments: (TestEngine.isThorough ? [1, 2, 3] : [1]) as [UInt64], [false, true])
  func tablesSayWhatTheRulesSayAfterEveryWrite(_ seed: UInt64, _ isWide: Bool) async throws {
    let house = try await StreamAuditTests.house(
      isWide ? StreamAuditTests.wide() : StreamAuditTests.bandstand)
    var writer = RandomWriter(
      seed: seed, users: StreamAuditTests.users, special: StreamAuditTests.special)
    var audit = StreamAudit()
    var done: [RandomWriter.Step: Int] = [:]
    for number in 0..<220 {
      guard let step = try await writer.write(house) else { continue }
      done[step, default: 0] += 1
      try await audit.look(
        at: house, "seed \(seed), write \(number): \(step)", isSingle: step != .delete)
      if number % 20 == 0 {
        _ = try await StreamAuditTests.expectSeen(house, "seed \(seed), write \(number)")
      }
    }
    #expect(try await StreamAuditTests.expectSeen(house, "seed \(seed)") > 0)
    for step in [RandomWriter.Step.create, .update, .delete] { #expect(done[step] ?? 0 > 10) }
    #expect(audit.rested > 100 && audit.moved > 100)
    for table in ["roost_mask", "roost_grant"] {
      #expect(
        try await house.texts("SELECT count(*) > 0 FROM \(identifier: table)") == ["1"])
    }
    await house.close()
  }

  @Test(arguments: (TestEngine.isThorough ? [1, 2] : [1]) as [UInt64])
  func aChangedSchemaBringsEverythingInStepAtTheNextStart(_ seed: UInt64) async throws {
    var writer = RandomWriter(seed: seed, users: StreamAuditTests.users)
    var audit = StreamAudit()
    let plays = "@allow(ops: [READ], when: \"plays == 2\", except: [\"title\"])"
    let schemas = [
      StreamAuditTests.wide(),
      // Members give other grants, and bands other edges, by the rules of notes.
      StreamAuditTests.wide(note: #"@allow(ops: [READ], member: "band.members.user")"#),
      // Fewer rules, other masks.
      StreamAuditTests.wide(song: plays),
      // A field with a default that one mask shows and another does not.
      StreamAuditTests.wide(
        song: plays + #"@allow(ops: [READ], owner: "owner", fields: ["title"])"#,
        fields: "stars: Int! @default(value: \"3\")"),
      StreamAuditTests.wide(
        note: "@allow(ops: [READ]) @sync(tier: SERVER_ONLY)",
        fields: "stars: Int! @default(value: \"3\")"),
      StreamAuditTests.wide(fields: "stars: Int! @default(value: \"3\") mark: String"),
      // Fields in other tiers than before.
      StreamAuditTests.wide(
        fields: "stars: Int! @default(value: \"3\") mark: String", word: "",
        plays: "@sync(tier: DAILY)"),
      StreamAuditTests.wide(
        fields: "stars: Int! @default(value: \"3\") mark: String @sync(tier: ON_DEMAND)",
        plays: "@sync(tier: HOURLY)"),
    ]
    let folder = RecordsHouse.folder()
    for (round, schema) in schemas.enumerated() {
      let house = try await StreamAuditTests.house(schema, folder: folder)
      // Where fields change their tier, entries move whose values there are none.
      try await audit.look(at: house, "seed \(seed), start \(round)", isSingle: round < 6)
      for number in 0..<(TestEngine.isThorough ? 60 : 40) {
        guard let step = try await writer.write(house) else { continue }
        try await audit.look(
          at: house, "seed \(seed), start \(round), write \(number): \(step)",
          isSingle: step != .delete)
      }
      #expect(try await StreamAuditTests.expectSeen(house, "seed \(seed), start \(round)") > 0)
      await house.close(keepingFolder: round < schemas.count - 1)
    }
    #expect(audit.rested > 100)
  }

  @Test func aFieldMoreNarrowsMasksThatHadEveryFieldBefore() async throws {
    func schema(_ fields: String) -> String {
      """
      type Note @collection @allow(ops: [READ], to: PUBLIC, fields: ["text"])
        @allow(ops: [READ], to: PUBLIC, fields: ["plays"]) {
        text: String plays: Int \(fields)
      }
      """
    }
    let folder = RecordsHouse.folder()
    let first = try await StreamAuditTests.house(schema(""), folder: folder)
    _ = try await first.records.create(
      first.collection("notes"), ["text": "a"], by: .system)
    #expect(try await first.texts("SELECT coalesce(mask, 0) FROM roost_scope_row") == ["0"])
    await first.close(keepingFolder: true)
    let second = try await StreamAuditTests.house(schema("secret: String"), folder: folder)
    #expect(
      try await second.texts(
        "SELECT m.members FROM roost_scope_row r JOIN roost_mask m ON m.number = r.mask")
        == ["1,2"])
    #expect(try await second.texts("SELECT seq FROM roost_scope_head") == ["2"])
    await second.close()
  }

  @Test func aDatabaseFromBeforeTheGrantsIsBroughtInStep() async throws {
    let folder = RecordsHouse.folder()
    let first = try await StreamAuditTests.house(StreamAuditTests.wide(), folder: folder)
    var writer = RandomWriter(seed: 7, users: StreamAuditTests.users)
    for _ in 0..<80 { _ = try await writer.write(first) }
    let given = try await first.texts("SELECT count(*) FROM roost_grant")
    #expect(given != ["0"])
    _ = try await first.database.write { transaction in
      for table in ["roost_mask", "roost_grant", "roost_scope_edge"] {
        try await transaction.execute("DELETE FROM \(identifier: table)")
      }
      try await transaction.execute("UPDATE roost_scope_row SET mask = 0")
      return try await transaction.execute(
        "UPDATE roost_stream_rules SET signature = '[1,\"LIVE\",[]]'")
    }
    await first.close(keepingFolder: true)
    let second = try await StreamAuditTests.house(StreamAuditTests.wide(), folder: folder)
    var audit = StreamAudit()
    try await audit.look(at: second, "after the start", isSingle: false)
    #expect(try await second.texts("SELECT count(*) FROM roost_grant") == given)
    await second.close()
  }
}
