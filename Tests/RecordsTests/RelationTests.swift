import Queries
import Records
import RoostCore
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
    for _ in 0..<500 {
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
