import Queries
import Records
import RoostCore
import Rules
import Testing

/// What `expand` puts into an answer, and what it must not tell or take.
@Suite struct ExpansionTests {
  private static let schema = """
    type Parent @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ]) {
      owner: User!
      text: String
      children: [Child!]! @relation(inverse: "parent")
    }
    type Child @collection @allow(ops: [ALL], owner: "owner")
      @allow(ops: [READ], when: "name != 'hidden'")
      @allow(ops: [READ], when: "name == 'hidden'", except: ["parent"]) {
      owner: User!
      name: String!
      parent: Parent
    }
    """

  private func expanded(
    _ house: RecordsHouse, _ name: String, _ paths: [[String]], limit: Int = 200, by caller: Caller
  ) async throws -> Page {
    let collection = house.collection(name)
    var query = ListQuery(limit: limit)
    query.shown.expansions = try house.records.reader(caller).expansions(paths, of: collection)
    return try await house.records.list(collection, query, by: caller)
  }

  @Test func aRecordThatManyReferToCountsForEachOfThem() async throws {
    let house = try await RecordsHouse(ExpansionTests.schema)
    let text = String(repeating: "t", count: 500_000)
    let parent = try await house.create("parents", ["text": .string(text)])
    for _ in 0..<60 {
      try await house.create("childs", ["name": "c", "parent": parent["id"] ?? .null])
    }
    let error = await refusal {
      _ = try await expanded(
        house, "childs", [["parent", "children", "parent"]], by: house.ann)
    }
    #expect(error?.code == .invalid)
    #expect(error?.issues.first?.pointer == "?expand")
    let few = try await expanded(house, "childs", [["parent"]], limit: 3, by: house.ann)
    let items = try JSON.parse(few.items).array ?? []
    #expect(items.allSatisfy { $0["parent"]?["text"]?.string == text })
    await house.close()
  }

  @Test func aRowWhoseReferenceIsHiddenTakesNoPlaceAmongTheOthers() async throws {
    let house = try await RecordsHouse(ExpansionTests.schema)
    let parent = try await house.create("parents", ["text": "p"])
    func child(_ number: Int, _ name: String) async throws {
      try await house.create(
        "childs",
        [
          "id": .string(RoostCore.UUID(high: 1, low: UInt64(number)).description),
          "name": .string(name), "parent": parent["id"] ?? .null,
        ])
    }
    try await child(1, "hidden")
    for number in 2...(Expansion.inverseRows + 2) { try await child(number, "c") }
    let page = try await expanded(house, "parents", [["children"]], by: house.bob)
    let shown = try JSON.parse(page.items).array?.first?["children"]?.array ?? []
    #expect(shown.count == Expansion.inverseRows)
    #expect(shown.allSatisfy { $0["name"]?.string == "c" })
    await house.close()
  }

  @Test func whatIsShownOfExpandedRecordsIsPartOfTheirDigest() async throws {
    let house = try await RecordsHouse(ExpansionTests.schema)
    let parent = try await house.create("parents", ["text": "p"])
    try await house.create("childs", ["name": "hidden", "parent": parent["id"] ?? .null])
    let child = try await house.list("childs")[0]
    func digest(_ caller: Caller) async throws -> [UInt8] {
      let collection = house.collection("childs")
      var shown = ShownMembers()
      shown.expansions = try house.records.reader(caller).expansions([["parent"]], of: collection)
      return try await house.records.read(
        collection, RecordsHouse.uuid(child["id"]), shown, by: caller
      ).expanded
    }
    #expect(try await !digest(house.ann).isEmpty)
    #expect(try await digest(house.bob).isEmpty)
    await house.close()
  }
}
