/// A Swift file as text, for rules that need no parser.
struct SwiftSource {
  let text: String
  /// The text without comments and without the contents of multi-line string literals.
  let withoutComments: String

  init(_ text: String) {
    self.text = text
    withoutComments = SwiftSource.stripped(text)
  }

  private static func stripped(_ text: String) -> String {
    var result: [Substring] = []
    var blockDepth = 0
    var isInLiteral = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let bytes = Array(line.utf8)
      if blockDepth > 0 {
        blockDepth += count("/*", in: bytes) - count("*/", in: bytes)
        continue
      }
      let quotes = count("\"\"\"", in: bytes)
      if isInLiteral {
        if quotes % 2 == 1 { isInLiteral = false }
        continue
      }
      if quotes % 2 == 1 { isInLiteral = true }
      if bytes.drop(while: { $0 == 0x20 || $0 == 0x09 }).starts(with: Array("/*".utf8)) {
        blockDepth = count("/*", in: bytes) - count("*/", in: bytes)
        continue
      }
      result.append(line.prefix(lineComment(in: bytes, line)))
    }
    return result.joined(separator: "\n")
  }

  /// The characters before a `//` that starts the line or follows a space; elsewhere, as in a URL,
  /// it is no comment.
  private static func lineComment(in bytes: [UInt8], _ line: Substring) -> Int {
    for index in bytes.indices.dropLast()
    where bytes[index] == 0x2F && bytes[index + 1] == 0x2F
      && (index == 0 || bytes[index - 1] == 0x20 || bytes[index - 1] == 0x09)
    {
      return line.distance(
        from: line.startIndex, to: line.utf8.index(line.startIndex, offsetBy: index))
    }
    return line.count
  }

  private static func count(_ sign: String, in bytes: [UInt8]) -> Int {
    let sign = Array(sign.utf8)
    guard bytes.count >= sign.count else { return 0 }
    var found = 0
    var index = 0
    while index <= bytes.count - sign.count {
      if bytes[index] == sign[0], bytes[index..<(index + sign.count)].elementsEqual(sign) {
        found += 1
        index += sign.count
      } else {
        index += 1
      }
    }
    return found
  }

  /// The modules that the file imports.
  var imports: Set<String> {
    let kinds: Set<Substring> = [
      "struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor",
    ]
    let modifiers: Set<Substring> = ["package", "public", "internal", "private", "fileprivate"]
    var modules: Set<String> = []
    for line in withoutComments.split(separator: "\n") where line.contains("import") {
      var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
      while let word = words.first, word.hasPrefix("@") || modifiers.contains(word) {
        words = words.dropFirst()
      }
      guard words.popFirst() == "import", let first = words.popFirst() else { continue }
      guard let path = kinds.contains(first) ? words.first : first else { continue }
      if let module = path.split(separator: ".").first { modules.insert(String(module)) }
    }
    return modules
  }

  /// The names of the types and type aliases that the file declares, nested ones too.
  var declaredTypes: Set<String> {
    let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    var names: Set<String> = []
    for line in withoutComments.split(separator: "\n") {
      // What stands in a literal of one line declares nothing.
      let code = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 0 }.map(\.element).joined(separator: " ")
      let words = code.split(whereSeparator: { $0 == " " || $0 == "\t" })
      for (kind, name) in zip(words, words.dropFirst()) where kinds.contains(kind) {
        names.insert(String(name.prefix { $0.isLetter || $0.isNumber || $0 == "_" }))
      }
    }
    names.remove("")
    return names
  }

  var lineCount: Int {
    let lines = text.utf8.count { $0 == 0x0A }
    return text.utf8.last == 0x0A ? lines : lines + 1
  }
}
