import Queries
import Records
import RoostCore
import Rules
import Schema
import TestEngine
import Testing

private let schema = """
  type Team @collection @allow(ops: [READ]) {
    name: String
    members: [Member!]! @relation(inverse: "team")
  }
  type Member @collection @allow(ops: [READ], owner: "user") {
    team: Team! @relation(inverse: "members", onDelete: CASCADE)
    user: User!
  }
  type Gig @collection @index(fields: ["owner", "fee"]) @index(fields: ["team", "rank"])
    @allow(ops: [READ], owner: "owner")
    @allow(ops: [READ], member: "team.members.user", except: ["fee", "day"])
    @allow(ops: [READ], when: "shared", except: ["fee", "rank"])
    @allow(ops: [READ], when: "shared && rank == 1", except: ["rank", "day"])
    @deny(ops: [READ], when: "closed") {
    owner: User!
    team: Team
    shared: Boolean!
    closed: Boolean
    rank: Int
    fee: Int
    day: String
  }
  """

/// A row of the test, as its own reader of the rules sees it.
private struct Gig {
  let id: RoostCore.UUID
  let isOwn: Bool
  let team: Int?
  let isShared: Bool
  let isClosed: Bool?
  let values: [String: JSON]

  func isVisible(_ teams: Set<Int>) -> Bool {
    isClosed != true && (isOwn || isMember(teams) || isShared)
  }

  private func isMember(_ teams: Set<Int>) -> Bool { team.map(teams.contains) ?? false }

  /// The value that the reader sees; null where it is hidden.
  func shown(_ name: String, _ teams: Set<Int>) -> JSON {
    let isShown =
      switch name {
      case "rank": isOwn || isMember(teams)
      case "fee": isOwn || isShared && values["rank"] == 1
      case "day": isOwn || isShared
      default: true
      }
    return isShown ? values[name] ?? .null : .null
  }
}

/// Pages of rows that several rules show, against a sorted list of what a plain reader of the rules
/// sees.
@Suite struct AlternativesTests {
  private static let orders = [
    "id", "-id", "fee", "-fee", "rank", "-rank", "day", "-day", "fee,-rank", "-rank,day",
    "day,fee,rank",
    "-day,-rank,id",
  ]

  /// `teams` is how many teams the caller is in: none, few, or more than are read one by one.
  @Test(arguments: [0, 3, 25])
  func pagesHoldEachVisibleRowOnceInOrder(teams: Int) async throws {
    // Its orders have no index, and a busy machine makes their work look like much.
    let house = try await RecordsHouse(schema, listWork: nil)
    var random = SplitMix(state: 41 + UInt64(teams))
    let (rows, mine) = try await AlternativesTests.fill(house, teams, &random)
    for order in AlternativesTests.orders {
      let keys = try order.split(separator: ",").flatMap { try house.sort(String($0), of: "gigs") }
      for filter in [nil, "fee == null", "rank > 0", "fee != 1 && day != 'b'", "shared || fee > 0"]
      {
        var query = ListQuery(limit: [1, 3, 7, 200][Int(random.next() % 4)], sort: keys)
        if let filter {
          query.filter = try house.records.reader(house.ann)
            .filter(filter, of: house.collection("gigs"))
        }
        let expected = AlternativesTests.sorted(
          rows.filter { $0.isVisible(mine) && AlternativesTests.test(filter, $0, mine) }, order,
          mine)
        var found: [RoostCore.UUID] = []
        repeat {
          let page = try await house.records.list(house.collection("gigs"), query, by: house.ann)
          for item in try JSON.parse(page.items).array ?? [] {
            let id = RecordsHouse.uuid(item["id"])
            found.append(id)
            let row = try #require(rows.first { $0.id == id })
            for name in ["fee", "rank", "day"] {
              #expect(item[name] ?? .null == row.shown(name, mine), "\(name) of \(item)")
            }
          }
          query.after = page.next
        } while query.after != nil
        #expect(found == expected.map(\.id), "sort=\(order) filter=\(filter ?? "")")
      }
    }
    await house.close()
  }

  @Test func aRequiredFieldThatOneRuleHidesLosesNoRowBehindAHiddenOne() async throws {
    let house = try await RecordsHouse(
      """
      type Gig @collection
        @allow(ops: [ALL], owner: "owner")
        @allow(ops: [READ], when: "shared == true", except: ["fee"])
      { owner: User! @immutable, fee: Int!, shared: Boolean! }
      """)
    for fee in 1...2 {
      try await house.create(
        "gigs", ["fee": .int(Int64(fee)), "shared": false], by: house.ann)
    }
    for fee in 3...5 {
      try await house.create("gigs", ["fee": .int(Int64(fee)), "shared": true], by: house.bob)
    }
    for order in ["fee", "-fee"] {
      var query = ListQuery(limit: 2, sort: try house.sort(order, of: "gigs"))
      var found: [RoostCore.UUID] = []
      repeat {
        let page = try await house.records.list(house.collection("gigs"), query, by: house.ann)
        for item in try JSON.parse(page.items).array ?? [] {
          found.append(RecordsHouse.uuid(item["id"]))
        }
        query.after = page.next
      } while query.after != nil
      #expect(found.count == 5 && Set(found).count == 5, "\(order): \(found)")
    }
    await house.close()
  }

  @Test(.enabled(if: TestEngine.current == .sqlite, "a plan in the words of SQLite"))
  func whatALateralRuleShowsIsReadInRangesAndBoundedByThePage() async throws {
    let house = try await RecordsHouse(schema)
    var random = SplitMix(state: 7)
    _ = try await AlternativesTests.fill(house, 3, &random)
    let found = try await house.records.explain(
      .read, house.collection("gigs"), nil, for: house.ann)
    #expect(found.usesIndex, "\(found.plan)")
    #expect(!found.plan.contains { $0.contains("MULTI-INDEX OR") }, "\(found.plan)")
    // Four ranges of teams, one's own, and what is shared; what is shared with rank 1 is among it.
    #expect(
      found.plan.filter { $0.hasPrefix("SEARCH t0 USING INDEX ix") }.count == 6, "\(found.plan)")
    await house.close()
  }

  @Test(.enabled(if: TestEngine.current == .sqlite, "its limit is in steps of SQLite"))
  func aListThatNoIndexServesNamesTheIndex() async throws {
    let house = try await RecordsHouse(
      schema, listWork: WorkLimit(milliseconds: 0, freeSteps: 4000))
    var random = SplitMix(state: 9)
    let (rows, mine) = try await AlternativesTests.fill(house, 3, &random, count: 1500)
    let gigs = house.collection("gigs")
    #expect(try await house.list("gigs", ListQuery(limit: 5)).count == 5)
    func error(_ filter: String?, _ sort: String, _ count: ListQuery.Count = .none) async
      -> RoostError?
    {
      await refusal {
        var query = ListQuery(limit: 5, sort: try house.sort(sort, of: "gigs"), count: count)
        query.filter = try filter.map { try house.records.reader(house.ann).filter($0, of: gigs) }
        _ = try await house.records.list(gigs, query, by: house.ann)
      }
    }
    let filtered = await error("day == 'zzz'", "id")
    #expect(filtered?.code == .invalid)
    #expect(filtered?.issues.map(\.pointer) == ["?filter"])
    #expect(filtered?.issues.map(\.code) == ["no_index"])
    #expect(filtered?.detail.contains("@index(fields: [\"owner\", \"day\"])") == true)
    let sorted = await error(nil, "day")
    #expect(sorted?.issues.map(\.pointer) == ["?sort"])
    #expect(await error(nil, "id", .exact)?.issues.map(\.pointer) == ["?count"])
    // The next read has a limit of its own.
    #expect(try await house.list("gigs", ListQuery(limit: 5)).count == 5)
    #expect(rows.contains { $0.isVisible(mine) })
    await house.close()
  }

  // MARK: Rows

  /// Teams of which the caller is in the first `teams`, and gigs; gives the gigs and those teams.
  private static func fill(
    _ house: RecordsHouse, _ teams: Int, _ random: inout SplitMix, count: Int = 160
  ) async throws -> ([Gig], Set<Int>) {
    func uuid() -> RoostCore.UUID { UUID(high: random.next(), low: random.next()) }
    func make(_ name: String, _ body: JSON) async throws {
      _ = try await house.records.create(house.collection(name), body, by: .system)
    }
    let ann = JSON.string(house.ann.uid?.description ?? "")
    let bob = JSON.string(house.bob.uid?.description ?? "")
    let ids = (0..<(teams + 3)).map { _ in uuid() }
    for (index, id) in ids.enumerated() {
      try await make("teams", ["id": .string(id.description)])
      try await make(
        "members", ["team": .string(id.description), "user": index < teams ? ann : bob])
    }
    // In a team twice, once no longer.
    if teams > 0 {
      try await make("members", ["team": .string(ids[0].description), "user": ann])
    }
    var rows: [Gig] = []
    for _ in 0..<count {
      func maybe(_ value: JSON) -> JSON { random.next() % 3 == 0 ? .null : value }
      let team = random.next() % 3 == 0 ? nil : Int(random.next() % UInt64(ids.count))
      let closed = maybe(.bool(random.next() % 6 == 0))
      let row = Gig(
        id: uuid(), isOwn: random.next() % 3 == 0, team: team, isShared: random.next() % 3 == 0,
        isClosed: closed == .null ? nil : closed == .bool(true),
        values: [
          "rank": maybe(.int(Int64(random.next() % 3))),
          "fee": maybe(.int(Int64(random.next() % 4))),
          "day": maybe(.string(["a", "b", "c"][Int(random.next() % 3)])),
        ])
      rows.append(row)
      try await make(
        "gigs",
        [
          "id": .string(row.id.description), "owner": row.isOwn ? ann : bob,
          "team": team.map { .string(ids[$0].description) } ?? .null, "shared": .bool(row.isShared),
          "closed": closed, "rank": row.values["rank"] ?? .null, "fee": row.values["fee"] ?? .null,
          "day": row.values["day"] ?? .null,
        ])
    }
    return (rows, Set(0..<teams))
  }

  private static func test(_ filter: String?, _ row: Gig, _ teams: Set<Int>) -> Bool {
    let fee = row.shown("fee", teams)
    let rank = row.shown("rank", teams)
    let day = row.shown("day", teams)
    switch filter {
    case "fee == null": return fee == .null
    case "rank > 0": return rank != .null && rank != 0
    case "fee != 1 && day != 'b'": return fee != .null && fee != 1 && day != .null && day != "b"
    case "shared || fee > 0": return row.isShared || fee != .null && fee != 0
    default: return true
    }
  }

  private static func sorted(_ rows: [Gig], _ order: String, _ teams: Set<Int>) -> [Gig] {
    var keys = order.split(separator: ",").map(String.init)
    if keys.last?.hasSuffix("id") != true {
      keys.append(keys.last?.hasPrefix("-") == true ? "-id" : "id")
    }
    return rows.sorted { left, right in
      for key in keys {
        let isDescending = key.hasPrefix("-")
        let name = isDescending ? String(key.dropFirst()) : key
        let (first, second) = isDescending ? (right, left) : (left, right)
        if name == "id" { return first.id.bytes.lexicographicallyPrecedes(second.id.bytes) }
        let (a, b) = (rank(first.shown(name, teams)), rank(second.shown(name, teams)))
        if a != b { return a < b }
      }
      return false
    }
  }

  /// A number in the order of the values; null is the least.
  private static func rank(_ value: JSON) -> Int {
    switch value {
    case .int(let number): Int(number) + 1
    case .string(let text): Int(text.utf8.first ?? 0)
    default: 0
    }
  }
}

/// Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
