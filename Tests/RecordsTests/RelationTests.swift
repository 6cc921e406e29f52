import Queries
import Records
import RoostCore
import Rules
import Testing

private let schema = """
  type Band @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    name: String!
  }
  type Member @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    band: Band! @relation(onDelete: CASCADE)
    deputy: Member @relation(onDelete: SET_NULL)
  }
  type Gig @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    band: Band @relation(onDelete: SET_NULL)
  }
  type Contract @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    band: Band! @relation(onDelete: RESTRICT)
    witness: User @relation(onDelete: SET_NULL)
    free: Band @relation(onDelete: SET_NULL, refCheck: NONE)
  }
  """

@Suite struct RelationTests {
  @Test func aReferenceMustExistAndBeSeen() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"], by: house.bob)
    for id in [band["id"] ?? .null, .string(UUID(high: 1, low: 1).description)] {
      let error = await refusal { try await house.create("gigs", ["band": id]) }
      #expect(error?.issues.map(\.pointer) == ["/band"])
      #expect(error?.issues.first?.code == "reference")
    }
    let own = try await house.create("bands", ["name": "b"])
    try await house.create("gigs", ["band": own["id"] ?? .null])
    await house.close()
  }

  @Test func refCheckNoneAsksOnlyThatTheRowExists() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"], by: house.bob)
    let own = try await house.create("bands", ["name": "b"])
    try await house.create(
      "contracts", ["band": own["id"] ?? .null, "free": band["id"] ?? .null])
    let error = await refusal {
      try await house.create(
        "contracts",
        ["band": own["id"] ?? .null, "free": .string(UUID(high: 1, low: 1).description)])
    }
    #expect(error?.issues.map(\.pointer) == ["/free"])
    await house.close()
  }

  @Test func anAccountThatDoesNotExistIsNoReference() async throws {
    let house = try await RecordsHouse(schema)
    let own = try await house.create("bands", ["name": "b"])
    func make(_ witness: UUID?) async throws {
      try await house.create(
        "contracts",
        ["band": own["id"] ?? .null, "witness": .string(witness?.description ?? "")])
    }
    try await make(house.bob.uid)
    let error = await refusal { try await make(UUID(high: 5, low: 5)) }
    #expect(error?.issues.map(\.pointer) == ["/witness"])
    await house.close()
  }

  @Test func aDeleteCascadesEmptiesAndIsRestricted() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"])
    let id = band["id"] ?? .null
    let member = try await house.create("members", ["band": id])
    let other = try await house.create("bands", ["name": "o"])
    let deputy = try await house.create(
      "members", ["band": other["id"] ?? .null, "deputy": member["id"] ?? .null])
    let gig = try await house.create("gigs", ["band": id])
    let contract = try await house.create("contracts", ["band": id])
    #expect(await refusal { try await house.delete("bands", id) }?.code == .conflict)
    #expect(try await house.read("members", member["id"])["id"] == member["id"])
    try await house.delete("contracts", contract["id"])
    try await house.delete("bands", id)
    #expect(await refusal { _ = try await house.read("members", member["id"]) }?.code == .notFound)
    #expect(try await house.read("gigs", gig["id"])["band"] == .null)
    #expect(try await house.read("gigs", gig["id"])["version"] == 2)
    #expect(try await house.read("members", deputy["id"])["deputy"] == .null)
    await house.close()
  }

  @Test func aCascadeBeyondTheBoundIsFinishedByTheFollower() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"])
    let members = house.collection("members")
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    let mutations = try (0..<2500).map { _ in
      try house.records.systemCreate(members, ["owner": owner, "band": band["id"] ?? .null])
    }
    let results = try await house.records.importBatch(mutations)
    #expect(results.allSatisfy { $0 == nil })
    try await house.delete("bands", band["id"])
    let left = try await house.texts("SELECT count(*) FROM members WHERE \"deletedAt\" IS NULL")
    #expect(left == ["1500"])
    let runner = FollowerRunner(
      RelationKeeper(house.records), records: house.records, logger: Logger(level: .error))
    runner.start()
    for _ in 0..<6000 {
      let open = try await house.texts("SELECT count(*) FROM members WHERE \"deletedAt\" IS NULL")
      if open == ["0"] { break }
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    await runner.stop()
    #expect(
      try await house.texts("SELECT count(*) FROM members WHERE \"deletedAt\" IS NULL") == ["0"])
    await house.close()
  }
}

@Suite struct DeletionTests {
  @Test func equalIdsInTwoCollectionsDoNotLiftARestriction() async throws {
    let house = try await RecordsHouse(schema)
    let band = try await house.create("bands", ["name": "a"])
    let id = band["id"] ?? .null
    try await house.create("contracts", ["id": id, "band": id])
    #expect(await refusal { try await house.delete("bands", id) }?.code == .conflict)
    await house.close()
  }

  private let both = """
    type Top @collection @allow(ops: [ALL], owner: "owner") { owner: User! }
    ORDER
    """
  private let middle = """
    type Middle @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      top: Top! @relation(onDelete: CASCADE)
    }
    """
  private let leaf = """
    type Leaf @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      top: Top @relation(onDelete: CASCADE)
      middle: Middle @relation(onDelete: RESTRICT)
    }
    """

  @Test(arguments: [true, false])
  func aRestrictionBetweenTwoRowsThatBothGoHoldsNeither(leafFirst: Bool) async throws {
    let order = leafFirst ? leaf + "\n" + middle : middle + "\n" + leaf
    let house = try await RecordsHouse(both.replacing("ORDER", with: order))
    let top = try await house.create("tops", [:])
    let mid = try await house.create("middles", ["top": top["id"] ?? .null])
    let both = try await house.create(
      "leafs", ["top": top["id"] ?? .null, "middle": mid["id"] ?? .null])
    try await house.delete("tops", top["id"])
    #expect(await refusal { _ = try await house.read("leafs", both["id"]) }?.code == .notFound)
    // A leaf outside of what goes holds it all.
    let second = try await house.create("tops", [:])
    let held = try await house.create("middles", ["top": second["id"] ?? .null])
    try await house.create("leafs", ["middle": held["id"] ?? .null])
    #expect(await refusal { try await house.delete("tops", second["id"]) }?.code == .conflict)
    #expect(try await house.read("middles", held["id"])["id"] == held["id"])
    await house.close()
  }

  @Test func aRestrictionBeyondTheBoundDoesNotStopTheFollower() async throws {
    let house = try await RecordsHouse(both.replacing("ORDER", with: middle + "\n" + leaf))
    let top = try await house.create("tops", [:])
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    let middles = house.collection("middles")
    let mutations = try (0..<1500).map { _ in
      try house.records.systemCreate(middles, ["owner": owner, "top": top["id"] ?? .null])
    }
    _ = try await house.records.importBatch(mutations)
    let ids = try await house.texts("SELECT \(house.hex("id")) FROM middles ORDER BY id DESC LIMIT 1")
    let last = try await house.list(
      "middles", ListQuery(limit: 1, sort: [SortKey(column: .id, descending: true)]))
    #expect(ids.count == 1)
    try await house.create("leafs", ["middle": last[0]["id"] ?? .null])
    try await house.delete("tops", top["id"])
    let runner = FollowerRunner(
      RelationKeeper(house.records), records: house.records, logger: Logger(level: .error))
    runner.start()
    let live: SQL = "SELECT count(*) FROM middles WHERE \"deletedAt\" IS NULL"
    for _ in 0..<6000 {
      if try await house.texts(live) == ["1"] { break }
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    #expect(try await house.texts(live) == ["1"])
    // The follower has gone on behind the delete.
    let head = try await house.logged()
    for _ in 0..<6000 where head != ["\(runner.position)"] {
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    #expect(head == ["\(runner.position)"])
    await runner.stop()
    await house.close()
  }
}
