import Queries
import RoostCore
import Rules
import Schema
import Testing

/// The predicates as PostgreSQL gets them, and beside them those of SQLite.
///
/// The agreement test runs them; these texts show what they look like.
@Suite struct PostgresTextTests {
  private static func predicate(
    _ rules: String, _ dialect: Dialect, _ source: PredicateWriter.Source = .alias(0)
  ) throws -> Template {
    let model = try SchemaModel.load(
      source: """
        enum Role @roles { ra rb }
        type Band @collection {
          founder: User! @immutable  manager: User  isOpen: Boolean
          members: [Member!]! @relation(inverse: "band")
        }
        type Member @collection { band: Band  user: User!  rank: Int }
        type Song @collection \(rules) {
          owner: User  band: Band  isOpen: Boolean  word: String  tags: [String!]
        }
        """, stage: .everything)
    let book = try RuleBook(model)
    let caller = Caller(uid: UUID(high: 1, low: 1), roles: ["ra"])
    let access = book.collections[2].access(.read, caller)
    return PredicateWriter(model: model, dialect: dialect).predicate(access.plan, source)
  }

  @Test(arguments: [
    (#"@allow(ops: [READ], to: PUBLIC)"#, "TRUE", []),
    (#"@allow(ops: [READ], roles: ["rb"])"#, "FALSE", []),
    (#"@allow(ops: [READ], owner: "owner")"#, #"("t0"."owner" = CAST(? AS uuid))"#, [Slot.uid]),
    (
      #"@allow(ops: [READ], owner: "band.manager")"#,
      #"("t0"."band" = ANY (ARRAY(SELECT "t1".id FROM "bands" AS "t1" "#
        + #"WHERE "t1"."manager" = CAST(? AS uuid) AND "t1"."deletedAt" IS NULL)))"#, [.uid]
    ),
    // Resolved when the row is written, so the band may be deleted.
    (
      #"@allow(ops: [READ], owner: "band.founder")"#,
      #"("t0"."band" = ANY (ARRAY(SELECT "t1".id FROM "bands" AS "t1" WHERE "t1"."founder" = CAST(? AS uuid))))"#,
      [.uid]
    ),
    (
      #"@allow(ops: [READ], member: "band.members.user", having: "rank > 2")"#,
      #"("t0"."band" = ANY (ARRAY(SELECT "t1"."band" FROM "members" AS "t1" "#
        + #"WHERE "t1"."user" = CAST(? AS uuid) AND "t1"."deletedAt" IS NULL AND "t1"."band" IS NOT NULL "#
        + #"AND ("t1"."rank" > CAST(? AS bigint)))))"#, [.uid, .value(.int(2))]
    ),
    (
      #"@allow(ops: [READ], when: "word in ctx.claims && 'x' in tags")"#,
      #"((("t0"."word" = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(CAST(? AS text) COLLATE "C" AS jsonb))))) "#
        + #"AND (CAST("t0"."tags" AS jsonb) @> jsonb_build_array(CAST(? AS text) COLLATE "C"))))"#,
      [.claims, .value(.text("x"))]
    ),
    (
      #"@allow(ops: [READ]) @deny(ops: [READ], when: "!isOpen")"#,
      #"(NOT ("t0"."isOpen" = 1)) IS NOT TRUE"#, []
    ),
    (
      #"@allow(ops: [READ], when: "band.isOpen")"#,
      #"(("t0"."band" = ANY (ARRAY(SELECT "t1".id FROM "bands" AS "t1" "#
        + #"WHERE "t1"."deletedAt" IS NULL AND "t1"."isOpen" = 1))))"#, []
    ),
    (
      #"@allow(ops: [READ], when: "!band.isOpen")"#,
      #"((NOT ((SELECT "t1"."isOpen" FROM "bands" AS "t1" WHERE "t1".id = "t0"."band" "#
        + #"AND "t1"."deletedAt" IS NULL) = 1)))"#, []
    ),
  ])
  func theFormsOfRulesAreWrittenForPostgreSQL(
    _ rules: String, _ text: String, _ slots: [Slot]
  ) throws {
    let template = try PostgresTextTests.predicate(rules, .postgres)
    #expect(template.sql.text == text)
    #expect(template.slots == slots)
    let own = try PostgresTextTests.predicate(rules, .sqlite)
    for form in ["ANY", "ARRAY", "jsonb", "TRUE)", "::"] {
      #expect(!own.sql.text.contains(form))
    }
    #expect(own.sql.text.count { $0 == "?" } == own.slots.count)
  }
}
