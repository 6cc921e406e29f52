/// PostgreSQL's predicates made readable for SQLite, which has no arrays and no `jsonb`: it lets the
/// forms that are written for the one engine run on the other.
enum PostgresText {
  /// The text for SQLite; nil where it uses a form that has no counterpart.
  static func forSQLite(_ text: String) -> String? {
    var result = text.replacing(
      "SELECT jsonb_array_elements_text(?::jsonb)", with: "SELECT value FROM json_each(?)")
    result = result.replacing(/("t\d+"\."\w+"|\?)::jsonb @> jsonb_build_array\(\?\)/) {
      "roost_contains(\($0.output.1), ?)"
    }
    while let range = result.firstRange(of: " = ANY (ARRAY(") {
      guard let end = closing(result, from: range.upperBound) else { return nil }
      let inner = result[range.upperBound..<end]
      let after = result.index(end, offsetBy: 2)
      result = result[..<range.lowerBound] + " IN (" + inner + ")" + result[after...]
    }
    for form in ["::", "@>", "ARRAY", "ANY (", "jsonb"] where result.contains(form) { return nil }
    return result
  }

  /// The bracket that closes what was opened before `start`.
  private static func closing(_ text: String, from start: String.Index) -> String.Index? {
    var depth = 1
    var isQuoted = false
    var index = start
    while index < text.endIndex {
      switch text[index] {
      case "\"": isQuoted.toggle()
      case "(" where !isQuoted: depth += 1
      case ")" where !isQuoted:
        depth -= 1
        if depth == 0 { return index }
      default: break
      }
      index = text.index(after: index)
    }
    return nil
  }
}
