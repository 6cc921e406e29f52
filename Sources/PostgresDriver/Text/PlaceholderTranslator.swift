/// The texts of `SQL` in PostgreSQL's spelling: each `?` becomes `$1`, `$2` and so on.
///
/// Strings (with doubled quotes, with backslashes after `E`, between dollars), quoted names and
/// comments stay as they are, as PostgreSQL's lexer reads them with `standard_conforming_strings`.
struct PlaceholderTranslator {
  private let source: [UInt8]
  private var output: [UInt8] = []
  private var position = 0
  private var count = 0

  /// The translated text and the number of its placeholders.
  static func translate(_ text: String) -> (text: String, placeholders: Int) {
    var translator = PlaceholderTranslator(text)
    translator.run()
    return (String(decoding: translator.output, as: UTF8.self), translator.count)
  }

  private init(_ text: String) {
    source = Array(text.utf8)
    output.reserveCapacity(source.count + 16)
  }

  private mutating func run() {
    while position < source.count {
      switch source[position] {
      case UInt8(ascii: "?"):
        count += 1
        output.append(UInt8(ascii: "$"))
        output.append(contentsOf: String(count).utf8)
        position += 1
      case UInt8(ascii: "'"):
        quoted(by: UInt8(ascii: "'"), hasBackslashes: followsEscapeMark)
      case UInt8(ascii: "\""):
        quoted(by: UInt8(ascii: "\""), hasBackslashes: false)
      case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"):
        while position < source.count, source[position] != 10, source[position] != 13 { copy() }
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
        comment()
      case UInt8(ascii: "$"):
        dollarQuoted()
      default:
        copy()
      }
    }
  }

  private func peek(_ distance: Int) -> UInt8? {
    position + distance < source.count ? source[position + distance] : nil
  }

  private mutating func copy() {
    output.append(source[position])
    position += 1
  }

  /// Whether the quote here belongs to `E'…'`: an `e` that is a word of its own stands before it.
  private var followsEscapeMark: Bool {
    guard position > 0, source[position - 1] | 0x20 == UInt8(ascii: "e") else { return false }
    return position < 2 || !PlaceholderTranslator.isWord(source[position - 2])
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    isLetter(byte) || (48...57).contains(byte) || byte == UInt8(ascii: "$")
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (97...122).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  /// A doubled quote inside begins the next quoted piece, which comes to the same.
  private mutating func quoted(by quote: UInt8, hasBackslashes: Bool) {
    copy()
    while position < source.count, source[position] != quote {
      if hasBackslashes, source[position] == UInt8(ascii: "\\"), peek(1) != nil { copy() }
      copy()
    }
    if position < source.count { copy() }
    // The piece after a doubled quote keeps the kind of the first.
    if hasBackslashes, position < source.count, source[position] == quote {
      quoted(by: quote, hasBackslashes: true)
    }
  }

  private mutating func comment() {
    var depth = 0
    repeat {
      if source[position] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        depth += 1
        copy()
      } else if source[position] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        copy()
      }
      copy()
    } while depth > 0 && position < source.count
  }

  /// `$tag$ … $tag$`; a dollar inside a word or before a digit begins nothing.
  private mutating func dollarQuoted() {
    let start = position
    var end = start + 1
    if start > 0, PlaceholderTranslator.isWord(source[start - 1]) { return copy() }
    if end < source.count, (48...57).contains(source[end]) { return copy() }
    while end < source.count, PlaceholderTranslator.isWord(source[end]),
      source[end] != UInt8(ascii: "$")
    {
      end += 1
    }
    guard end < source.count, source[end] == UInt8(ascii: "$") else { return copy() }
    let tag = source[start...end]
    for _ in tag { copy() }
    while position < source.count {
      if source[position] == UInt8(ascii: "$"), source[position...].starts(with: tag) {
        for _ in tag { copy() }
        return
      }
      copy()
    }
  }
}
