import Foundation
import Queries
import RoostCore
import Rules
import SQLiteDriver
import Schema
import Testing

/// The outputs of the compiler say the same: the predicate in SQL, the test in memory, the scopes.
@Suite struct AgreementTests {
  /// A small generator of its own, so that a failing seed can be run again.
  private struct Seeded {
    var state: UInt64
    mutating func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
  }

  private static let people = (1...4).map { UUID(high: 0xA, low: UInt64($0)) }
  private static let fields = ["a", "b", "c"]

  private static func collection(_ random: inout Seeded) -> Collection {
    let rules = (0..<random.next(4)).map { _ in
      let operations: [Set<Schema.Operation>] = [
        [.read], [.read, .create], [.update], [.read, .create, .update, .delete],
      ]
      let owner = random.next(3) == 0 ? nil : fields[random.next(fields.count)]
      return AllowRule(
        operations: operations[random.next(4)],
        audience: AllowRule.Audience.allCases[random.next(3)], owner: owner)
    }
    return Collection(
      typeName: "Thing", name: "things",
      fields: fields.map { Field(name: $0, type: .user, isRequired: false) }, allows: rules)
  }

  private static func callers() -> [Caller] {
    [.everyone, Caller(uid: people[0]), Caller(uid: people[1], isAnonymous: true)]
  }

  /// The scopes that a caller holds.
  private static func held(by caller: Caller) -> Set<Scope> {
    guard let uid = caller.uid else { return [.everyone] }
    return Set(
      [.everyone, .users, .user(uid)] + (caller.isAnonymous ? [Scope.anonymous] : []))
  }

  @Test func everyOutputAllowsTheSameRows() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("roost-rules-\(Foundation.UUID().uuidString)").path
    let database = try SQLiteDatabase.open(
      SQLiteConfiguration(folder: folder), ambient: Ambient(logger: Logger(level: .error)),
      preCommit: nil)
    try await database.write { transaction in
      _ = try await transaction.execute(
        "CREATE TABLE things (n INTEGER PRIMARY KEY, a BLOB, b BLOB, c BLOB)")
    }
    var random = Seeded(state: 20_261_120)
    let rows = (0..<60).map { _ in
      AgreementTests.fields.map { _ -> FieldValue in
        let pick = random.next(5)
        return pick == 4 ? .null : .uuid(AgreementTests.people[pick])
      }
    }
    try await database.write { transaction in
      for row in rows {
        let values = row.map { value -> SQL in
          if case .uuid(let id) = value { return "\(id)" }
          return "NULL"
        }
        _ = try await transaction.execute(
          "INSERT INTO things (a, b, c) VALUES (\(values.joined(by: ", ")))")
      }
    }
    var allowed = 0
    for _ in 0..<300 {
      let collection = AgreementTests.collection(&random)
      let rules = AccessRules(collection)
      for caller in AgreementTests.callers() {
        for operation in Schema.Operation.allCases {
          let access = rules.access(operation, caller)
          let inMemory = rows.indices.filter { index in access.allows { rows[index][$0] } }
          let statement = Statement(
            "SELECT n - 1 FROM things WHERE \(access.predicate(collection)) ORDER BY n")
          var bySQL: [Int] = []
          bySQL = try await database.read(.statement) { reader in
            var found: [Int] = []
            try await reader.query(statement, access.bindings) { row in
              found.append(Int(row.int64(0)))
              return true
            }
            return found
          }
          #expect(bySQL == inMemory)
          #expect(!access.isNever || inMemory.isEmpty)
          allowed += inMemory.count
          guard operation == .read else { continue }
          let held = AgreementTests.held(by: caller)
          // A rule about an anonymous owner is a conjunction and stays online only.
          let isOnlineOnly = collection.allows.contains {
            $0.audience == .anonymous && $0.owner != nil && $0.operations.contains(.read)
          }
          let byScope = rows.indices.filter { index in
            !held.isDisjoint(with: rules.scopes { rows[index][$0] })
          }
          if isOnlineOnly {
            #expect(Set(byScope).isSubset(of: inMemory))
          } else {
            #expect(byScope == inMemory)
          }
        }
      }
    }
    #expect(allowed > 10_000)
    await database.close()
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test func whatNoRuleAllowsIsDenied() {
    let rules = AccessRules(Collection(typeName: "T", name: "ts", fields: []))
    for operation in Schema.Operation.allCases {
      #expect(rules.access(operation, Caller(uid: AgreementTests.people[0])).isNever)
    }
  }

  @Test func aRuleSpeaksToItsAudienceOnly() {
    func access(_ audience: AllowRule.Audience, _ caller: Caller) -> Bool {
      let rules = AccessRules(
        Collection(
          typeName: "T", name: "ts", fields: [],
          allows: [AllowRule(operations: [.read], audience: audience)]))
      return rules.access(.read, caller).isUnconditional
    }
    let known = Caller(uid: AgreementTests.people[0])
    let anonymous = Caller(uid: AgreementTests.people[1], isAnonymous: true)
    #expect(access(.everyone, .everyone) && access(.everyone, known))
    #expect(!access(.user, .everyone) && access(.user, known) && access(.user, anonymous))
    #expect(!access(.anonymous, known) && access(.anonymous, anonymous))
  }

  @Test func ownersAreFilledOnlyByRulesThatCreate() {
    let fields = ["a", "b"].map { Field(name: $0, type: .user, isRequired: false) }
    let rules = AccessRules(
      Collection(
        typeName: "T", name: "ts", fields: fields,
        allows: [
          AllowRule(operations: [.read, .update], owner: "a"),
          AllowRule(operations: [.create], owner: "b"),
        ]))
    #expect(rules.ownersFilledOnCreate == [1])
    #expect(rules.ownerFields == [0, 1])
  }
}
