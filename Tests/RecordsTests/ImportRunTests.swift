import Queries
import Records
import RoostCore
import Testing

private let schema = """
  type Band @collection @allow(ops: [ALL]) { name: String! @unique }
  type Gig @collection @allow(ops: [ALL], owner: "owner") @index(fields: ["owner", "title"]) {
    owner: User!
    band: Band
    title: String! @unique
    after: Gig
  }
  """

@Suite struct ImportRunTests {
  private func id(_ number: Int) -> JSON {
    let digits = String(number)
    let zeros = String(repeating: "0", count: 12 - digits.count)
    return .string("01900000-0000-7000-8000-\(zeros)\(digits)")
  }

  /// 300 creates, some of which cannot be: the places of those.
  private func creates(
    _ house: RecordsHouse, band: JSON
  ) throws -> (creates: [PreparedCreate], wrong: [Int: ErrorCode]) {
    let gigs = house.collection("gigs")
    let people = [house.ann, house.bob].map { JSON.string($0.uid?.description ?? "") }
    var bodies = (0..<300).map { number -> JSON in
      ["id": id(number), "owner": people[number % 2], "band": band, "title": .string("t\(number)")]
    }
    bodies[10] = ["id": id(5), "owner": people[0], "title": "an id of the same statement"]
    bodies[64] = ["id": id(63), "owner": people[0], "title": "an id of the statement before"]
    bodies[100] = ["id": id(100), "owner": people[0], "title": "t70"]
    bodies[150] = ["id": id(150), "owner": people[0], "band": id(999), "title": "t150"]
    bodies[299] = ["id": id(0), "owner": people[1], "title": "the last"]
    return (
      try bodies.map { try house.records.systemCreate(gigs, $0) },
      [10: .conflict, 64: .conflict, 100: .conflict, 150: .invalid, 299: .conflict]
    )
  }

  /// What stands in the tables afterwards, times and numbers of streams aside.
  private func stored(_ house: RecordsHouse) async throws -> [String] {
    let (row, of) = (house.hex("id"), house.hex("s.id"))
    return try await house.texts("SELECT \(row) || title || version FROM gigs ORDER BY id")
      + house.texts(
        """
        SELECT partition || ' ' || position || ' ' || kind || \(row) || mutation FROM roost_log \
        WHERE collection = 2 ORDER BY partition, position
        """)
      + house.texts(
        """
        SELECT h.scope || ' ' || s.seq || ' ' || s.kind || \(of) FROM roost_scope_row s \
        JOIN roost_scope_head h ON h.stream = s.stream WHERE s.coll = 2 ORDER BY h.scope, s.seq
        """)
  }

  @Test(arguments: [1, 7, 64, 65, 300])
  func whatIsStoredDoesNotDependOnHowManyGoTogether(_ count: Int) async throws {
    var all: [[String]] = []
    for size in [count, 2] {
      let house = try await RecordsHouse(schema)
      let band = try await house.create("bands", ["id": id(1000), "name": "b"])["id"] ?? .null
      let (creates, wrong) = try creates(house, band: band)
      var errors: [RoostError?] = []
      for start in stride(from: 0, to: creates.count, by: size) {
        errors += try await house.records.importBatch(
          Array(creates[start..<min(start + size, creates.count)]))
      }
      for (place, error) in errors.enumerated() {
        #expect(error?.code == wrong[place], "\(place)")
      }
      all.append(try await stored(house))
      await house.close()
    }
    #expect(all[0].count == 3 * 295)
    #expect(all[0] == all[1])
  }

  @Test func aRowMayReferToAnEarlierOneOfItsBatchAndNotToALaterOne() async throws {
    let house = try await RecordsHouse(schema)
    let gigs = house.collection("gigs")
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    let creates = try (0..<100).map { number in
      let after = number == 50 ? 60 : max(0, number - 1)
      var body: [(key: String, value: JSON)] = [
        ("id", id(number)), ("owner", owner), ("title", .string("t\(number)")),
      ]
      if number > 0 { body.append(("after", id(after))) }
      return try house.records.systemCreate(gigs, .object(JSONObject(uniqueMembers: body)))
    }
    let errors = try await house.records.importBatch(creates)
    // The 51st refers to a later one, and each behind it to the one before, which is not there.
    #expect(errors.prefix(50).allSatisfy { $0 == nil })
    #expect(errors.dropFirst(50).allSatisfy { $0?.issues.first?.code == "reference" })
    #expect(try await house.texts("SELECT count(*) FROM gigs") == ["50"])
    await house.close()
  }

  @Test func aFullBatchWhoseEveryRowIsTakenChangesNothing() async throws {
    let house = try await RecordsHouse(schema)
    let gigs = house.collection("gigs")
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    let creates = try (0..<130).map {
      try house.records.systemCreate(
        gigs, ["id": id($0), "owner": owner, "title": .string("t\($0)")])
    }
    #expect(try await house.records.importBatch(creates).allSatisfy { $0 == nil })
    let before = try await stored(house)
    let again = try await house.records.importBatch(creates)
    #expect(again.allSatisfy { $0?.code == .conflict })
    #expect(try await stored(house) == before)
    await house.close()
  }
}
