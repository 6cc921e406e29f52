/// Splits an expression into tokens, in one pass over its bytes.
struct ExpressionLexer {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  static func tokens(_ text: String) throws(ExpressionFault) -> [ExpressionToken] {
    var lexer = ExpressionLexer(text)
    var tokens: [ExpressionToken] = []
    while true {
      let token = try lexer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  private mutating func next() throws(ExpressionFault) -> ExpressionToken {
    while index < bytes.count, ExpressionLexer.isSpace(bytes[index]) { index += 1 }
    let start = index
    guard index < bytes.count else { return ExpressionToken(kind: .end, offset: start) }
    let byte = bytes[index]
    if ExpressionLexer.beginsName(byte) {
      return ExpressionToken(kind: .name(name()), offset: start)
    }
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
      return ExpressionToken(kind: .text(try text(quote: byte)), offset: start)
    }
    if ExpressionLexer.isDigit(byte)
      || byte == UInt8(ascii: "-") && index + 1 < bytes.count
        && ExpressionLexer.isDigit(bytes[index + 1])
    {
      return ExpressionToken(kind: .number(number()), offset: start)
    }
    return ExpressionToken(kind: .symbol(try symbol(byte)), offset: start)
  }

  private mutating func name() -> String {
    let start = index
    while index < bytes.count,
      ExpressionLexer.beginsName(bytes[index]) || ExpressionLexer.isDigit(bytes[index])
    { index += 1 }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  /// A number as JSON writes it; what is wrong with it is found when it is read.
  private mutating func number() -> String {
    let start = index
    index += 1
    while index < bytes.count {
      let byte = bytes[index]
      let isSign =
        (byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
        && (bytes[index - 1] | 0x20) == UInt8(ascii: "e")
      guard
        ExpressionLexer.isDigit(byte) || byte == UInt8(ascii: ".") || isSign
          || ExpressionLexer.beginsName(byte)
      else { break }
      index += 1
    }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func text(quote: UInt8) throws(ExpressionFault) -> String {
    let start = index
    index += 1
    var content: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == quote { return String(decoding: content, as: UTF8.self) }
      if byte == 0 {
        throw ExpressionFault(offset: index - 1, message: "text may not contain NUL (U+0000)")
      }
      guard byte == UInt8(ascii: "\\") else {
        content.append(byte)
        continue
      }
      guard index < bytes.count else { break }
      let escaped = bytes[index]
      index += 1
      switch escaped {
      case UInt8(ascii: "n"): content.append(0x0A)
      case UInt8(ascii: "t"): content.append(0x09)
      case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): content.append(escaped)
      default:
        throw ExpressionFault(
          offset: index - 2, message: "unknown escape: text knows \\\\, \\\", \\', \\n and \\t")
      }
    }
    throw ExpressionFault(offset: start, message: "the text is not closed")
  }

  private static let doubled = ["==", "!=", "<=", ">=", "&&", "||"]
  private static let single = ["<", ">", "!", "(", ")", "[", "]", ",", "."]
  /// What people write who come from other languages.
  private static let mistaken = [
    "=": "compare with ==", "&": "AND is written &&", "|": "OR is written ||",
    "~": "there is no pattern matching; use the search parameter of lists for words",
    "+": "there is no arithmetic", "-": "there is no arithmetic", "*": "there is no arithmetic",
    "/": "there is no arithmetic", "%": "there is no pattern matching",
    "$": "names begin with a letter", "?": "there are no placeholders",
    ";": "an expression is one condition; join several by && or ||",
  ]

  private mutating func symbol(_ byte: UInt8) throws(ExpressionFault) -> String {
    if index + 1 < bytes.count {
      let pair = String(decoding: bytes[index...(index + 1)], as: UTF8.self)
      if ExpressionLexer.doubled.contains(pair) {
        index += 2
        return pair
      }
    }
    let text = String(decoding: [byte], as: UTF8.self)
    if ExpressionLexer.single.contains(text) {
      index += 1
      return text
    }
    let hint = ExpressionLexer.mistaken[text].map { ": \($0)" } ?? ""
    let shown = byte < 0x80 && byte >= 0x20 ? "\"\(text)\"" : "this character"
    throw ExpressionFault(offset: index, message: "\(shown) has no meaning here\(hint)")
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func beginsName(_ byte: UInt8) -> Bool {
    byte == 0x5F || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A
  }
}
