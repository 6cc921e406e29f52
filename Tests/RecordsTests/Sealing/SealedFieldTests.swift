import Cryptography
import Queries
import RoostCore
import Testing

@testable import Records

@Suite struct SealedFieldTests {
  static let schema = """
    enum Mood { GOOD BAD }
    type Diary @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      title: String
      text: String! @encrypted(mode: SERVER) @constraint(maxLength: 40)
      count: Int @encrypted(mode: SERVER) @merge(strategy: COUNTER)
      big: Int64 @encrypted(mode: SERVER)
      share: Float @encrypted(mode: SERVER)
      isOpen: Boolean @encrypted(mode: SERVER)
      at: DateTime @encrypted(mode: SERVER)
      day: Date @encrypted(mode: SERVER)
      took: Duration @encrypted(mode: SERVER)
      mood: Mood @encrypted(mode: SERVER)
      data: JSON @encrypted(mode: SERVER)
      tags: [String!] @encrypted(mode: SERVER)
      bigs: [Int64!] @encrypted(mode: SERVER)
      shared: String @encrypted(mode: SERVER, keyScope: "collection")
    }
    type Post @collection @allow(ops: [ALL]) { note: String @encrypted(mode: SERVER) scope: String }
    """

  static let full: [(String, JSON)] = [
    ("text", "tulip-canary"), ("count", 7), ("big", "9007199254740993"), ("share", 0.25),
    ("isOpen", true), ("at", "2026-01-31T10:00:00.000Z"), ("day", "2026-01-31"),
    ("took", "PT90S"), ("mood", "BAD"), ("data", ["a": [1, "tulip-canary"]]),
    ("tags", ["tulip-canary"]), ("bigs", ["9007199254740993"]), ("shared", "tulip-canary"),
  ]
  static var body: JSON { .object(JSONObject(uniqueMembers: full.map { ($0.0, $0.1) })) }

  private static func master(_ byte: UInt8) throws -> MasterKey {
    try #require(MasterKey([UInt8](repeating: byte, count: 32)))
  }

  private func opened(
    _ masters: MasterKeys? = nil, folder: String = RecordsHouse.folder()
  ) async throws -> RecordsHouse {
    let own = MasterKeys(try SealedFieldTests.master(1))
    return try await RecordsHouse(
      SealedFieldTests.schema, folder: folder, masters: masters ?? own)
  }

  @Test func everyKindOfValueComesBackAsItWasWritten() async throws {
    let house = try await opened()
    let made = try await house.create("diaries", SealedFieldTests.body)
    let read = try await house.read("diaries", made["id"])
    let listed = try #require(try await house.list("diaries").first)
    for (name, value) in SealedFieldTests.full {
      for json in [made, read, listed] {
        #expect(name == "took" || json[name] == value, "\(name): \(json.text)")
      }
    }
    #expect(made["took"] == read["took"])
    await house.close()
  }

  @Test func nothingOfAValueIsStoredInPlain() async throws {
    let house = try await opened()
    let made = try await house.create("diaries", SealedFieldTests.body)
    try await house.update("diaries", made["id"], ["text": "tulip-canary again"])
    var stored = try await house.texts("SELECT mutation FROM roost_log")
    for (name, _) in SealedFieldTests.full {
      let texts = try await house.texts("SELECT \(identifier: name) FROM diaries")
      #expect(texts.allSatisfy { $0.hasPrefix("1") }, "\(name): \(texts)")
      stored += texts
    }
    #expect(!stored.isEmpty)
    for text in stored {
      #expect(!text.contains("tulip") && !text.contains("9007199254740993"), "\(text)")
    }
    #expect(stored.contains { $0.contains("\"text\":null") })
    await house.close()
  }

  @Test func aValueIsValidatedMergedAndEmptiedAsOthersAre() async throws {
    let house = try await opened()
    let made = try await house.create("diaries", ["text": "a", "count": 1, "shared": "b"])
    await #expect(throws: RoostError.self) {
      try await house.update(
        "diaries", made["id"], ["text": .string(String(repeating: "x", count: 41))])
    }
    let next = try await house.update(
      "diaries", made["id"], ["count": ["$increment": 4], "shared": .null])
    #expect(next["count"] == 5)
    #expect(next["shared"] == .null)
    #expect(next["text"] == "a")
    await house.close()
  }

  @Test func aValueOfAnotherRowOrFieldReadsAsNullAndTheListGoesOn() async throws {
    let house = try await opened()
    let first = try await house.create("diaries", ["text": "first", "tags": ["x"]])
    let second = try await house.create("diaries", ["text": "second"])
    let ids = [first, second].map { RecordsHouse.uuid($0["id"]) }
    try await house.database.write { transaction in
      _ = try await transaction.execute(
        """
        UPDATE diaries SET shared = text, \
        text = (SELECT text FROM diaries WHERE id = \(ids[0])) WHERE id = \(ids[1])
        """)
    }
    let rows = try await house.list("diaries")
    #expect(rows.count == 2)
    let moved = try await house.read("diaries", second["id"])
    #expect(moved["text"] == .null)
    #expect(moved["shared"] == .null)
    #expect(try await house.read("diaries", first["id"])["text"] == "first")
    await house.close()
  }

  @Test func eachPersonHasAKeyAndWhatNobodyOwnsHasTheCollections() async throws {
    let house = try await opened()
    try await house.create("diaries", ["text": "a", "shared": "b"])
    try await house.create("diaries", ["text": "c"])
    try await house.create("diaries", ["text": "d"], by: house.bob)
    // A field is named as a column of the keys is.
    let post = try await house.create("posts", ["note": "e", "scope": "f"])
    #expect(try await house.read("posts", post["id"])["note"] == "e")
    let scopes = try await house.texts("SELECT scope FROM roost_data_key ORDER BY scope")
    #expect(scopes.filter { $0.hasPrefix("person ") }.count == 2)
    #expect(scopes.filter { $0.hasPrefix("collection ") }.count == 2)
    await house.close()
  }

  @Test func aDestroyedKeyOpensNothingOfItsPersonAndAllOfOthers() async throws {
    let house = try await opened()
    let mine = try await house.create("diaries", ["text": "a"])
    let theirs = try await house.create("diaries", ["text": "b"], by: house.bob)
    let ann = try #require(house.ann.uid)
    let count = try await house.database.write {
      try await house.records.destroyKeys(of: ann, in: $0)
    }
    #expect(count == 1)
    #expect(try await house.read("diaries", mine["id"])["text"] == .null)
    #expect(try await house.read("diaries", theirs["id"], by: house.bob)["text"] == "b")
    // What is written afterwards has a key of its own.
    try await house.update("diaries", mine["id"], ["text": "c"])
    #expect(try await house.read("diaries", mine["id"])["text"] == "c")
    await house.close()
  }

  @Test func aRotationGoesOnWhereItWasAndLeavesNothingUnderTheFormerKey() async throws {
    let (old, new) = (try SealedFieldTests.master(1), try SealedFieldTests.master(2))
    let folder = RecordsHouse.folder()
    var house = try await opened(MasterKeys(old), folder: folder)
    var ids: [JSON?] = []
    for number in 0..<130 {
      let row = try await house.create("diaries", ["text": .string("t\(number)"), "title": "x"])
      ids.append(row["id"])
    }
    await house.close(keepingFolder: true)
    house = try await opened(MasterKeys(new, former: [old]), folder: folder)
    #expect(try await house.read("diaries", ids[0])["text"] == "t0")
    let records = house.records
    #expect(try await house.database.read(.statement) { try await records.isRewrapDue(in: $0) })
    var rotation = KeyRotation(sealsValues: true)
    var steps = 0
    while !rotation.isDone {
      // As a job that was killed reads it again.
      let before = try #require(KeyRotation(rotation.json))
      #expect(before == rotation)
      rotation = try await house.database.write { try await records.step(before, in: $0) }
      steps += 1
      #expect(try await house.read("diaries", ids[129])["text"] == "t129")
    }
    #expect(steps > 4)
    #expect(rotation.rows == 130)
    let former = try await house.texts("SELECT id FROM roost_data_key WHERE state = 0")
    #expect(!former.isEmpty)
    let rows = try await house.texts("SELECT text FROM diaries")
    #expect(rows.allSatisfy { row in !former.contains { row.hasPrefix("1" + $0) } })
    await house.close(keepingFolder: true)
    house = try await opened(MasterKeys(new), folder: folder)
    #expect(try await house.read("diaries", ids[7])["text"] == "t7")
    await house.close()
  }

  @Test func aSchemaWithSealedFieldsNeedsAKey() async throws {
    await #expect(throws: RoostError.self) {
      _ = try await RecordsHouse(SealedFieldTests.schema)
    }
    let plain = try await RecordsHouse("type A @collection @allow(ops: [ALL]) { x: String }")
    await plain.close()
  }

  @Test func aStoredFieldCannotBecomeSealedNorASealedOnePlain() async throws {
    let plain = "type A @collection @allow(ops: [ALL]) { x: String }"
    let sealed = "type A @collection @allow(ops: [ALL]) { x: String @encrypted(mode: SERVER) }"
    let masters = MasterKeys(try SealedFieldTests.master(1))
    for (first, second) in [(plain, sealed), (sealed, plain)] {
      let folder = RecordsHouse.folder()
      let house = try await RecordsHouse(first, folder: folder, masters: masters)
      await house.close(keepingFolder: true)
      await #expect(throws: SchemaChangeError.self) {
        _ = try await RecordsHouse(second, folder: folder, masters: masters)
      }
      let again = try await RecordsHouse(first, folder: folder, masters: masters)
      await again.close()
    }
  }
}
