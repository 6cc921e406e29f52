import Queries
import Records
import RoostCore
import Testing

private let schema = """
  type Band @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    name: String! @constraint(maxLength: 10)
    slug: String @unique
  }
  type Song @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    band: Band! @relation(onDelete: RESTRICT)
    plays: Int! @default(value: "0")
  }
  """

/// Operations of Ann on the collections of the schema.
private struct Desk {
  let house: RecordsHouse

  func create(_ name: String, _ body: JSON) throws -> PreparedOperation {
    try house.records.prepareCreate(house.collection(name), body, by: .caller(house.ann))
  }

  func update(
    _ name: String, _ id: RoostCore.UUID, _ body: JSON, expecting: Records.Expectation = .nothing
  ) throws -> PreparedOperation {
    try house.records.prepareUpdate(
      house.collection(name), id, body, expecting: expecting, by: .caller(house.ann))
  }

  func delete(_ name: String, _ id: RoostCore.UUID) throws -> PreparedOperation {
    try house.records.prepareDelete(
      house.collection(name), id, expecting: .nothing, by: .caller(house.ann))
  }

  func read(_ name: String, _ id: RoostCore.UUID) throws -> PreparedOperation {
    try house.records.prepareRead(house.collection(name), id, ShownMembers(), by: house.ann)
  }

  func list(_ name: String, _ query: ListQuery = ListQuery()) throws -> PreparedOperation {
    try house.records.prepareList(house.collection(name), query, by: house.ann)
  }

  func run(
    _ operations: [PreparedOperation], answerBytes: Int = .max
  ) async throws -> [JSON] {
    try await house.records.batch(operations, answerBytes: answerBytes).map { outcome in
      switch outcome {
      case .record(let record): try JSON.parse(record.json)
      case .deleted: .null
      case .page(let page): try JSON.parse(page.items)
      }
    }
  }

  /// The failure of a batch that must fail.
  func failure(
    _ operations: [PreparedOperation], answerBytes: Int = .max
  ) async throws -> BatchFailure? {
    do {
      _ = try await house.records.batch(operations, answerBytes: answerBytes)
      return nil
    } catch let failure as BatchFailure {
      return failure
    }
  }

  /// What is stored: bands, songs, entries of the log, entries of streams, receipts.
  func stored() async throws -> [String] {
    try await house.texts(
      """
      SELECT count(*) FROM bands UNION ALL SELECT count(*) FROM songs \
      UNION ALL SELECT count(*) FROM roost_log UNION ALL SELECT count(*) FROM roost_scope_row \
      UNION ALL SELECT count(*) FROM roost_receipt
      """)
  }
}

private let band = UUID(high: 1, low: 1)
private let song = UUID(high: 1, low: 2)

@Suite struct ReceiptBatchTests {
  @Test func eachOperationSeesThoseBeforeIt() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let results = try await desk.run([
      desk.create("bands", ["id": .string(band.description), "name": "a"]),
      desk.create("songs", ["id": .string(song.description), "band": .string(band.description)]),
      desk.update("songs", song, ["plays": ["$increment": 2]]),
      desk.read("songs", song),
      desk.list("songs"),
      desk.delete("songs", song),
      desk.list("songs"),
    ])
    #expect(results[2]["plays"] == 2 && results[2]["version"] == 2)
    #expect(results[3] == results[2])
    #expect(results[4] == .array([results[2]]))
    #expect(results[5] == .null)
    #expect(results[6] == [])
    let log = try await house.texts(
      "SELECT \(house.hex("id")) || ' ' || kind FROM roost_log ORDER BY id, position")
    #expect(log.map { $0.suffix(3) } == ["1 1", "2 1", "2 2", "2 3"])
    await house.close()
  }

  /// A batch of creates alone may go together, and must be refused as if it went one by one.
  @Test(arguments: ["taken", "twice", "reference", "invisible", "itself", "answer"])
  func aCreateThatIsRefusedAmongCreatesIsNamed(kind: String) async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let ids: JSON = .string(band.description)
    let hidden = try await house.create("bands", ["name": "bob's"], by: house.bob)["id"] ?? .null
    _ = try await desk.run([desk.create("bands", ["id": ids, "name": "a", "slug": "s"])])
    let before = try await desk.stored()
    let good = try (0..<3).map { _ in try desk.create("songs", ["band": ids]) }
    var operations = good
    var code = ErrorCode.invalid
    switch kind {
    case "taken", "twice":
      operations = try ["x", kind == "taken" ? "s" : "x", "y"].enumerated().map { index, slug in
        try desk.create("bands", ["name": .string("n\(index)"), "slug": .string(slug)])
      }
      code = .conflict
    case "reference": operations[1] = try desk.create("songs", ["band": .string(song.description)])
    case "invisible": operations[1] = try desk.create("songs", ["band": hidden])
    case "answer": code = .payloadTooLarge
    default:
      operations = try [
        desk.create("songs", ["band": ids]),
        desk.create("songs", ["id": .string(song.description), "band": .string(song.description)]),
      ]
    }
    let bytes = kind == "answer" ? 300 : Int.max
    let failure = try await desk.failure(operations, answerBytes: bytes)
    #expect(failure?.index == 1)
    #expect(failure?.error.code == code)
    #expect(try await desk.stored() == before)
    let results = try await desk.run(good)
    #expect(results.count == 3 && results.allSatisfy { $0["band"] == ids && $0["version"] == 1 })
    #expect(try await desk.stored()[1] == "3")
    await house.close()
  }

  @Test func manyCreatesOfManyReferencesAreAllThere() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let bands = try await desk.run(
      (0..<90).map { try desk.create("bands", ["name": .string("b\($0)")]) })
    let songs = try await desk.run(
      bands.map { try desk.create("songs", ["band": $0["id"] ?? .null]) })
    #expect(songs.map { $0["band"] } == bands.map { $0["id"] })
    #expect(try await desk.stored().prefix(3) == ["90", "90", "180"])
    let log = try await house.texts(
      "SELECT count(DISTINCT CAST(partition AS TEXT) || ' ' || CAST(position AS TEXT)) FROM roost_log"
    )
    #expect(log == ["180"])
    let sequences = try await house.texts(
      "SELECT count(*) FROM roost_scope_row WHERE seq < 1 OR seq > 180")
    #expect(sequences == ["0"])
    await house.close()
  }

  @Test(arguments: ["taken", "restricted", "missing", "stale", "reference", "twice"])
  func anOperationThatIsRefusedUndoesAllOthers(kind: String) async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let ids: JSON = .string(band.description)
    _ = try await desk.run([
      desk.create("bands", ["id": ids, "name": "a", "slug": "s"]),
      desk.create("songs", ["id": .string(song.description), "band": ids]),
    ])
    let before = try await desk.stored()
    let (operation, code): (PreparedOperation, ErrorCode) =
      switch kind {
      case "taken": (try desk.create("bands", ["name": "b", "slug": "s"]), .conflict)
      case "restricted": (try desk.delete("bands", band), .conflict)
      case "missing": (try desk.read("bands", song), .notFound)
      case "stale":
        (try desk.update("bands", band, ["name": "c"], expecting: .oneOf([9])), .preconditionFailed)
      case "reference":
        (try desk.create("songs", ["band": .string(song.description)]), .invalid)
      default: (try desk.create("bands", ["id": ids, "name": "b"]), .conflict)
      }
    let failure = try await desk.failure([
      desk.create("bands", ["name": "new"]), desk.update("bands", band, ["name": "changed"]),
      operation, desk.create("bands", ["name": "later"]),
    ])
    #expect(failure?.index == 2)
    #expect(failure?.error.code == code)
    #expect(try await desk.stored() == before)
    #expect(try await house.read("bands", ids)["name"] == "a")
    // The positions of the log have no gap where the batch was undone.
    _ = try await desk.run([desk.create("bands", ["name": "next"])])
    #expect(try await house.logged() == ["3"])
    await house.close()
  }

  @Test func aBatchEndsWhereItsAnswersPassTheirBound() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let one = try desk.create("bands", ["name": "a"])
    let bytes = try await house.records.batch([one], answerBytes: .max).map { outcome in
      if case .record(let record) = outcome { record.json.count } else { 0 }
    }[0]
    func two() throws -> [PreparedOperation] {
      [try desk.create("bands", ["name": "b"]), try desk.create("bands", ["name": "c"])]
    }
    let failure = try await desk.failure(try two(), answerBytes: 2 * bytes - 1)
    #expect(failure?.index == 1 && failure?.error.code == .payloadTooLarge)
    #expect(try await desk.stored()[0] == "1")
    _ = try await desk.run(try two(), answerBytes: 2 * bytes)
    #expect(try await desk.stored()[0] == "3")
    await house.close()
  }

  @Test func aBatchThatOnlyReadsTakesListsOfAnyKind() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    let ids: JSON = .string(band.description)
    _ = try await desk.run([desk.create("bands", ["id": ids, "name": "a"])])
    let query = ListQuery(
      sort: try house.sort("-name", of: "bands"), count: .exact)
    let results = try await desk.run([desk.read("bands", band), desk.list("bands", query)])
    #expect(results[1] == .array([results[0]]))
    #expect(try await desk.failure([desk.list("bands"), desk.read("bands", song)])?.index == 1)
    await house.close()
  }

  @Test func aListIsBriefInTheOrderOfIdsAndWithoutACount() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    #expect(try desk.list("bands").isBrief)
    #expect(try desk.read("bands", band).isBrief)
    #expect(try !desk.list("bands", ListQuery(count: .estimated)).isBrief)
    #expect(
      try !desk.list("bands", ListQuery(sort: try house.sort("name", of: "bands"))).isBrief)
    await house.close()
  }

  @Test func whatTheServerSetsIsRefusedWhilePreparing() async throws {
    let house = try await RecordsHouse(schema)
    let desk = Desk(house: house)
    for name in ["version", "createdAt", "updatedAt", "deletedAt"] {
      let body: JSON = .object(JSONObject(uniqueMembers: [("name", "a"), (name, 1)]))
      #expect(await refusal { _ = try desk.create("bands", body) }?.code == .invalid)
      #expect(await refusal { _ = try desk.update("bands", band, body) }?.code == .invalid)
    }
    await house.close()
  }
}
