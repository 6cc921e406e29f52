import Queries
import Records
import RoostCore
import Testing

private let schema = """
  enum Mood { LOW MIDDLE HIGH }
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User! @immutable
    title: String! @constraint(maxLength: 10)
    slug: String @unique
    stars: Int! @default(value: "3") @constraint(min: 0, max: 5)
    uses: Int! @default(value: "0") @merge(strategy: COUNTER)
    tags: [String!]! @default(value: "[]") @merge(strategy: SET_UNION)
    best: Int @merge(strategy: MAX)
    worst: Mood @merge(strategy: MIN)
    data: JSON @merge(strategy: MERGE_DEEP)
    locked: Boolean! @default(value: "false") @serverOnly
    due: DateTime @constraint(temporal: FUTURE)
    price: Money
    big: Int64
  }
  type Booking @collection @merge(strategy: REJECT) @allow(ops: [ALL], owner: "owner") {
    owner: User!
    note: Note
  }
  type Board @collection @allow(ops: [READ]) @allow(ops: [CREATE], owner: "owner")
    @allow(ops: [UPDATE], owner: "owner") {
    owner: User!
    text: String
  }
  """

@Suite struct WritePathTests {
  @Test func aCreateFillsOwnersAndDefaultsAndIsReadBackTheSame() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    #expect(made["owner"]?.string == house.ann.uid?.description)
    #expect(made["stars"] == 3)
    #expect(made["tags"] == [])
    #expect(made["version"] == 1)
    #expect(made["slug"] == .null)
    #expect(try await house.read("notes", made["id"]) == made)
    await house.close()
  }

  @Test(
    arguments: [
      (["title": "a", "nope": 1], "/nope", "unknown_field"),
      (["title": 1], "/title", "type"),
      ([:], "/title", "required"),
      (["title": nil], "/title", "required"),
      (["title": "a\0"], "/title", "nul"),
      (["title": "12345678901"], "/title", "max_length"),
      (["title": "a", "stars": 6], "/stars", "max"),
      (["title": "a", "stars": 1e300], "/stars", "range"),
      (["title": "a", "stars": 1.5], "/stars", "type"),
      (["title": "a", "price": 9_223_372_036_854_775_808.0], "/price", "range"),
      (["title": "a", "locked": true], "/locked", "server_only"),
      (["title": "a", "version": 7], "/version", "server_only"),
      (["title": "a", "createdAt": "2026-01-01T00:00:00Z"], "/createdAt", "server_only"),
      (["title": "a", "id": "x"], "/id", "type"),
      (["title": "a", "due": "2001-01-01T00:00:00Z"], "/due", "future"),
      (["title": "a", "worst": "LOWER"], "/worst", "enum"),
    ] as [(JSON, String, String)])
  func aCreateThatIsNotValidSaysWhere(body: JSON, pointer: String, code: String) async throws {
    let house = try await RecordsHouse(schema)
    let error = await refusal { try await house.create("notes", body) }
    #expect(error?.code == .invalid)
    #expect(error?.issues.map(\.pointer) == [pointer])
    if code != "nul" { #expect(error?.issues.first?.code == code) }
    #expect(try await house.list("notes").isEmpty)
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["0"])
    await house.close()
  }

  @Test func allIssuesOfABodyAreReportedTogether() async throws {
    let house = try await RecordsHouse(schema)
    let error = await refusal { try await house.create("notes", ["stars": "x", "zzz": 1]) }
    #expect(Set(error?.issues.map(\.pointer) ?? []) == ["/stars", "/zzz", "/title"])
    await house.close()
  }

  @Test func minusZeroIsZero() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a", "stars": .double(-0.0)])
    #expect(made["stars"] == 0)
    await house.close()
  }

  @Test func onlyTheOwnerSeesChangesAndDeletesARow() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    #expect(
      await refusal { _ = try await house.read("notes", made["id"], by: house.bob) }?.code
        == .notFound)
    #expect(
      await refusal {
        try await house.update("notes", made["id"], ["title": "b"], by: house.bob)
      }?.code == .notFound)
    #expect(
      await refusal { try await house.delete("notes", made["id"], by: house.bob) }?.code
        == .notFound)
    #expect(try await house.list("notes", by: house.bob).isEmpty)
    #expect(try await house.read("notes", made["id"])["title"] == "a")
    await house.close()
  }

  @Test func nobodyCreatesForSomebodyElse() async throws {
    let house = try await RecordsHouse(schema)
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    let error = await refusal { try await house.create("notes", ["title": "a", "owner": bob]) }
    #expect(error?.code == .forbidden)
    await house.close()
  }

  @Test func aCallerWithoutCredentialsIsAskedForThem() async throws {
    let house = try await RecordsHouse(schema)
    #expect(
      await refusal { try await house.create("notes", ["title": "a"], by: .everyone) }?.code
        == .unauthenticated)
    #expect(
      await refusal { _ = try await house.list("notes", by: .everyone) }?.code == .unauthenticated)
    await house.close()
  }

  @Test func aRowThatIsSeenButNotOwnedIsForbiddenToChange() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("boards", ["text": "a"])
    #expect(
      await refusal {
        try await house.update("boards", made["id"], ["text": "b"], by: house.bob)
      }?.code == .forbidden)
    #expect(await refusal { try await house.delete("boards", made["id"]) }?.code == .forbidden)
    await house.close()
  }

  @Test func aRowCannotBeGivenAwayBeyondTheRules() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("boards", ["text": "a"])
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    let error = await refusal { try await house.update("boards", made["id"], ["owner": bob]) }
    #expect(error?.code == .forbidden)
    await house.close()
  }

  @Test func anImmutableFieldStaysAndItsOwnValueIsNoChange() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    let bob: JSON = .string(house.bob.uid?.description ?? "")
    let error = await refusal { try await house.update("notes", made["id"], ["owner": bob]) }
    #expect(error?.issues.first?.code == "immutable")
    let same = try await house.update("notes", made["id"], ["owner": made["owner"] ?? .null])
    #expect(same["version"] == 1)
    await house.close()
  }

  @Test func uniqueValuesConflictAmongLiveRowsOnly() async throws {
    let house = try await RecordsHouse(schema)
    let first = try await house.create("notes", ["title": "a", "slug": "s"])
    let error = await refusal {
      try await house.create("notes", ["title": "b", "slug": "s"], by: house.bob)
    }
    #expect(error?.code == .conflict)
    try await house.delete("notes", first["id"])
    try await house.create("notes", ["title": "b", "slug": "s"], by: house.bob)
    await house.close()
  }

  @Test func anIdIsNeverGivenTwiceNotEvenAfterADelete() async throws {
    let house = try await RecordsHouse(schema)
    let first = try await house.create("notes", ["title": "a"])
    let again: JSON = ["title": "a", "id": first["id"] ?? .null]
    #expect(await refusal { try await house.create("notes", again) }?.code == .conflict)
    try await house.delete("notes", first["id"])
    #expect(await refusal { try await house.create("notes", again) }?.code == .conflict)
    await house.close()
  }

  @Test func aCollectionThatDoesNotMergeAsksForTheVersion() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("bookings", [:])
    let note = try await house.create("notes", ["title": "a"])
    let change: JSON = ["note": note["id"] ?? .null]
    #expect(
      await refusal { try await house.update("bookings", made["id"], change) }?.code
        == .preconditionRequired)
    #expect(
      await refusal {
        try await house.update("bookings", made["id"], change, expecting: .oneOf([7]))
      }?.code == .preconditionFailed)
    let changed = try await house.update(
      "bookings", made["id"], change, expecting: .oneOf([1]))
    #expect(changed["version"] == 2)
    #expect(
      await refusal { try await house.delete("bookings", made["id"]) }?.code
        == .preconditionRequired)
    await house.close()
  }

  @Test func intentsAndMergesFollowTheirStrategies() async throws {
    let house = try await RecordsHouse(schema)
    let id = try await house.create(
      "notes", ["title": "a", "best": 5, "worst": "MIDDLE", "data": ["a": ["b": 1, "c": 2]]])["id"]
    var row = try await house.update("notes", id, ["uses": ["$increment": 2]])
    row = try await house.update("notes", id, ["uses": ["$increment": -3]])
    #expect(row["uses"] == -1)
    row = try await house.update("notes", id, ["tags": ["x", "y"]])
    row = try await house.update("notes", id, ["tags": ["$add": ["z", "x"], "$remove": ["y"]]])
    #expect(row["tags"] == ["x", "z"])
    row = try await house.update("notes", id, ["best": 3])
    #expect(row["best"] == 5)
    row = try await house.update("notes", id, ["best": 9, "worst": "HIGH"])
    #expect(row["best"] == 9)
    #expect(row["worst"] == "MIDDLE")
    row = try await house.update("notes", id, ["worst": "LOW"])
    #expect(row["worst"] == "LOW")
    row = try await house.update("notes", id, ["data": ["a": ["b": 7, "c": nil], "d": [1, 2]]])
    #expect(row["data"] == ["a": ["b": 7], "d": [1, 2]])
    await house.close()
  }

  @Test(
    arguments: [
      (["uses": ["$increment": 2_147_483_647]], ["uses": ["$increment": 1]], "/uses"),
      (["stars": 5], ["stars": ["$increment": 1]], "/stars"),
      (["big": "9223372036854775807"], ["big": ["$increment": 1]], "/big"),
      (["stars": 5], ["title": ["$increment": 1]], "/title"),
      (["stars": 5], ["tags": ["$push": [1]]], "/tags/$push"),
    ] as [(JSON, JSON, String)])
  func anIntentThatLeavesTheRangeIsRefused(first: JSON, second: JSON, pointer: String) async throws
  {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    let before = try await house.update("notes", made["id"], first)
    let error = await refusal { try await house.update("notes", made["id"], second) }
    #expect(error?.code == .invalid)
    #expect(error?.issues.first?.pointer == pointer)
    #expect(try await house.read("notes", made["id"]) == before)
    await house.close()
  }

  @Test func aWallClockThatGoesBackDoesNotMakeWritesLose() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    try await house.update("notes", made["id"], ["title": "b"])
    house.time.advance(-1_000_000_000)
    let row = try await house.update("notes", made["id"], ["title": "c"])
    #expect(row["title"] == "c")
    await house.close()
  }

  @Test func whatChangesNothingIsNoNewVersion() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("notes", ["title": "a"])
    let same = try await house.update("notes", made["id"], ["title": "a"])
    #expect(same == made)
    #expect(try await house.texts("SELECT count(*) FROM roost_log") == ["1"])
    await house.close()
  }
}

@Suite struct MergeBoundsTests {
  private let schema = """
    type Row @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      numbers: [Float!]! @default(value: "[]") @merge(strategy: SET_UNION)
      big: [Int64!]
      place: GeoPoint @immutable
      data: JSON @merge(strategy: MERGE_DEEP)
      strict: Int @merge(strategy: REJECT)
      free: Int
    }
    """

  @Test func wholeFloatsAreEqualToThemselves() async throws {
    let house = try await RecordsHouse(schema)
    let id = try await house.create("rows", ["place": ["lat": 52.0, "lon": 13.0]])["id"]
    var row = try await house.update("rows", id, ["numbers": ["$add": [1.0]]])
    row = try await house.update("rows", id, ["numbers": ["$add": [1]]])
    #expect(row["numbers"]?.array?.count == 1)
    row = try await house.update("rows", id, ["numbers": ["$remove": [1]]])
    #expect(row["numbers"] == [])
    let version = row["version"]
    row = try await house.update("rows", id, ["place": ["lat": 52, "lon": 13]])
    #expect(row["version"] == version)
    await house.close()
  }

  @Test func longIntegersOfAListAreAnsweredTheSameWay() async throws {
    let house = try await RecordsHouse(schema)
    let made = try await house.create("rows", ["big": ["9007199254740993", 1]])
    #expect(made["big"] == ["9007199254740993", 1])
    #expect(try await house.read("rows", made["id"]) == made)
    #expect(try await house.list("rows").first == made)
    await house.close()
  }

  @Test func aFieldThatDoesNotMergeAsksForTheVersion() async throws {
    let house = try await RecordsHouse(schema)
    let id = try await house.create("rows", [:])["id"]
    #expect(
      await refusal { try await house.update("rows", id, ["strict": 1]) }?.code
        == .preconditionRequired)
    try await house.update("rows", id, ["free": 1])
    let row = try await house.update("rows", id, ["strict": 1], expecting: .oneOf([2]))
    #expect(row["strict"] == 1)
    await house.close()
  }

  @Test func smallChangesDoNotMakeARowGrowWithoutBound() async throws {
    let house = try await RecordsHouse(schema)
    let id = try await house.create("rows", ["data": [:]])["id"]
    let block = String(repeating: "x", count: 30_000)
    try await house.update("rows", id, ["data": ["a": .string(block)]])
    try await house.update("rows", id, ["data": ["b": .string(block)]])
    let error = await refusal {
      try await house.update("rows", id, ["data": ["c": .string(block)]])
    }
    #expect(error?.issues.map(\.pointer) == ["/data"])
    let many: JSON = .array((0..<9000).map { .double(Double($0)) })
    try await house.update("rows", id, ["numbers": ["$add": many]])
    let more: JSON = .array((9000..<12_000).map { .double(Double($0)) })
    let tooMany = await refusal {
      try await house.update("rows", id, ["numbers": ["$add": more]])
    }
    #expect(tooMany?.issues.map(\.pointer) == ["/numbers"])
    await house.close()
  }

  @Test func theClocksOfElementsAreBoundedAndForgottenInTime() async throws {
    let house = try await RecordsHouse(schema)
    let id = try await house.create("rows", [:])["id"]
    func block(_ from: Int) -> JSON {
      .array((from..<(from + 9000)).map { .double(Double($0) + 0.5) })
    }
    var taken = 0
    var refused: RoostError?
    while refused == nil, taken < 20 {
      let numbers = block(taken * 10_000)
      refused = await refusal { try await house.update("rows", id, ["numbers": ["$add": numbers]]) }
      guard refused == nil else { break }
      try await house.update("rows", id, ["numbers": ["$remove": numbers]])
      taken += 1
    }
    #expect(refused?.code == .invalid)
    #expect(taken > 1)
    house.time.advance(91 * 86_400_000)
    let last = block(taken * 10_000)
    #expect(
      try await house.update("rows", id, ["numbers": ["$add": last]])["numbers"] == last)
    await house.close()
  }
}
