import Records
import RoostCore
import Schema
import TestEngine
import Testing

/// Pages under more rules than are read one by one.
@Suite struct ManyAlternativesTests {
  /// Two collections in which the same rows show the same fields: by fifteen rules, and by two.
  private static let schema: String = {
    func type(_ name: String, _ rules: [String]) -> String {
      """
      type \(name) @collection @index(fields: ["kind"]) \(rules.joined(separator: " ")) {
        kind: Int!
        fee: Int
      }
      """
    }
    func rule(_ test: String, isShown: Bool) -> String {
      "@allow(ops: [READ], when: \"\(test)\"\(isShown ? "" : ", except: [\"fee\"]"))"
    }
    let many = (0..<15).map { rule("kind == \($0)", isShown: $0.isMultiple(of: 2)) }
    func kinds(_ first: Int) -> String {
      stride(from: first, to: 15, by: 2).map { "kind == \($0)" }.joined(separator: " || ")
    }
    return type("Many", many) + "\n"
      + type("Few", [rule(kinds(0), isShown: true), rule(kinds(1), isShown: false)])
  }()

  @Test func beyondTwelveRulesAPageIsTheSame() async throws {
    let house = try await RecordsHouse(ManyAlternativesTests.schema)
    var random = TestNumbers(17)
    for _ in 0..<120 {
      let body: JSON = [
        "id": .string(UUID(high: random.next(), low: random.next()).description),
        "kind": .int(Int64(random.next() % 20)),
        "fee": random.next() % 4 == 0 ? .null : .int(Int64(random.next() % 5)),
      ]
      for name in ["manies", "fews"] {
        _ = try await house.records.create(house.collection(name), body, by: .system)
      }
    }
    for sort in ["id", "-id", "fee", "-fee", "kind"] {
      for filter in [nil, "fee == null", "kind > 3 && fee != 1"] {
        for limit in [1, 7, 200] {
          let many = try await pages("manies", sort, filter, limit, in: house)
          #expect(
            try await pages("fews", sort, filter, limit, in: house) == many,
            "sort=\(sort) filter=\(filter ?? "") limit=\(limit)")
          #expect(many.count > 10)
        }
      }
    }
    if TestEngine.current == .sqlite {
      for (name, isUnion) in [("manies", false), ("fews", true)] {
        let found = try await house.records.explain(
          .read, house.collection(name), nil, for: house.ann)
        #expect(found.plan.contains { $0.contains("UNION") } == isUnion, "\(found.plan)")
      }
    }
    await house.close()
  }

  /// All rows of a list, page by page, without what the server sets by itself.
  private func pages(
    _ name: String, _ sort: String, _ filter: String?, _ limit: Int, in house: RecordsHouse
  ) async throws -> [JSON] {
    var query = ListQuery(limit: limit, sort: try house.sort(sort, of: name))
    query.filter = try filter.map {
      try house.records.reader(house.ann).filter($0, of: house.collection(name))
    }
    var rows: [JSON] = []
    repeat {
      let page = try await house.records.list(house.collection(name), query, by: house.ann)
      let items = try JSON.parse(page.items).array ?? []
      #expect(items.count <= limit)
      rows += items.map { [$0["id"] ?? .null, $0["kind"] ?? .null, $0["fee"] ?? "hidden"] }
      query.after = page.next
    } while query.after != nil
    return rows
  }

  // MARK: Too large

  @Test(.enabled(if: TestEngine.current == .sqlite, "a limit of SQLite's parser"))
  func aStatementTooLargeIsRefusedWithWhatMakesItSo() async throws {
    func deep(_ inner: String) -> String {
      (0..<8).reduce(inner) { "text != '\($1)' \($1.isMultiple(of: 2) ? "||" : "&&") (\($0))" }
    }
    let rules = (0..<40).map { number in
      "@allow(ops: [READ], when: \"\(deep("next.next.text == '\(number)'"))\", except: [\"text\"])"
    }.joined(separator: " ")
    let house = try await RecordsHouse(
      """
      type One @collection @allow(ops: [READ], owner: "owner") \(rules) {
        owner: User! text: String next: Two
      }
      type Two @collection @allow(ops: [READ], owner: "owner") \(rules) {
        owner: User! text: String next: Three
      }
      type Three @collection @allow(ops: [READ], owner: "owner") \(rules) {
        owner: User! text: String next: One
      }
      """)
    let ones = house.collection("ones")
    func list(_ filter: String) async throws {
      var query = ListQuery(limit: 5, sort: try house.sort("-text", of: "ones"))
      query.filter = try house.records.reader(house.ann).filter(filter, of: ones)
      _ = try await house.records.list(ones, query, by: house.ann)
    }
    try await list("text == 'a'")
    let error = await refusal { try await list(deep("next.next.text == 'a'")) }
    #expect(error?.code == .invalid)
    #expect(error?.issues.map(\.pointer) == ["?filter"])
    #expect(error?.issues.map(\.code) == ["limit"])
    // The reader goes on.
    try await list("text != 'a'")
    await house.close()
  }
}
