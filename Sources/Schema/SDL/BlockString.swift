/// The value of a block string: `BlockStringValue` of the GraphQL specification (October 2021,
/// section 2.9.4), which removes common indentation and blank first and last lines.
enum BlockString {
  /// The value of the raw text, whose lines end in `\n`.
  static func value(of raw: [UInt8]) -> String {
    var lines = raw.split(separator: 10, omittingEmptySubsequences: false)
    var common: Int?
    for line in lines.dropFirst() {
      let indent = indentation(of: line)
      if indent < line.count { common = min(common ?? indent, indent) }
    }
    if let common {
      for index in lines.indices.dropFirst() { lines[index] = lines[index].dropFirst(common) }
    }
    let isBlank = { (line: ArraySlice<UInt8>) in indentation(of: line) == line.count }
    guard let first = lines.firstIndex(where: { !isBlank($0) }),
      let last = lines.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(decoding: Array(lines[first...last].joined(separator: [10])), as: UTF8.self)
  }

  private static func indentation(of line: ArraySlice<UInt8>) -> Int {
    line.prefix { $0 == 32 || $0 == 9 }.count
  }
}
