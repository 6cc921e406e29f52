import Queries
import RoostCore
import Rules
import Schema
import Testing

/// The traps of row-level security, each with what Roost's policies do about it.
@Suite(
  .enabled(if: Psql.owner != nil, "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets"))
struct PolicyTrapTests {
  private static let source = """
    enum Role @roles { EDITOR }
    type Band @collection
      @allow(ops: [READ], member: "members.user")
      @allow(ops: [READ], roles: ["EDITOR"])
      @deny(ops: [READ], when: "secret == true", exceptRoles: ["EDITOR"])
    {
      name: String! @unique
      budget: Int
      secret: Boolean! @default(value: "false")
      members: [Member!]! @relation(inverse: "band")
    }
    type Member @collection
      @allow(ops: [READ], member: "band.members.user", except: ["fee"])
    {
      band: Band! @immutable
      user: User!
      fee: Int
    }
    type Note @collection { text: String }
    """

  private static let ann = UUID(high: 0xA, low: 1)
  private static let bob = UUID(high: 0xB, low: 2)
  private static let mine = UUID(high: 0xC, low: 1)
  private static let secret = UUID(high: 0xC, low: 2)
  private static let others = UUID(high: 0xC, low: 3)

  private func with(_ body: (PolicyHouse, RuleBook) throws -> Void) throws {
    let owner = try #require(Psql.owner)
    let book = try RuleBook(
      try SchemaModel.load(source: PolicyTrapTests.source, stage: .everything))
    let system =
      "\"id\" uuid PRIMARY KEY, \"version\" bigint DEFAULT 1, \"createdAt\" bigint DEFAULT 0, "
      + "\"updatedAt\" bigint DEFAULT 0, \"deletedAt\" bigint"
    func band(_ id: UUID, _ name: String, _ isSecret: Int, _ user: UUID, _ member: UInt64)
      -> [String]
    {
      [
        "INSERT INTO bands (id, name, budget, secret) VALUES ('\(id)', '\(name)', 5, \(isSecret))",
        """
        INSERT INTO members (id, band, "user", fee) \
        VALUES ('\(UUID(high: 0xD, low: member))', '\(id)', '\(user)', 7)
        """,
      ]
    }
    let house = try PolicyHouse(
      book,
      tables: [
        "CREATE TABLE bands (\(system), name text UNIQUE, budget bigint, secret bigint)",
        "CREATE TABLE members (\(system), band uuid, \"user\" uuid, fee bigint)",
        "CREATE TABLE notes (\(system), text text)",
        "CREATE TABLE roost_user (id uuid, email text)",
      ],
      rows: band(PolicyTrapTests.mine, "mine", 0, PolicyTrapTests.ann, 1)
        + band(PolicyTrapTests.secret, "secret", 1, PolicyTrapTests.ann, 2)
        + band(PolicyTrapTests.others, "others", 0, PolicyTrapTests.bob, 3),
      owner: owner)
    do {
      try body(house, book)
    } catch {
      try house.close()
      throw error
    }
    try house.close()
  }

  private func naming(_ uid: UUID, roles: Set<String> = [], isLocal: Bool = false) -> String {
    PolicyHouse.naming(CallerFacts(Caller(uid: uid, roles: roles), nil), isLocal: isLocal)
  }

  private let names = "SELECT name FROM bands ORDER BY name"

  @Test func `a policy about its own table does not ask itself for ever`() throws {
    try with { house, _ in
      let found = try house.read([
        naming(PolicyTrapTests.ann), "SELECT count(*) FROM members",
      ])
      #expect(found.errors == "")
      #expect(found.lines == ["2"])
    }
  }

  @Test func `who is not named sees nothing, and a setting ends with its transaction`() throws {
    try with { house, _ in
      let found = try house.read([
        names, "SELECT 'named'", "BEGIN", naming(PolicyTrapTests.ann, isLocal: true), names,
        "COMMIT", "SELECT 'after'", names, "SELECT current_setting('roost.uid', true) = ''",
      ])
      #expect(found.errors == "")
      #expect(found.lines == ["named", "mine", "after", "t"])
    }
  }

  @Test func `a denial is a policy that no other lifts`() throws {
    try with { house, _ in
      let found = try house.read([
        naming(PolicyTrapTests.ann), names, "SELECT 'editor'",
        naming(PolicyTrapTests.ann, roles: ["EDITOR"]), names,
      ])
      #expect(found.lines == ["mine", "editor", "mine", "others", "secret"])
    }
  }

  @Test func `a column that some rule hides is not granted`() throws {
    try with { house, _ in
      let found = try house.read([
        naming(PolicyTrapTests.ann), "SELECT count(band) FROM members", "SELECT fee FROM members",
        "SELECT * FROM members",
      ])
      #expect(found.lines == ["2"])
      #expect(found.errors.split(separator: "\n").count { $0.contains("permission denied") } == 2)
    }
  }

  @Test(arguments: [
    "INSERT INTO bands (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'secret')",
    "UPDATE bands SET name = 'x'", "DELETE FROM bands", "TRUNCATE bands",
    "SELECT * FROM roost_user", "SELECT * FROM notes",
    "ALTER TABLE bands DISABLE ROW LEVEL SECURITY",
    "DROP POLICY roost_readers ON bands", "CREATE TABLE mine (id bigint)",
  ])
  func `a login beside Roost reads collections and does nothing else`(attempt: String) throws {
    try with { house, _ in
      let found = try house.read([naming(PolicyTrapTests.ann, roles: ["EDITOR"]), attempt])
      // A unique violation would have told of a hidden row.
      #expect(
        found.errors.contains("permission denied") || found.errors.contains("must be owner"),
        "\(found.errors)")
      #expect(found.lines == [])
    }
  }

  @Test func `security is forced, and Roost's own login still works, also to delete softly`() throws
  {
    try with { house, _ in
      let found = try house.own([
        """
        SELECT count(*) FROM pg_class WHERE relnamespace = '\(house.schema)'::regnamespace \
        AND relkind = 'r' AND relrowsecurity AND relforcerowsecurity
        """,
        "SELECT count(*) FROM bands", "UPDATE bands SET \"deletedAt\" = 1 WHERE name = 'mine'",
        "SELECT count(*) FROM bands WHERE \"deletedAt\" IS NOT NULL",
      ])
      #expect(found.errors == "")
      #expect(found.lines == ["3", "3", "1"])
      let seen = try house.read([naming(PolicyTrapTests.ann), names])
      #expect(seen.lines == [])
    }
  }

  @Test func `the functions look nowhere but where they say`() throws {
    try with { house, _ in
      // A table of the caller's own with the name of one that a function reads.
      let found = try house.read([
        "CREATE TEMPORARY TABLE members (band uuid, \"user\" uuid, \"deletedAt\" bigint)",
        "INSERT INTO members VALUES ('\(PolicyTrapTests.others)', '\(PolicyTrapTests.ann)', NULL)",
        "SET search_path = pg_temp, \(house.schema)", naming(PolicyTrapTests.ann), names,
      ])
      #expect(found.errors == "")
      #expect(found.lines == ["mine"])
    }
  }

  @Test func `policies are made anew for another schema, and taken away`() throws {
    try with { house, book in
      let script = PolicyScript(book, tables: house.schema, readers: [house.reader])
      let again = try house.own(
        ["BEGIN"] + script.removal.map(\.text) + script.creation.map(\.text) + ["COMMIT"])
      #expect(!again.errors.contains("ERROR"), "\(again.errors)")
      #expect(try house.read([naming(PolicyTrapTests.ann), names]).lines == ["mine"])
      let gone = try house.own(
        ["BEGIN"] + script.removal.map(\.text) + ["COMMIT"]
          + ["SELECT count(*) FROM pg_policies WHERE schemaname = '\(house.schema)'"])
      #expect(gone.lines == ["0"])
    }
  }
}
