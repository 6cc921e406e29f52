import Foundation
import Queries
import RoostCore
import Rules
import Schema
import Testing

/// A login beside Roost sees the rows that the rules show to the caller whom it names, and no other,
/// over random schemas, rows and callers.
@Suite(
  .enabled(if: Psql.owner != nil, "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets"))
struct PolicyAgreementTests {
  @Test func policiesShowTheRowsThatTheRulesShow() throws {
    let owner = try #require(Psql.owner)
    var shown = 0
    var cases = 0
    for seed in UInt64(7_000)..<7_024 {
      var maker = SchemaMaker(random: Randomness(seed: seed))
      let plan = maker.make()
      var random = maker.random
      let world = World(plan, &random)
      let book = try Agreement.book(plan)
      let oracle = Oracle(world)
      let house = try PolicyHouse(
        book, tables: PolicyAgreementTests.tables(plan), rows: PolicyAgreementTests.rows(world),
        owner: owner)
      var statements: [String] = []
      var expected: Set<String> = []
      for (number, caller) in world.callers.enumerated() {
        statements.append(PolicyHouse.naming(CallerFacts(caller, book.model.roles)))
        let asked = OracleCaller(caller, plan)
        for (index, collection) in plan.collections.enumerated() {
          statements.append(
            "SELECT '\(index) \(number) ' || id FROM \"\(collection.name)\"")
          for row in world.rows[index] where !row.isDeleted {
            cases += 1
            if oracle.members(row, asked) != nil {
              expected.insert("\(index) \(number) \(row.id)")
            }
          }
        }
      }
      let outcome = try house.read(statements)
      let found = Set(outcome.lines)
      #expect(
        found == expected,
        """
        seed \(seed): too many \(found.subtracting(expected).sorted()), \
        missing \(expected.subtracting(found).sorted()) \(outcome.errors) \(plan.source)
        """)
      // A collection that nobody may read is not granted at all; nothing else may fail.
      for line in outcome.errors.split(separator: "\n") where line.contains("ERROR") {
        #expect(line.contains("permission denied for table"), "seed \(seed): \(line)")
      }
      shown += expected.count
      try house.close()
    }
    #expect(shown * 8 > cases)
  }

  private static func tables(_ plan: SchemaPlan) -> [String] {
    plan.collections.map { collection in
      let columns = collection.fields.map { "\"\($0.name)\" \(type($0))" }
      return """
        CREATE TABLE "\(collection.name)" ("id" uuid PRIMARY KEY, "version" bigint, \
        "createdAt" bigint, "updatedAt" bigint, "deletedAt" bigint, \
        \(columns.joined(separator: ", ")))
        """
    }
  }

  private static func type(_ field: FieldPlan) -> String {
    switch field.kind {
    case .boolean, .int, .time: "bigint"
    case .float: "double precision"
    case .kind, .text, .texts, .kinds: "text COLLATE \"C\""
    case .user, .reference: "uuid"
    }
  }

  private static func rows(_ world: World) -> [String] {
    world.plan.collections.indices.flatMap { index in
      world.rows[index].map { row in
        let values: [Value] =
          [
            .uuid(row.id), .int(row.version), .timestamp(row.createdAt), .timestamp(row.updatedAt),
            row.isDeleted ? .int(1) : .null,
          ] + row.values.map { Value($0) }
        let list = values.map { SQL.literal($0).text }.joined(separator: ", ")
        return "INSERT INTO \"\(world.plan.collections[index].name)\" VALUES (\(list))"
      }
    }
  }
}
