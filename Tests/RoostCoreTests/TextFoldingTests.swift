import RoostCore
import Testing

@Suite struct TextFoldingTests {
  private static func tokens(_ text: String) -> String { TextFolding.indexed([text]) }

  /// Whether texts are equal byte by byte; `==` takes canonically equivalent ones as equal.
  private static func equal(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
  }

  @Test func theTableIsOfTheVersionThatTheAnswersAreOf() {
    #expect(TextFolding.unicodeVersion == FoldingAnswers.unicodeVersion)
  }

  @Test(arguments: FoldingAnswers.texts)
  func aTextIsFoldedAsPythonFoldsIt(name: String, text: String, tokens: String) {
    let found = TextFoldingTests.tokens(text)
    #expect(TextFoldingTests.equal(found, tokens), "\(name): \(found)")
  }

  @Test func everyScalarIsFoldedAsPythonFoldsIt() {
    #expect(FoldingAnswers.blocks.count > 250)
    for (block, expected) in FoldingAnswers.blocks.sorted(by: { $0.key < $1.key }) {
      var sum: UInt64 = 0xCBF2_9CE4_8422_2325
      for start in stride(from: block, to: block + 0x1000, by: 0x100) {
        var text = ""
        for value in start..<(start + 0x100) {
          guard let scalar = Unicode.Scalar(value) else { continue }
          text += "a\(scalar)b 都\(scalar) か\(scalar)\n"
          // Elsewhere canonical order would set the voicing mark before others; see `TextFolding`.
          if block == 0x3000 || block == 0xF000 { text += "\(scalar)\u{3099}\n" }
        }
        let tokens = Array(TextFolding.indexed([text]).utf8)
        for byte in tokens.isEmpty ? [] : tokens + [32] {
          sum = (sum ^ UInt64(byte == 32 ? 10 : byte)) &* 0x100_0000_01B3
        }
      }
      #expect(sum == expected, "block \(String(block, radix: 16))")
    }
  }

  @Test(arguments: [
    ("Élève", "eleve"), ("E\u{301}le\u{300}ve", "eleve"), ("ＥＬＥＶＥ", "eleve"),
    ("STRASSE", "straße"), ("Łódź", "LODZ"), ("Ærø", "aero"), ("ﬁn", "FIN"), ("٣", "3"),
    ("İı", "ii"), ("한글", "\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}"),
    ("が", "か\u{3099}"), ("ガ", "ｶﾞ"), ("so\u{AD}ft", "soft"), ("❤\u{FE0F}a", "a"),
  ])
  func theseAreAlike(left: String, right: String) {
    #expect(TextFoldingTests.equal(TextFoldingTests.tokens(left), TextFoldingTests.tokens(right)))
    #expect(!TextFoldingTests.tokens(left).isEmpty)
  }

  @Test(arguments: [
    ("が", "か"), ("कि", "कु"), ("ab", "a b"), ("한글", "한국"), ("a\u{200B}b", "ab"), ("ו", "ױ"),
  ])
  func theseAreNot(left: String, right: String) {
    #expect(!TextFoldingTests.equal(TextFoldingTests.tokens(left), TextFoldingTests.tokens(right)))
  }

  @Test(arguments: [
    ("東京都", "東京 京都 都"), ("京", "京"), ("iPhone手机x", "iphone 手机 机 x"), ("東、京", "東 京"),
    ("กิน", "กิน น"), ("", ""), ("!?", ""), ("\u{0}\u{301}", ""), ("a\u{0}b", "a b"),
  ])
  func whatIsWrittenWithoutSpacesIsTakenInPairs(text: String, tokens: String) {
    #expect(TextFoldingTests.tokens(text) == tokens)
  }

  @Test func piecesKeepRunsApart() {
    #expect(
      TextFolding.pieces(of: "a 東京b京 c") == [
        .word("a"), .run(["東", "京"]), .word("b"), .run(["京"]), .word("c"),
      ])
    #expect(TextFolding.pieces(of: "👍") == [])
  }

  @Test func elementsOfAListStandApart() {
    #expect(TextFolding.indexed(["a b", "", "!", "c"]) == "a b | c")
    #expect(TextFolding.indexed(["", "c"]) == "c")
    #expect(TextFolding.indexed([]) == "")
    // What people write is never the sign between elements.
    #expect(TextFolding.indexed(["a | b"]) == "a b")
  }

  @Test func aTokenHasABoundAndEndsWithAScalar() {
    #expect(TextFoldingTests.tokens(String(repeating: "x", count: 64)).utf8.count == 64)
    #expect(TextFoldingTests.tokens(String(repeating: "x", count: 65)).utf8.count == 64)
    #expect(TextFoldingTests.tokens("x" + String(repeating: "я", count: 32)).utf8.count == 63)
    // What follows a scalar that found no room finds none either, though it would fit.
    #expect(
      TextFoldingTests.tokens("x" + String(repeating: "я", count: 32) + "y").utf8.count == 63)
  }

  @Test func aFieldHasABoundOfTokens() {
    let words = String(repeating: "a ", count: 20_001)
    #expect(TextFoldingTests.tokens(words).split(separator: " ").count == 20_000)
    let run = String(repeating: "京", count: 30_000)
    #expect(TextFoldingTests.tokens(run).split(separator: " ").count == 20_000)
    let list = TextFolding.indexed([String](repeating: "a", count: 20_001))
    #expect(list.split(separator: " ").filter { $0 == "a" }.count == 20_000)
  }

  /// What tokenizers fear, up to ten megabytes of it.
  @Test(arguments: [
    ("\u{301}", 5_000_000, ""), ("\u{FE0F}", 300_000, ""), ("\u{200D}", 300_000, ""),
    ("\u{E0100}", 300_000, ""), ("\u{AD}", 300_000, ""),
  ])
  func hostileTextIsFoldedInOnePass(unit: String, count: Int, tokens: String) {
    let text = String(repeating: unit, count: count)
    #expect(TextFoldingTests.tokens(text) == tokens)
    #expect(TextFoldingTests.tokens("a" + text + "b") == "ab")
  }

  @Test func hostileRunsAndExpansionsStayBounded() {
    let thai = "ก" + String(repeating: "\u{E34}", count: 300_000)
    #expect(TextFoldingTests.tokens(thai).utf8.count <= 64)
    let phrase = String(repeating: "\u{FDFA}", count: 100_000)
    #expect(TextFoldingTests.tokens(phrase).split(separator: " ").count == 20_000)
    let syllables = String(repeating: "\u{1100}\u{1161}\u{11A8}", count: 100_000)
    #expect(TextFoldingTests.tokens(syllables).utf8.count == 63)
    let marks = "か" + String(repeating: "\u{3099}", count: 300_000)
    #expect(TextFoldingTests.tokens(marks).utf8.count <= 64)
  }
}
