/// Splits GraphQL SDL (October 2021, section 2.1) into tokens.
///
/// Columns count Unicode scalars from 1; a line ends at `\n`, `\r` or `\r\n`.
struct Lexer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var column = 1
  private var tokens: [Token] = []

  /// The tokens of `source`, the last of which is `.end`.
  static func tokens(of source: String) throws(SyntaxFault) -> [Token] {
    guard source.utf8.count <= SDLLimits.bytes else {
      throw SyntaxFault(
        SourceLocation(line: 1, column: 1), "the schema is larger than 1 MB (1,048,576 bytes)")
    }
    var lexer = Lexer(bytes: Array(source.utf8))
    return try lexer.run()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var location: SourceLocation { SourceLocation(line: line, column: column) }

  private mutating func run() throws(SyntaxFault) -> [Token] {
    while true {
      try skipIgnored()
      guard position < bytes.count else { break }
      guard tokens.count < SDLLimits.tokens else {
        throw SyntaxFault(location, "the schema has more than 100,000 tokens")
      }
      tokens.append(try next())
    }
    tokens.append(Token(kind: .end, text: "", location: location))
    return tokens
  }

  /// Moves past one byte that is not a line's end.
  private mutating func advance() {
    // Continuation bytes of UTF-8 belong to the column of their first byte.
    position += 1
    if position >= bytes.count || bytes[position] & 0xC0 != 0x80 { column += 1 }
  }

  /// Moves past `count` ASCII characters that are no line's end.
  private mutating func advance(by count: Int) {
    position += count
    column += count
  }

  /// Moves past a line's end, if one is next.
  private mutating func takeNewline() -> Bool {
    guard position < bytes.count, bytes[position] == 10 || bytes[position] == 13 else {
      return false
    }
    if bytes[position] == 13, position + 1 < bytes.count, bytes[position + 1] == 10 {
      position += 1
    }
    position += 1
    line += 1
    column = 1
    return true
  }

  private mutating func skipIgnored() throws(SyntaxFault) {
    while position < bytes.count {
      switch bytes[position] {
      case 10, 13: _ = takeNewline()
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: ","): advance(by: 1)
      case 0xEF where bytes[position...].starts(with: [0xEF, 0xBB, 0xBF]):
        // The byte-order mark is ignored and takes no column.
        position += 3
      case UInt8(ascii: "#"):
        while position < bytes.count, bytes[position] != 10, bytes[position] != 13 {
          try refuseControl()
          advance()
        }
      default: return
      }
    }
  }

  private func refuseControl() throws(SyntaxFault) {
    if bytes[position] < 0x20 && bytes[position] != 9 || bytes[position] == 0x7F {
      throw SyntaxFault(location, "a control character, which a schema may not contain")
    }
  }

  private mutating func next() throws(SyntaxFault) -> Token {
    let start = location
    let byte = bytes[position]
    switch byte {
    case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "("),
      UInt8(ascii: ")"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"),
      UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "|"),
      UInt8(ascii: "}"):
      advance(by: 1)
      return Token(kind: .punctuator(byte), text: "", location: start)
    case UInt8(ascii: "."):
      guard bytes[position...].starts(with: [46, 46, 46]) else {
        throw SyntaxFault(start, "a '.' stands alone; only '...' is known")
      }
      advance(by: 3)
      return Token(kind: .spread, text: "", location: start)
    case UInt8(ascii: "\""):
      if bytes[position...].starts(with: [34, 34, 34]) { return try blockString() }
      return try string()
    case UInt8(ascii: "-"), 48...57: return try number()
    default:
      guard Lexer.isNameStart(byte) else { throw unexpected() }
      let first = position
      var end = position
      while end < bytes.count, Lexer.isNamePart(bytes[end]) { end += 1 }
      advance(by: end - first)
      return Token(kind: .name, text: text(first, end), location: start)
    }
  }

  private func unexpected() -> SyntaxFault {
    let byte = bytes[position]
    if byte < 0x20 || byte == 0x7F {
      return SyntaxFault(location, "a control character, which a schema may not contain")
    }
    let rest = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self)
    let scalar = rest.unicodeScalars.first.map { String($0) } ?? ""
    if scalar == "'" {
      return SyntaxFault(location, "strings stand in double quotes, not in single ones")
    }
    return SyntaxFault(location, "unexpected character '\(scalar)'")
  }

  private func text(_ start: Int, _ end: Int) -> String {
    String(decoding: bytes[start..<end], as: UTF8.self)
  }

  static func isNameStart(_ byte: UInt8) -> Bool {
    byte | 0x20 >= 97 && byte | 0x20 <= 122 || byte == 95
  }

  /// A letter, digit or underscore.
  static func isNamePart(_ byte: UInt8) -> Bool {
    byte | 0x20 >= 97 && byte | 0x20 <= 122 || byte >= 48 && byte <= 57 || byte == 95
  }

  private func isDigit(at index: Int) -> Bool {
    index < bytes.count && bytes[index] >= 48 && bytes[index] <= 57
  }

  private mutating func digits() throws(SyntaxFault) {
    guard isDigit(at: position) else { throw SyntaxFault(location, "a number without digits") }
    while isDigit(at: position) { advance() }
  }

  private mutating func number() throws(SyntaxFault) -> Token {
    let start = location
    let first = position
    var kind = Token.Kind.int
    if bytes[position] == UInt8(ascii: "-") { advance() }
    if position < bytes.count, bytes[position] == 48, isDigit(at: position + 1) {
      throw SyntaxFault(start, "a number with a leading zero")
    }
    try digits()
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      kind = .float
      advance()
      try digits()
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      kind = .float
      advance()
      if position < bytes.count,
        bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        advance()
      }
      try digits()
    }
    if position < bytes.count,
      Lexer.isNameStart(bytes[position]) || bytes[position] == UInt8(ascii: ".")
    {
      throw SyntaxFault(location, "a number must be followed by a space")
    }
    return Token(kind: kind, text: text(first, position), location: start)
  }
}

extension Lexer {
  private mutating func string() throws(SyntaxFault) -> Token {
    let start = location
    advance()
    var value: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        advance()
        return Token(
          kind: .string, text: String(decoding: value, as: UTF8.self), location: start)
      case 10, 13: throw SyntaxFault(start, "the string does not end on its line")
      case UInt8(ascii: "\\"): try escape(into: &value)
      default:
        try refuseControl()
        value.append(byte)
        advance()
      }
    }
    throw SyntaxFault(start, "the string does not end")
  }

  private mutating func escape(into value: inout [UInt8]) throws(SyntaxFault) {
    let start = location
    advance()
    guard position < bytes.count else { throw SyntaxFault(start, "the string does not end") }
    let byte = bytes[position]
    let simple: UInt8
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): simple = byte
    case UInt8(ascii: "b"): simple = 8
    case UInt8(ascii: "f"): simple = 12
    case UInt8(ascii: "n"): simple = 10
    case UInt8(ascii: "r"): simple = 13
    case UInt8(ascii: "t"): simple = 9
    case UInt8(ascii: "u"):
      advance()
      var code = try hexadecimal(start)
      if code >= 0xD800, code < 0xDC00,
        position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
        bytes[position + 1] == UInt8(ascii: "u")
      {
        advance(by: 2)
        let low = try hexadecimal(start)
        guard low >= 0xDC00, low < 0xE000 else {
          throw SyntaxFault(start, "a lone surrogate in a string")
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw SyntaxFault(start, "a lone surrogate in a string")
      }
      value.append(contentsOf: String(scalar).utf8)
      return
    default:
      throw SyntaxFault(start, "an unknown escape in a string; a backslash is written '\\\\'")
    }
    value.append(simple)
    advance()
  }

  private mutating func hexadecimal(_ start: SourceLocation) throws(SyntaxFault) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count else { throw SyntaxFault(start, "the string does not end") }
      switch bytes[position] {
      case let byte where byte >= 48 && byte <= 57: code = code << 4 | UInt32(byte - 48)
      case let byte where byte | 0x20 >= 97 && byte | 0x20 <= 102:
        code = code << 4 | UInt32((byte | 0x20) - 87)
      default: throw SyntaxFault(start, "a \\u escape needs four hexadecimal digits")
      }
      advance()
    }
    return code
  }

  private mutating func blockString() throws(SyntaxFault) -> Token {
    let start = location
    advance(by: 3)
    var raw: [UInt8] = []
    while position < bytes.count {
      if takeNewline() {
        raw.append(10)
      } else if bytes[position...].starts(with: [34, 34, 34]) {
        advance(by: 3)
        return Token(kind: .blockString, text: BlockString.value(of: raw), location: start)
      } else if bytes[position...].starts(with: [92, 34, 34, 34]) {
        raw.append(contentsOf: [34, 34, 34])
        advance(by: 4)
      } else {
        try refuseControl()
        raw.append(bytes[position])
        advance()
      }
    }
    throw SyntaxFault(start, "the block string does not end")
  }
}
