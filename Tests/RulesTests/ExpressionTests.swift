import RoostCore
import Rules
import Schema
import Testing

/// Faults of expressions are found with their place, and say what to do.
@Suite struct ExpressionTests {
  private static func model() throws -> SchemaModel {
    try SchemaModel.load(
      source: """
        enum Role @roles { musician support @inherits(from: ["musician"]) }
        enum Rank { LOW HIGH }
        type Band @collection { name: String! open: Boolean notes: [Note!]! @relation(inverse: "band") }
        type Note @collection {
          owner: User! band: Band text: String count: Int price: Float at: DateTime day: Date
          rank: Rank done: Boolean tags: [String!] data: JSON
          secret: String @encrypted(mode: CLIENT) length: Duration
        }
        """, stage: .everything)
  }

  static func checker(
    _ scope: ExpressionChecker.Scope = .rule
  ) throws -> ExpressionChecker {
    ExpressionChecker(model: try model(), collection: 1, scope: scope)
  }

  @Test(arguments: [
    "done", "!done", "owner == ctx.uid", "ctx.uid != owner", "text == 'a' || text == \"b\"",
    "count > 3 && count <= -1", "3 < count", "price >= 2", "at > '2026-01-31T20:00:00Z'",
    "at > '2026-01-31'", "'plan:gold' in ctx.claims", "text == 'a' || 'gold' in ctx.claims",
    "day == '2026-01-31'", "rank == HIGH", "rank in [LOW, 'HIGH']", "text == null",
    "tags != null", "data == null", "'jazz' in tags",
    "'support' in ctx.roles", "text in ctx.claims", "text in ctx.roles", "!ctx.anonymous",
    "ctx.uid == null", "band.open", "band.name == 'x'", "createdAt == updatedAt", "version > 1",
    "id == '018f0000-0000-7000-8000-000000000000'", "length > 'PT1H'",
    "true", "((done))", "id in ['018f0000-0000-7000-8000-000000000000']",
  ])
  func whatIsMeantIsUnderstood(_ text: String) throws {
    _ = try ExpressionTests.checker().expression(text, .rule)
  }

  @Test(arguments: [
    ("", 0, "expected a value"), ("done &&", 7, "expected a value"),
    ("done & text == 'a'", 5, "AND is written &&"), ("count = 3", 6, "compare with =="),
    ("text ~ 'a%'", 5, "no pattern matching"), ("count + 1 > 2", 6, "no arithmetic"),
    ("size(text) > 1", 4, "no functions"), ("text == 'a", 8, "not closed"),
    ("texd == 'a'", 0, "did you mean text?"), ("text == 3", 8, "must be"),
    ("count == 1.5", 9, "whole number"), ("count == 'a'", 9, "whole number"),
    ("count == 99999999999", 9, "Int"), ("at == 'yesterday'", 6, "must be"),
    ("at == '2026-02-30'", 6, "must be"), ("3 in ctx.claims", 0, "two constants"),
    ("rank == MIDDLE", 8, "LOW"), ("rank < HIGH", 7, "no order"), ("done < true", 7, "no order"),
    ("owner == 'x'", 9, "UUID"), ("owner == text", 9, "cannot be compared"),
    ("1 == 1", 0, "two constants"), ("text", 0, "no condition"), ("'a'", 0, "a condition"),
    ("tags == 'a'", 8, "is a list"), ("data == 'a'", 8, "null"),
    ("text > null", 5, "no order"), ("null in tags", 0, "null"), ("count in []", 9, "empty"),
    ("'x' in ctx.roles", 0, "unknown role"), ("owner in ctx.claims", 0, "claims are text"),
    ("ctx.name == 'a'", 0, "ctx has"), ("ctx.roles == 'a'", 0, "is a list"),
    ("secret == 'a'", 0, "@encrypted"), ("band.notes == 'a'", 0, "other side"),
    ("text.a == 'a'", 0, "leads to no fields"), ("1 < count < 3", 10, "do not chain"),
    ("text == 'a' text", 12, "unexpected"), ("[1] == 1", 0, "right of in"),
    ("text == 'a\\q'", 10, "unknown escape"), ("text == 'a\u{0}'", 10, "NUL"),
    ("done == ctx.anonymous.x", 8, "ctx has"), ("é == 1", 0, "no meaning"),
    ("count > 1e400", 8, "no number"), ("count > 0x10", 8, "no number"),
  ])
  func faultsNameTheirPlaceAndTheCure(_ text: String, _ offset: Int, _ words: String) throws {
    let checker = try ExpressionTests.checker()
    let fault = #expect(throws: ExpressionFault.self, "\(text)") {
      try checker.expression(text, .rule)
    }
    #expect(fault?.message.contains(words) == true, "\(text): \(fault?.message ?? "")")
    #expect(fault?.offset == offset, "\(text): \(fault?.message ?? "")")
  }

  @Test func sizesAreBounded() throws {
    let checker = try ExpressionTests.checker()
    func code(_ text: String, _ limits: ExpressionLimits) -> String? {
      do throws(ExpressionFault) {
        _ = try checker.expression(text, limits)
        return nil
      } catch {
        return error.code
      }
    }
    let many = Array(repeating: "done", count: 200).joined(separator: " || ")
    #expect(code(many, .rule) == "limit")
    #expect(code(Array(repeating: "done", count: 25).joined(separator: "||"), .filter) == nil)
    #expect(code(Array(repeating: "done", count: 26).joined(separator: "||"), .filter) == "limit")
    #expect(
      code(
        String(repeating: "(", count: 10) + "done" + String(repeating: ")", count: 10),
        .filter) == nil)
    #expect(
      code(
        String(repeating: "(", count: 11) + "done" + String(repeating: ")", count: 11),
        .filter) == "limit")
    #expect(code(String(repeating: "!", count: 100_000), .rule) == "limit")
    #expect(code("text == '" + String(repeating: "a", count: 2000) + "'", .filter) == "limit")
  }

  @Test func aCheckSeesTheRowAlone() throws {
    for text in ["owner == ctx.uid", "band.open", "'a' in ctx.roles"] {
      #expect(throws: ExpressionFault.self) {
        try ExpressionTests.checker(.check).expression(text, .rule)
      }
    }
    _ = try ExpressionTests.checker(.check).expression("count > 1", .rule)
  }
}
