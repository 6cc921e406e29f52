import Queries
import Records
import RoostCore
import Rules
import Schema
import Testing

@Suite struct RetentionTests {
  private static func schema(_ retention: String, _ others: String = "") -> String {
    """
    type Person @collection(name: "people") @allow(ops: [ALL]) \(retention) {
      name: String! @immutable @pii(kind: "name") @search
      email: Email! @pii(kind: "email", onErase: PSEUDONYMISE)
      phone: String @pii(kind: "phone")
      tags: [String!]! @merge(strategy: SET_UNION) @pii(kind: "tags")
      city: String @pii(kind: "city", onErase: KEEP)
      leftOn: Date
      seenAt: DateTime
      isKept: Boolean
      club: Club
    }
    type Club @collection @allow(ops: [ALL]) { isForever: Boolean }
    \(others)
    """
  }

  private static func person(_ name: String, _ more: JSONObject = JSONObject()) -> JSON {
    var body = JSONObject()
    body["name"] = .string(name)
    body["email"] = .string("\(name.filter { $0 != " " })@example.org")
    body["phone"] = "12345"
    body["tags"] = ["a", "b"]
    body["city"] = "Turku"
    for (key, value) in more { body[key] = value }
    return .object(body)
  }

  /// Carries out every rule to its end, `limit` rows at a time.
  private func retain(
    _ house: RecordsHouse, limit: Int = 2
  ) async throws -> (rows: Int, held: Int, steps: Int) {
    let records = house.records
    var result = (rows: 0, held: 0, steps: 0)
    for task in records.retentionTasks {
      var place: RetentionPlace?
      repeat {
        let from = place
        let step = try await house.database.write {
          try await records.retain(task, after: from, limit: limit, in: $0)
        }
        // What is written down between two steps is read again.
        place = step.place.flatMap { RetentionPlace($0.json) }
        result = (result.rows + step.rows, result.held + step.held, result.steps + 1)
      } while place != nil
    }
    return result
  }

  private func with(
    _ schema: String, _ body: (RecordsHouse) async throws -> Void
  ) async throws {
    let house = try await RecordsHouse(schema)
    do {
      try await body(house)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private let day: Int64 = 86_400_000

  @Test func whatWasDeletedIsPurgedWhenItsTimeHasCome() async throws {
    let rule = "@retention(after: \"deletedAt\", for: \"P30D\")"
    try await with(Self.schema(rule)) { house in
      var ids: [JSON?] = []
      for number in 0..<5 {
        ids.append(try await house.create("people", Self.person("p\(number)"))["id"])
      }
      for id in ids.prefix(3) { try await house.delete("people", id) }
      house.time.advance(30 * day - 1)
      #expect(try await retain(house).rows == 0)
      let logged = try await house.logged()
      house.time.advance(1)
      #expect(try await retain(house) == (3, 0, 2))
      #expect(try await house.texts("SELECT name FROM people ORDER BY name") == ["p3", "p4"])
      // The deletes were logged when they took place.
      #expect(try await house.logged() == logged)
      #expect(try await retain(house).rows == 0)
    }
  }

  @Test func liveRowsAreDeletedAsAllOthersAndThenGone() async throws {
    let rule = "@retention(after: \"seenAt\", for: \"P1D\", unless: \"isKept\")"
    let others = """
      type Letter @collection @allow(ops: [ALL]) { to: Person @relation(onDelete: CASCADE) }
      type Bill @collection @allow(ops: [ALL]) { to: Person @relation(onDelete: RESTRICT) }
      type Memo @collection @allow(ops: [ALL]) { about: Person @relation(onDelete: SET_NULL) }
      """
    try await with(Self.schema(rule, others)) { house in
      let seen = JSONObject(uniqueMembers: [
        ("seenAt", .string(house.time.now().description))
      ])
      var kept = seen
      kept["isKept"] = true
      let gone = try await house.create("people", Self.person("gone", seen))["id"] ?? .null
      let held = try await house.create("people", Self.person("held", seen))["id"] ?? .null
      try await house.create("people", Self.person("kept", kept))
      try await house.create("people", Self.person("never seen"))
      try await house.create("letters", ["to": gone])
      try await house.create("memos", ["about": gone])
      try await house.create("bills", ["to": held])
      #expect(try await retain(house).rows == 0)
      house.time.advance(day)
      let before = Int(try await house.logged()[0]) ?? 0
      let result = try await retain(house)
      #expect(result.rows == 1)
      #expect(result.held == 1)
      #expect(
        try await house.texts("SELECT name FROM people ORDER BY name")
          == ["held", "kept", "never seen"])
      // The delete of the person and of the letter, and the change of the memo.
      #expect(Int(try await house.logged()[0]) == before + 3)
      #expect(
        try await house.texts("SELECT count(*) FROM letters WHERE \"deletedAt\" IS NULL") == ["0"])
      #expect(try await house.texts("SELECT count(*) FROM memos WHERE about IS NULL") == ["1"])
      let author = try await house.texts(
        "SELECT count(*) FROM roost_log WHERE kind = 3 AND actor IS NULL")
      #expect(author == ["2"])
    }
  }

  @Test func aDeletedRowIsNotKeptLongerThanALiveOne() async throws {
    try await with(Self.schema("@retention(after: \"createdAt\", for: \"P1D\")")) { house in
      let id = try await house.create("people", Self.person("a"))["id"]
      try await house.delete("people", id)
      house.time.advance(day)
      #expect(try await retain(house).rows == 1)
      #expect(try await house.texts("SELECT count(*) FROM people") == ["0"])
    }
  }

  @Test func daysCountFromTheirBeginning() async throws {
    try await with(Self.schema("@retention(after: \"leftOn\", for: \"P2D\")")) { house in
      // The clock of the tests begins on 9 October 2025.
      for day in ["2025-10-07", "2025-10-08"] {
        let left = JSONObject(uniqueMembers: [("leftOn", .string(day))])
        try await house.create("people", Self.person(day, left))
      }
      #expect(try await retain(house).rows == 1)
      #expect(try await house.texts("SELECT name FROM people") == ["2025-10-08"])
    }
  }

  @Test func exceptionsMayReadOtherRows() async throws {
    let rule = "@retention(after: \"createdAt\", for: \"P1D\", unless: \"club.isForever\")"
    try await with(Self.schema(rule)) { house in
      let club = try await house.create("clubs", ["isForever": true])["id"] ?? .null
      let other = try await house.create("clubs", ["isForever": false])["id"] ?? .null
      for (name, club): (String, JSON) in [("kept", club), ("gone", other), ("none", .null)] {
        try await house.create(
          "people", Self.person(name, JSONObject(uniqueMembers: [("club", club)])))
      }
      house.time.advance(day)
      #expect(try await retain(house).rows == 2)
      #expect(try await house.texts("SELECT name FROM people") == ["kept"])
    }
  }

  @Test func anExceptionOfTheCallerIsRefused() throws {
    let rule = "@retention(after: \"createdAt\", for: \"P1D\", unless: \"club == ctx.uid\")"
    let model = try SchemaModel.load(source: Self.schema(rule))
    let error = #expect(throws: SchemaError.self) { try RuleBook(model) }
    #expect(error?.faults.first?.message.contains("ctx, the caller, cannot be read here") == true)
    let unknown = "@retention(after: \"createdAt\", for: \"P1D\", unless: \"clubb == null\")"
    let other = try SchemaModel.load(source: Self.schema(unknown))
    #expect(throws: SchemaError.self) { try RuleBook(other) }
  }

  @Test func personalFieldsAreEmptiedAndTheRestStays() async throws {
    let rule = "@retention(after: \"createdAt\", for: \"P1D\", action: ANONYMISE)"
    try await with(Self.schema(rule)) { house in
      var ids: [JSON?] = []
      for number in 0..<5 {
        ids.append(try await house.create("people", Self.person("p\(number)"))["id"])
      }
      try await house.update("people", ids[0], ["tags": ["$remove": ["a"]]])
      try await house.delete("people", ids[4])
      house.time.advance(day)
      let before = Int(try await house.logged()[0]) ?? 0
      #expect(try await retain(house).rows == 5)
      // Of the deleted row nobody hears.
      #expect(Int(try await house.logged()[0]) == before + 4)
      let row = try await house.read("people", ids[0])
      let digits = (ids[0]?.string ?? "").filter { $0 != "-" }
      #expect(row["name"]?.string == "anonymised-\(digits)")
      #expect(row["email"]?.string == "anonymised-\(digits)@example.invalid")
      #expect(row["phone"] == .null)
      #expect(row["tags"] == [])
      #expect(row["city"] == "Turku")
      #expect(row["version"] == 3)
      let left = try await house.texts(
        "SELECT count(*) FROM people WHERE phone IS NOT NULL OR name LIKE 'p%'")
      #expect(left == ["0"])
      // What is done is not done again.
      #expect(try await retain(house).rows == 0)
      try await house.update("people", ids[1], ["phone": "new"])
      #expect(try await retain(house).rows == 1)
    }
  }

  @Test func whatIsArchivedLeavesItsCollectionWhole() async throws {
    let rule = "@retention(after: \"seenAt\", for: \"P1D\", action: ARCHIVE)"
    try await with(Self.schema(rule)) { house in
      let seen = JSONObject(uniqueMembers: [
        ("seenAt", .string(house.time.now().description))
      ])
      let whole = try await house.create("people", Self.person("a", seen))
      let deleted = try await house.create("people", Self.person("b", seen))
      try await house.delete("people", deleted["id"])
      house.time.advance(day)
      #expect(try await retain(house).rows == 1)
      #expect(try await house.texts("SELECT name FROM people") == ["b"])
      let archived = try await house.texts("SELECT record FROM roost_archive")
      #expect(try archived.map { try JSON.parse(text: $0) } == [whole])
    }
  }

  @Test func rowsAreFoundByAnIndex() async throws {
    for (after, more) in [
      ("deletedAt", ""), ("seenAt", ", unless: \"isKept\""), ("createdAt", ", action: ANONYMISE"),
    ] {
      let rule = "@retention(after: \"\(after)\", for: \"P1D\"\(more))"
      try await with(Self.schema(rule)) { house in
        let time: SQL = "t0.\(identifier: after)"
        let id = UUID(high: 1, low: 1)
        let plan = try await house.plan(
          """
          SELECT \(time), t0.id FROM people AS t0 WHERE \(time) <= \(5) AND (\(time), t0.id) > \
          (\(1), \(id)) ORDER BY \(time)\(house.database.dialect.order(descending: false)), \
          t0.id LIMIT 10
          """)
        #expect(!house.database.dialect.scans(plan), "\(after): \(plan)")
        // A table this small is read by a bitmap, which has no order.
        let isBitmap = plan.contains { $0.contains("Bitmap Index Scan") }
        #expect(isBitmap || !house.database.dialect.sorts(plan), "\(after): \(plan)")
      }
    }
  }
}
