import Queries
import Records
import RoostCore
import Rules
import Testing

private let schema = """
  type Song @collection @index(fields: ["owner", "plays"]) @allow(ops: [ALL], owner: "owner") {
    owner: User!
    title: String!
    plays: Int
    rating: Float
    day: Date
  }
  """

@Suite struct ListTests {
  /// Pages through a list to its end.
  private func all(
    _ house: RecordsHouse, _ sort: String, limit: Int
  ) async throws -> [JSON] {
    var items: [JSON] = []
    var query = ListQuery(limit: limit, sort: try house.sort(sort, of: "songs"))
    for _ in 0..<200 {
      let page = try await house.records.list(house.collection("songs"), query, by: house.ann)
      items += try JSON.parse(page.items).array ?? []
      guard let next = page.next else { return items }
      query.after = next
    }
    return items
  }

  @Test(arguments: ["id", "createdAt", "updatedAt", "version", "title", "plays", "rating", "day"])
  func pagesOfEveryOrderHoldEachRowOnceNullsFirst(name: String) async throws {
    let house = try await RecordsHouse(schema)
    for index in 0..<40 {
      let isEmpty = index % 5 == 0
      try await house.create(
        "songs",
        [
          "title": .string("t\(index % 7)"), "plays": isEmpty ? .null : .int(Int64(index % 4)),
          "rating": isEmpty ? .null : .double(Double(index % 3) / 3),
          "day": isEmpty ? .null : .string("2026-01-0\(index % 8 + 1)"),
        ])
      house.time.advance(1)
      try await house.create("songs", ["title": "other"], by: house.bob)
    }
    for descending in [false, true] {
      let whole = try await all(house, (descending ? "-" : "") + name, limit: 200)
      #expect(whole.count == 40)
      #expect(Set(whole.compactMap { $0["id"]?.string }).count == 40)
      let paged = try await all(house, (descending ? "-" : "") + name, limit: 3)
      #expect(paged == whole)
      let isNull = whole.map { $0[name]?.isNull == true }
      let expected = isNull.sorted { $0 != $1 && $0 != descending }
      #expect(isNull == expected)
    }
    await house.close()
  }

  @Test func countsFollowTheRules() async throws {
    let house = try await RecordsHouse(schema)
    for _ in 0..<3 { try await house.create("songs", ["title": "a"]) }
    try await house.create("songs", ["title": "a"], by: house.bob)
    for count in [ListQuery.Count.exact, .estimated] {
      let page = try await house.records.list(
        house.collection("songs"), ListQuery(limit: 1, count: count), by: house.ann)
      #expect(page.count == 3)
    }
    await house.close()
  }

  @Test func anOrderThatDoesNotExistIsRefusedWithTheNearestName() async throws {
    let house = try await RecordsHouse(schema)
    let error = await refusal {
      _ = try house.sort("-titel", of: "songs")
    }
    #expect(error?.code == .invalid)
    #expect(error?.detail.contains("title") == true)
    await house.close()
  }

  @Test(arguments: [
    ("id", "ix$songs$owner"), ("-plays", "ix$songs$owner$plays"),
  ]) func anIndexServesTheOrder(sort: String, index: String) async throws {
    let house = try await RecordsHouse(schema)
    let owner = UUID(high: 1, low: 2)
    let plays = house.database.dialect.order(descending: true)
    let order: SQL = sort == "id" ? "id" : "plays\(plays), id DESC"
    let plan = try await house.plan(
      """
      SELECT * FROM songs WHERE "deletedAt" IS NULL AND owner = \(owner) ORDER BY \(order) LIMIT 3
      """)
    let uses = ["USING INDEX \(index) (", "using \"\(index)\" on", "\"\(index)\" on"]
    #expect(plan.contains { line in uses.contains { line.contains($0) } }, "\(plan)")
    #expect(!house.database.dialect.sorts(plan), "\(plan)")
    await house.close()
  }
}

@Suite struct LongListTests {
  @Test func aPageEndsWhenItIsLarge() async throws {
    let house = try await RecordsHouse(schema)
    let title = String(repeating: "t", count: 1_000_000)
    for _ in 0..<7 { try await house.create("songs", ["title": .string(title)]) }
    var query = ListQuery()
    var pages: [Int] = []
    repeat {
      let page = try await house.records.list(house.collection("songs"), query, by: house.ann)
      pages.append(try JSON.parse(page.items).array?.count ?? 0)
      query.after = page.next
    } while query.after != nil
    #expect(pages == [5, 2])
    await house.close()
  }

  @Test func aPositionWithoutItsValueReadsItFromTheRow() async throws {
    let house = try await RecordsHouse(schema)
    for title in ["a", "b", "c"] { try await house.create("songs", ["title": .string(title)]) }
    let sort = try house.sort("title", of: "songs")
    let first = try await house.list("songs", ListQuery(limit: 1, sort: sort))
    let rest = try await house.list(
      "songs",
      ListQuery(
        sort: sort, after: PagePosition(values: nil, id: RecordsHouse.uuid(first[0]["id"]))))
    #expect(rest.map { $0["title"]?.string } == ["b", "c"])
    await house.close()
  }
}
