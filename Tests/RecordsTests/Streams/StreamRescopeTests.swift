import Queries
import RoostCore
import Schema
import Synchronization
import TestEngine
import Testing

@testable import Records

/// Streams that are brought in step with changed rules in pieces, beside writes.
@Suite struct StreamRescopeTests {
  private static let users = (1...400).map { RoostCore.UUID(high: 0xB, low: UInt64($0)) }
  private static let wide = """
    @allow(ops: [READ], member: "band.members.user") @allow(ops: [READ], to: USER)
    """
  private static let narrow = """
    @allow(ops: [READ], member: "band.members.user", having: "rank == 'a'", except: ["word"])
    @allow(ops: [READ], to: USER, when: "isOpen", fields: ["text"])
    """

  private static func schema(_ rules: String) -> String {
    """
    type Band @collection @allow(ops: [ALL], owner: "founder") {
      founder: User!  members: [Member!]! @relation(inverse: "band")
    }
    type Member @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL], owner: "user") {
      band: Band! @immutable  user: User!  rank: String
    }
    type Note @collection @allow(ops: [ALL], owner: "owner") \(rules) {
      owner: User!  band: Band @relation(onDelete: SET_NULL)  text: String  word: String
      isOpen: Boolean  size: Int @sync(tier: HOURLY)
    }
    """
  }

  private func house(
    _ rules: String, _ folder: String, _ time: TestTime
  ) async throws -> RecordsHouse {
    let house = try await RecordsHouse(Self.schema(rules), folder: folder, time: time)
    house.people.known.withLock { $0.formUnion(Self.users) }
    return house
  }

  /// Three bands with 400 members each, and 1,250 notes.
  private func fill(_ house: RecordsHouse) async throws {
    var bands: [JSON] = []
    for _ in 0..<3 { bands.append(try await house.create("bands", [:])["id"] ?? .null) }
    func store(_ name: String, _ rows: [JSON]) async throws {
      let creates = try rows.map { try house.records.systemCreate(house.collection(name), $0) }
      for part in stride(from: 0, to: creates.count, by: 250) {
        _ = try await house.records.importBatch(
          Array(creates[part..<min(part + 250, creates.count)]))
      }
    }
    func user(_ number: Int) -> JSON {
      .string(Self.users[number % Self.users.count].description)
    }
    try await store(
      "members",
      (0..<1200).map {
        ["band": bands[$0 % 3], "user": user($0 / 3), "rank": $0 % 2 == 0 ? "a" : "b"]
      })
    try await store(
      "notes",
      (0..<1250).map {
        [
          "owner": user($0), "band": $0 % 5 == 0 ? .null : bands[$0 % 3], "text": "t", "word": "w",
          "isOpen": .bool($0 % 4 == 0), "size": .int(Int64($0)),
        ]
      })
  }

  /// Does one piece; false where nothing is left.
  private func step(_ house: RecordsHouse) async throws -> Bool {
    let work = Task {
      try await MigrationRunner(database: house.database, time: house.time)
        .rescope(house.records.catalogue) { _ in withUnsafeCurrentTask { $0?.cancel() } }
    }
    do {
      try await work.value
      return false
    } catch is CancellationError {
      return true
    }
  }

  private func isOpen(_ house: RecordsHouse) async throws -> Bool {
    try await house.database.read(.statement) { try await StreamRescope.isOpen(in: $0) }
  }

  /// What people write while it goes on: rows that were reached, and rows that were not.
  private func write(_ number: Int, _ house: RecordsHouse) async throws {
    let ids = try await house.database.read(.statement) { reader in
      try await reader.all(
        """
        SELECT id, owner FROM notes WHERE \(identifier: "deletedAt") IS NULL \
        ORDER BY id LIMIT 1 OFFSET \((number * 97) % 1200)
        """
      ) { ($0.uuid(0) ?? .zero, $0.uuid(1) ?? .zero) }
    }
    let (id, owner) = try #require(ids.first)
    let name = JSON.string(id.description)
    let person = Caller(uid: owner)
    switch number % 3 {
    case 0:
      try await house.update(
        "notes", name, ["isOpen": .bool(number % 2 == 0), "word": "x"], by: person)
    case 1: try await house.delete("notes", name, by: person)
    default: try await house.create("notes", ["text": "n", "isOpen": true], by: person)
    }
    let members = try await house.database.read(.statement) { reader in
      try await reader.all(
        "SELECT id, \(identifier: "user") FROM members ORDER BY id LIMIT 1 OFFSET \((number * 71) % 1200)"
      ) { ($0.uuid(0) ?? .zero, $0.uuid(1) ?? .zero) }
    }
    let (member, user) = try #require(members.first)
    try await house.update(
      "members", .string(member.description), ["rank": number % 2 == 0 ? "b" : "a"],
      by: Caller(uid: user))
  }

  @Test(arguments: [(wide, narrow), (narrow, wide)])
  func streamsAreBroughtInStepInPiecesBesideWrites(before: String, after: String) async throws {
    let folder = RecordsHouse.folder()
    defer { TestEngine.remove(folder) }
    let time = TestTime()
    let first = try await house(before, folder, time)
    try await fill(first)
    var audit = StreamAudit()
    try await audit.look(at: first, "before", isSingle: false)
    await first.close(keepingFolder: true)
    time.advance(1000)

    var second = try await house(after, folder, time)
    #expect(try await isOpen(second))
    let refused = await refusal {
      try await second.database.read(.statement) { try await StreamRescope.check(in: $0) }
    }
    #expect(refused?.code == .overloaded)
    var pieces = 0
    while try await step(second) {
      pieces += 1
      // As long as anything is left, nobody pulls; once nothing is, all is right.
      guard try await isOpen(second) else { break }
      try await write(pieces, second)
      if pieces % 7 == 0 {
        // Ended, and begun again where it was.
        await second.close(keepingFolder: true)
        second = try await house(after, folder, time)
        #expect(try await isOpen(second))
      }
    }
    #expect(pieces > 15, "\(pieces)")
    #expect(try await !isOpen(second))
    try await audit.look(at: second, "after", isSingle: false)
    #expect(
      try await second.texts("SELECT state FROM roost_migration_run WHERE kind = 'rescope'")
        .allSatisfy { $0 == "done" })
    #expect(
      try await second.texts("SELECT total FROM roost_migration_task WHERE done < total / 2") == [])
    await second.close(keepingFolder: true)
    // Nothing is begun again by a start with the same rules.
    let third = try await house(after, folder, time)
    #expect(try await !isOpen(third))
    await third.close(keepingFolder: true)
  }

  @Test func rulesThatChangeAgainBeginItAnew() async throws {
    let folder = RecordsHouse.folder()
    defer { TestEngine.remove(folder) }
    let time = TestTime()
    let first = try await house(Self.wide, folder, time)
    try await fill(first)
    await first.close(keepingFolder: true)
    let second = try await house(Self.narrow, folder, time)
    for _ in 0..<12 { #expect(try await step(second)) }
    let server = second.records.catalogue
    await second.close(keepingFolder: true)
    let third = try await house(Self.wide, folder, time)
    #expect(try await isOpen(third))
    // A process that knows other rules leaves it alone.
    let open = try await third.database.read(.statement) {
      try await MigrationTask.all(onlyOpen: true, in: $0)
    }
    #expect(!open.isEmpty && open.allSatisfy { !StreamRescope.isKnown($0, to: server) })
    while try await step(third) {}
    #expect(try await !isOpen(third))
    var audit = StreamAudit()
    try await audit.look(at: third, "after", isSingle: false)
    #expect(
      Set(
        try await third.texts(
          "SELECT state FROM roost_migration_run WHERE kind = 'rescope' ORDER BY number"))
        == ["superseded", "done"])
    await third.close(keepingFolder: true)
  }

  @Test func aServerOfTheRulesOfBeforeWritesNoMore() async throws {
    let folder = RecordsHouse.folder()
    defer { TestEngine.remove(folder) }
    let time = TestTime()
    let old = try await house(Self.wide, folder, time)
    guard old.database.dialect.hasOtherWriters else {
      await old.close(keepingFolder: true)
      return
    }
    try await fill(old)
    old.recorder.writes(by: old.records.catalogue.generation)
    let new = try await house(Self.narrow, folder, time)
    new.recorder.writes(by: new.records.catalogue.generation)
    let error = await refusal { try await old.create("bands", [:]) }
    #expect(error?.code == .draining)
    try await new.create("bands", [:])
    await new.close(keepingFolder: true)
    await old.close(keepingFolder: true)
  }
}
