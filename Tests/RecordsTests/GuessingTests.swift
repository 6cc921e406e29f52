import Queries
import Records
import RoostCore
import Rules
import Schema
import Testing

private let schema = """
  type Team @collection @allow(ops: [READ, CREATE], owner: "owner") {
    owner: User!
    isOpen: Boolean!
  }
  type Entry @collection @allow(ops: [CREATE], check: "team.isOpen")
    @allow(ops: [READ, UPDATE], owner: "owner", check: "team.isOpen") {
    owner: User
    team: Team
  }
  type Listing @collection @allow(ops: [CREATE]) @allow(ops: [READ], except: ["seller", "lowest"])
    @allow(ops: [UPDATE]) {
    seller: User! @immutable
    lowest: Int
    title: String
    note: JSON
  }
  type Player @collection @allow(ops: [READ]) {
    name: String
    rating: Int @allow(ops: [ALL])
  }
  type Match @collection @allow(ops: [READ]) @allow(ops: [CREATE], when: "isOpen") {
    isOpen: Boolean
    judge: User @allow(ops: [CREATE, READ], owner: "judge")
    rating: Int @allow(ops: [CREATE, UPDATE, READ])
  }
  type Door @collection @allow(ops: [ALL])
    @deny(ops: [UPDATE], when: "isOld") @deny(ops: [UPDATE], when: "isLocked") {
    isOld: Boolean
    isLocked: Boolean
  }
  """

@Suite struct GuessingTests {
  @Test func aFieldsRuleAloneCreatesNothing() async throws {
    let house = try await RecordsHouse(schema)
    #expect(
      await refusal { try await house.create("players", ["rating": 1]) }?.code == .forbidden)
    #expect(
      await refusal { try await house.create("matches", ["rating": 1]) }?.code == .forbidden)
    let match = try await house.create("matches", ["isOpen": true, "rating": 1])
    #expect(match["rating"] == 1)
    // A rule of the field fills no owner: it would be shown to its judge.
    #expect(match["judge"] == nil)
    #expect(
      try await house.update("matches", match["id"], ["rating": 2])["rating"] == 2)
    await house.close()
  }

  @Test func aHiddenImmutableFieldIsRefusedWhateverTheGuess() async throws {
    let house = try await RecordsHouse(schema)
    let seller: JSON = .string(house.ann.uid?.description ?? "")
    let other: JSON = .string(house.bob.uid?.description ?? "")
    let made = try await house.create("listings", ["seller": seller, "lowest": 5])
    for guess in [seller, other] {
      let error = await refusal {
        try await house.update("listings", made["id"], ["seller": guess], by: house.bob)
      }
      #expect(error?.issues.first?.code == "immutable")
    }
    await house.close()
  }

  @Test func aWriteOfAHiddenFieldCountsAlsoWhereItIsRight() async throws {
    let house = try await RecordsHouse(schema)
    let seller: JSON = .string(house.ann.uid?.description ?? "")
    let made = try await house.create("listings", ["seller": seller, "lowest": 5, "title": "a"])
    let right = try await house.update("listings", made["id"], ["lowest": 5])
    #expect(right["version"] == 2)
    #expect(try await house.update("listings", made["id"], ["lowest": 6])["version"] == 3)
    #expect(try await house.update("listings", made["id"], ["title": "a"])["version"] == 3)
    await house.close()
  }

  @Test(arguments: [true, false])
  func aRuleDoesNotTellOfAHiddenRecord(isOpen: Bool) async throws {
    let house = try await RecordsHouse(schema)
    let hidden = try await house.create("teams", ["isOpen": .bool(isOpen)])["id"] ?? .null
    let error = await refusal {
      try await house.create("entries", ["team": hidden], by: house.bob)
    }
    #expect(error?.issues.first?.code == "reference")
    let own = try await house.create("teams", ["isOpen": true], by: house.bob)["id"] ?? .null
    let entry = try await house.create(
      "entries", ["team": own, "owner": .string(house.bob.uid?.description ?? "")], by: house.bob)
    let change = await refusal {
      try await house.update("entries", entry["id"], ["team": hidden], by: house.bob)
    }
    #expect(change?.issues.first?.code == "reference")
    await house.close()
  }

  @Test func aTextInAnotherSpellingIsAChange() async throws {
    let house = try await RecordsHouse(schema)
    let seller: JSON = .string(house.ann.uid?.description ?? "")
    let made = try await house.create(
      "listings", ["seller": seller, "title": "\u{E9}", "note": ["a": "\u{E9}"]])
    let title = try await house.update("listings", made["id"], ["title": "e\u{301}"])
    #expect(title["version"] == 2)
    #expect(title["title"]?.string?.utf8.count == 3)
    let note = try await house.update("listings", made["id"], ["note": ["a": "e\u{301}"]])
    #expect(note["version"] == 3)
    #expect(note["note"]?["a"]?.string?.utf8.count == 3)
    #expect(
      try await house.update("listings", made["id"], ["title": "e\u{301}"])["version"] == 3)
    await house.close()
  }

  @Test func everyDenialThatAppliesIsTold() async throws {
    let house = try await RecordsHouse(schema)
    let doors = house.collection("doors")
    for (body, holds) in [
      (["isOld": true, "isLocked": true], [true, true]),
      (["isOld": false, "isLocked": true], [false, true]),
    ] as [(JSON, [Bool])] {
      let made = try await house.create("doors", body)
      let told = try await house.records.explain(
        .update, doors, RecordsHouse.uuid(made["id"]), for: house.ann)
      #expect(told.denials.map { $0.holds == true } == holds)
    }
    await house.close()
  }
}

private let relations = """
  type Band @collection @allow(ops: [ALL]) {
    name: String
    songs: [Song!]! @relation(inverse: "band")
    notes: [Note!]! @relation(inverse: "band")
  }
  type Song @collection @allow(ops: [ALL]) {
    band: Band @relation(inverse: "songs", onDelete: CASCADE)
  }
  type Note @collection @allow(ops: [ALL], owner: "owner")
    @allow(ops: [READ], when: "isOpen", except: ["band"]) {
    owner: User
    isOpen: Boolean
    band: Band @relation(inverse: "notes", onDelete: CASCADE)
  }
  """

@Suite struct BatchBoundTests {
  @Test func whatMayTakeLongIsNotBrief() async throws {
    let house = try await RecordsHouse(relations)
    let bands = house.collection("bands")
    let id = UUID(high: 1, low: 1)
    let plain = try house.records.prepareRead(bands, id, ShownMembers(), by: house.ann)
    #expect(plain.isBrief)
    for (name, isBrief) in [("songs", true), ("notes", false)] {
      let inverse = try #require(house.records.catalogue.inverse(name, of: bands))
      let list = try house.records.prepareRelation(
        inverse, of: bands, id, ListQuery(), by: house.ann)
      #expect(list.isBrief == isBrief)
    }
    await house.close()
  }

  @Test func theDeletesOfABatchReachAThousandRowsTogether() async throws {
    let house = try await RecordsHouse(relations)
    let bands = house.collection("bands")
    var deletes: [PreparedOperation] = []
    for number in 1...2 {
      let id = UUID(high: 1, low: UInt64(number))
      _ = try await house.create("bands", ["id": .string(id.description)])
      for _ in 0..<7 {
        let songs = try (0..<100).map { _ in
          try house.records.prepareCreate(
            house.collection("songs"), ["band": .string(id.description)], by: .caller(house.ann))
        }
        _ = try await house.records.batch(songs, answerBytes: .max)
      }
      deletes.append(
        try house.records.prepareDelete(bands, id, expecting: .any, by: .caller(house.ann)))
    }
    _ = try await house.records.batch(deletes, answerBytes: .max)
    let left = try await house.texts(
      "SELECT count(*) FROM songs WHERE \(identifier: "deletedAt") IS NULL")
    #expect(left == ["400"])
    let kept = try await house.texts(
      "SELECT count(*) FROM bands WHERE \(identifier: "deletedAt") IS NULL")
    #expect(kept == ["0"])
    await house.close()
  }
}
