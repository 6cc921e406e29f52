import Queries
import Testing

@Suite struct DialectTests {
  @Test func longNamesAreShortenedWithoutBecomingEqual() {
    let start = "ix$" + String(repeating: "performances$", count: 6)
    let names = (0..<2000).map { Dialect.postgres.name(start + "field\($0)") }
    #expect(Set(names).count == 2000)
    #expect(names.allSatisfy { $0.utf8.count <= 63 && $0.hasPrefix("ix$performances$") })
    // Cut between characters, not inside one.
    let wide = Dialect.postgres.name(String(repeating: "ü", count: 60))
    #expect(wide.utf8.count <= 63 && !wide.unicodeScalars.contains("\u{FFFD}"))
  }

  @Test func namesThatFitStayAsTheyAre() {
    let fitting = String(repeating: "a", count: 63)
    #expect(Dialect.postgres.name(fitting) == fitting)
    #expect(Dialect.postgres.name(fitting + "a") != fitting)
    #expect(Dialect.sqlite.name(fitting + "a") == fitting + "a")
  }

  @Test func aStatementIsSpelledInEachDialect() {
    let statement = DialectStatement { "SELECT n FROM t\($0.forUpdate)" }
    #expect(statement[.sqlite].text == "SELECT n FROM t")
    #expect(statement[.postgres].text == "SELECT n FROM t FOR UPDATE")
  }
}
