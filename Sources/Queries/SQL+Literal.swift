extension SQL {
  /// A value as text, for statements that take no parameters, such as the definition of a policy.
  ///
  /// Texts are quoted as the standard says, which PostgreSQL and SQLite both read; a text with NUL,
  /// which neither stores, becomes NULL.
  package static func literal(_ value: Value) -> SQL {
    switch value {
    case .null: return "NULL"
    case .int(let number): return SQL(text: String(number), bindings: [])
    case .double(let number): return SQL(text: "\(number)", bindings: [])
    case .text(let text): return quoted(text)
    case .blob(let bytes): return SQL(text: "'\\x\(hex(bytes))'", bindings: [])
    case .uuid(let id): return SQL(text: "'\(id)'", bindings: [])
    }
  }

  /// The fragment with its values as literals in the place of the placeholders.
  ///
  /// It must have come from `literal`s and static text: a `?` inside of quotes is text.
  package func withLiterals(_ literals: [SQL]) -> SQL {
    var result = ""
    var next = literals.makeIterator()
    var quote: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      if let open = quote {
        if scalar == open { quote = nil }
      } else if scalar == "'" || scalar == "\"" {
        quote = scalar
      } else if scalar == "?", let literal = next.next() {
        result += literal.text
        continue
      }
      result.unicodeScalars.append(scalar)
    }
    return SQL(text: result, bindings: [])
  }

  private static func quoted(_ text: String) -> SQL {
    guard !text.utf8.contains(0) else { return "NULL" }
    var quoted = "'"
    for scalar in text.unicodeScalars {
      quoted.unicodeScalars.append(scalar)
      if scalar == "'" { quoted += "'" }
    }
    return SQL(text: quoted + "'", bindings: [])
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
