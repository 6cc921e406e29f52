/// The tokens by which text is searched: the same on every engine, whatever its own tokenizer does.
///
/// - Letters and digits form words; everything else separates them.
/// - Case, accents, ligatures, width and style are folded: `Élève`, `ＥＬＥＶＥ` and `eleve` are one
///   word, as are `Straße` and `STRASSE`, `Łódź` and `lodz`, `٣` and `3`. (Compatibility
///   decomposition and case folding of Unicode; marks of classes other than vowels and viramas are
///   stripped; stroked Latin letters become plain ones.) `ö` becomes `o`, not `oe`.
/// - Invisible signs (soft hyphen, joiners, variation selectors) are as if they were not there.
/// - Hangul stays in syllables, and kana keeps its voicing marks.
/// - Han, Hiragana, Katakana, Tangut, Thai, Lao, Khmer and Burmese set no spaces between words:
///   their runs are taken letter by letter, so that any part of a run is found. `東京都` is indexed
///   as `東京 京都 都`: each letter with its successor, and the last one alone.
/// - Marks that stay are kept in the order in which they come: canonical order is not restored.
///
/// A token has at most 64 bytes of UTF-8; what a longer word has beyond that is not looked at.
package enum TextFolding {
  /// Raised with every change of what a text folds to: indexes are made anew then.
  package static let version = 1
  package static let tokenBytes = 64
  /// A letter of a run with its marks: two of them make a token.
  static let unitBytes = 32
  /// Tokens of a field that are indexed; what comes behind them is not found.
  package static let fieldTokens = 20_000
  /// Stands between the elements of a list, so that no phrase reaches across.
  static let gap = UInt8(ascii: "|")

  /// The version of the Unicode character database that the folding is made from.
  package static var unicodeVersion: String { FoldingTable.unicodeVersion }

  /// What a text is made of, in order.
  package enum Piece: Sendable, Equatable {
    case word(String)
    /// Letters of a script without spaces, at least one.
    case run([String])
  }

  package static func pieces(of text: String) -> [Piece] {
    var scanner = TokenScanner(text)
    var pieces: [Piece] = []
    var units: [String] = []
    while true {
      switch scanner.next() {
      case .word: pieces.append(.word(String(decoding: scanner.token, as: UTF8.self)))
      case .unit: units.append(String(decoding: scanner.token, as: UTF8.self))
      case .runEnd:
        pieces.append(.run(units))
        units = []
      case .end: return pieces
      }
    }
  }

  /// The tokens of a field with spaces between them, as an index stores them; "" when there is none.
  ///
  /// `texts` are the elements of a list, or the one text of another field.
  package static func indexed(_ texts: [String]) -> String {
    var bytes: [UInt8] = []
    var count = 0
    for text in texts where count < fieldTokens {
      index(text, &bytes, &count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func index(_ text: String, _ bytes: inout [UInt8], _ count: inout Int) {
    var scanner = TokenScanner(text)
    var unit: [UInt8] = []
    var isFirst = true
    func write(_ first: [UInt8], _ second: [UInt8]) {
      guard count < fieldTokens else { return }
      if isFirst, !bytes.isEmpty {
        bytes.append(UInt8(ascii: " "))
        bytes.append(gap)
      }
      isFirst = false
      if !bytes.isEmpty { bytes.append(UInt8(ascii: " ")) }
      bytes += first
      bytes += second
      count += 1
    }
    while count < fieldTokens {
      switch scanner.next() {
      case .word: write(scanner.token, [])
      case .unit:
        if !unit.isEmpty { write(unit, scanner.token) }
        unit = scanner.token
      case .runEnd:
        write(unit, [])
        unit = []
      case .end: return
      }
    }
  }
}
