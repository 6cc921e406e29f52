package import RoostCore

/// What a person typed to search, as terms that must all be found.
///
/// - Words are separated by spaces; each is found as a whole, in any order.
/// - A `*` at the end of a word or phrase lets its last word be the beginning of one.
/// - What stands in double quotes is a phrase: its words follow one another in one field.
/// - A word that holds signs (`rock-band`, `o'neil`) is a phrase too.
/// - Everything else means nothing; there are no operators.
///
/// Letters of scripts without spaces between words match wherever they stand in a run; see
/// `TextFolding`.
package struct SearchQuery: Sendable, Equatable {
  /// Tokens that follow one another.
  package struct Term: Sendable, Equatable {
    package let tokens: [String]
    /// The last token is the beginning of one.
    package let isPrefix: Bool

    /// The beginning of so many words that looking them all up would take long.
    var isTooShort: Bool {
      guard isPrefix, tokens.count == 1, let scalar = tokens[0].unicodeScalars.first else {
        return false
      }
      return tokens[0].unicodeScalars.count == 1 && scalar.isASCII
    }
  }

  /// Unicode scalars that a query may have.
  package static let maximumLength = 200
  package static let maximumTerms = 10

  /// At least one; each has at least one token.
  package let terms: [Term]

  /// Throws 422 for a text that is too long, has too many words, or none.
  package init(_ text: String) throws(RoostError) {
    // Counted with an end: a hostile text is not read to its own.
    guard
      text.unicodeScalars.prefix(SearchQuery.maximumLength + 1).count
        <= SearchQuery.maximumLength
    else {
      throw .invalid(
        "?search", "max_length",
        "search takes at most \(SearchQuery.maximumLength) characters; use fewer words.")
    }
    var reader = SearchTextReader(text)
    var terms: [Term] = []
    while let chunk = reader.next() {
      guard let term = Term(chunk.text, isPrefix: chunk.isPrefix) else { continue }
      if terms.contains(term) { continue }
      terms.append(term)
    }
    guard terms.count <= SearchQuery.maximumTerms else {
      throw .invalid(
        "?search", "max_items",
        "search takes at most \(SearchQuery.maximumTerms) words or phrases; use fewer.")
    }
    if terms.contains(where: { $0.isTooShort }) {
      throw .invalid(
        "?search", "min_length",
        "A word that ends with * begins with at least two letters; write more of it.")
    }
    guard !terms.isEmpty else {
      throw .invalid(
        "?search", "no_words",
        "search holds no word: it needs letters or digits, such as search=blue.")
    }
    self.terms = terms
  }

  private init(term: Term) { terms = [term] }

  /// A query for each term by itself.
  var single: [SearchQuery] { terms.map { SearchQuery(term: $0) } }
}

extension SearchQuery.Term {
  /// The tokens of one word or phrase; nil where it holds no letter and no digit.
  fileprivate init?(_ text: String, isPrefix: Bool) {
    let pieces = TextFolding.pieces(of: text)
    var tokens: [String] = []
    var endsOpen = isPrefix
    for (index, piece) in pieces.enumerated() {
      let isLast = index == pieces.count - 1
      switch piece {
      case .word(let word): tokens.append(word)
      case .run(let units):
        for (first, second) in zip(units, units.dropFirst()) { tokens.append(first + second) }
        // The last letter of a run stands alone in the index, too: where more must follow, that is
        // where the run ends. A letter by itself begins a pair, or is that last one.
        if !isLast || units.count == 1 { tokens.append(units[units.count - 1]) }
        if isLast, units.count == 1 { endsOpen = true }
      }
    }
    guard !tokens.isEmpty else { return nil }
    self.tokens = tokens
    self.isPrefix = endsOpen
  }
}

/// Cuts what was typed into words and quoted phrases.
private struct SearchTextReader {
  private var scalars: Substring.UnicodeScalarView

  init(_ text: String) { scalars = Substring(text).unicodeScalars }

  /// The next word or phrase, and whether a `*` stands at its end.
  mutating func next() -> (text: String, isPrefix: Bool)? {
    while let first = scalars.first {
      if first.properties.isWhitespace {
        scalars.removeFirst()
      } else if SearchTextReader.isQuote(first) {
        scalars.removeFirst()
        let text = take { !SearchTextReader.isQuote($0) }
        if !scalars.isEmpty { scalars.removeFirst() }
        let isPrefix = scalars.first == "*"
        if isPrefix { scalars.removeFirst() }
        return (text, isPrefix)
      } else {
        let text = take { !$0.properties.isWhitespace && !SearchTextReader.isQuote($0) }
        return (text, text.utf8.last == UInt8(ascii: "*"))
      }
    }
    return nil
  }

  private mutating func take(while isInside: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let scalar = scalars.first, isInside(scalar) {
      text.append(scalar)
      scalars.removeFirst()
    }
    return String(text)
  }

  /// Keyboards of phones write curved quotes.
  private static func isQuote(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\"", "\u{201C}", "\u{201D}", "\u{201E}": true
    default: false
    }
  }
}
