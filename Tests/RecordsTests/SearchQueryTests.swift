import Records
import RoostCore
import Testing

@Suite struct SearchQueryTests {
  /// Terms as text: tokens with spaces, `*` behind an open end, `/` between terms.
  private static func shown(_ text: String) throws -> String {
    try SearchQuery(text).terms.map { term in
      term.tokens.joined(separator: " ") + (term.isPrefix ? "*" : "")
    }.joined(separator: "/")
  }

  @Test(arguments: [
    ("blue", "blue"), ("  Blue   MOON ", "blue/moon"), ("blue moon blue", "blue/moon"),
    ("mo*", "mo*"), ("\"blue moon\"", "blue moon"), ("\"blue mo\"*", "blue mo*"),
    ("\"blue mo*\"", "blue mo"), ("“blue moon”", "blue moon"), ("\"blue moon", "blue moon"),
    ("rock-band", "rock band"), ("o'neil*", "o neil*"), ("a\"b c\"d", "a/b c/d"),
    ("* blue *", "blue"), ("bl*ue", "bl ue"), ("!? blue 👍", "blue"),
    ("東京都", "東京 京都"), ("京", "京*"), ("東京x", "東京 京 x"), ("x東京", "x 東京"), ("x京", "x 京*"),
    ("a\u{0}b", "a b"), ("NOT blue", "not/blue"), ("blue OR moon", "blue/or/moon"),
    ("key:blue", "key blue"), ("{f1}: a", "f1/a"), ("NEAR(a b, 2)", "near a/b/2"),
    ("^blue", "blue"), ("a + b", "a/b"), ("-blue", "blue"), ("a|b", "a b"),
  ])
  func wordsAreReadAndNothingElse(text: String, terms: String) throws {
    #expect(try SearchQueryTests.shown(text) == terms)
  }

  @Test(arguments: ["", " ", "*", "\"\"", "\"", "👍", "!?*", "\u{301}", "\u{0}", "()\"(\""])
  func aTextWithoutAWordIsRefused(text: String) async {
    let error = await refusal { _ = try SearchQuery(text) }
    #expect(error?.code == .invalid)
    #expect(error?.issues.map(\.code) == ["no_words"])
    #expect(error?.issues.map(\.pointer) == ["?search"])
  }

  @Test func aTextHasABoundedLength() async throws {
    #expect(try SearchQuery(String(repeating: "a", count: 200)).terms.count == 1)
    for text in [
      String(repeating: "a", count: 201), "a" + String(repeating: "\u{301}", count: 200),
    ] {
      let error = await refusal { _ = try SearchQuery(text) }
      #expect(error?.issues.map(\.code) == ["max_length"])
    }
  }

  @Test func aQueryHasABoundedNumberOfTerms() async throws {
    #expect(try SearchQuery("a b c d e f g h i j j").terms.count == 10)
    let error = await refusal { _ = try SearchQuery("a b c d e f g h i j k") }
    #expect(error?.issues.map(\.code) == ["max_items"])
  }
}
