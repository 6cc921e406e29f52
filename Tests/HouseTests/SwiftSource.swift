/// A Swift file as text, for rules that need no parser.
struct SwiftSource {
  let text: String

  init(_ text: String) { self.text = text }

  /// The text without comments and without the contents of multi-line string literals.
  var withoutComments: String {
    var result: [Substring] = []
    var blockDepth = 0
    var isInLiteral = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let quotes = line.matches(of: #/"""/#).count
      if blockDepth > 0 {
        blockDepth += line.matches(of: #/\/\*/#).count - line.matches(of: #/\*\//#).count
        continue
      }
      if isInLiteral {
        if quotes % 2 == 1 { isInLiteral = false }
        continue
      }
      if quotes % 2 == 1 { isInLiteral = true }
      if line.firstMatch(of: #/^\s*\/\*/#) != nil {
        blockDepth = line.matches(of: #/\/\*/#).count - line.matches(of: #/\*\//#).count
        continue
      }
      // A `//` inside a string, as in a URL, is not a comment: one follows a space or starts a line.
      if let comment = line.firstMatch(of: #/(^|\s)\/\//#) {
        result.append(line[..<comment.range.lowerBound])
      } else {
        result.append(line)
      }
    }
    return result.joined(separator: "\n")
  }

  /// The modules that the file imports.
  var imports: Set<String> {
    let pattern =
      #/(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|public|internal|private|fileprivate)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias|actor)\s+)?(\w+)/#
    var modules: Set<String> = []
    for line in withoutComments.split(separator: "\n") {
      let trimmed = line.drop { $0 == " " || $0 == "\t" }
      if let match = trimmed.prefixMatch(of: pattern) { modules.insert(String(match.output.1)) }
    }
    return modules
  }

  /// The names of the types and type aliases that the file declares, nested ones too.
  var declaredTypes: Set<String> {
    let pattern = #/\b(?:struct|class|enum|actor|protocol|typealias)\s+([A-Z]\w*)/#
    let code = withoutComments.replacing(#/"[^"\n]*"/#, with: "")
    return Set(code.matches(of: pattern).map { String($0.output.1) })
  }

  var lineCount: Int {
    text.split(separator: "\n", omittingEmptySubsequences: false).count
      - (text.hasSuffix("\n") ? 1 : 0)
  }
}
