/// A text with the values of columns in it, such as `artist:{id}`; of a column a piece can be cut out:
/// `{name | before ' '}`.
///
/// Mapping files of imports make ids of it, and `@was(expr:)` the values of fields. Behind `|` stand
/// cuts, done from the left: `before 'x'` and `after 'x'` at the first `x`, `before last 'x'` and
/// `after last 'x'` at the last one, `number` and `after number` at the end of the number that the
/// text begins with. Where a text has no `x`, all of it stands before and nothing after. What was cut
/// loses the spaces at its ends.
package struct TextTemplate: Sendable, Hashable {
  package enum Part: Sendable, Hashable {
    case text(String)
    case column(String, cuts: [Cut] = [])
  }

  /// A place at which a text is cut, and the side of it that is kept.
  package enum Cut: Sendable, Hashable {
    case before(String, isLast: Bool)
    case after(String, isLast: Bool)
    case number
    case afterNumber
  }

  /// Why a text is no template.
  package struct Fault: Error, Sendable {
    package let message: String

    package init(message: String) { self.message = message }
  }

  /// The template as it was written.
  package let source: String
  package let parts: [Part]

  /// Reads a template; throws `Fault` with a message for its author.
  package init(_ text: String) throws(Fault) {
    source = text
    parts = try TemplateReader.parts(of: text)
  }

  /// The names of the columns, each once, in the order of the text.
  package var columns: [String] {
    var names: [String] = []
    for case .column(let name, _) in parts where !names.contains(name) { names.append(name) }
    return names
  }

  /// The text in which every column has a value; nil where one is empty or missing.
  package func key(_ value: (String) -> String?) -> String? {
    var result = ""
    for part in parts {
      switch part {
      case .text(let text): result += text
      case .column(let name, let cuts):
        guard let text = value(name).map({ cuts.reduce($0) { $1.piece(of: $0) } }), !text.isEmpty
        else { return nil }
        result += text
      }
    }
    return result
  }

  /// The text in which a column without a value is empty, without spaces at its ends where it has
  /// several parts; nil where nothing of any column is in it.
  package func value(_ value: (String) -> String?) -> String? {
    var result = ""
    var isEmpty = true
    for part in parts {
      switch part {
      case .text(let text): result += text
      case .column(let name, let cuts):
        let text = value(name).map { cuts.reduce($0) { $1.piece(of: $0) } } ?? ""
        if !text.isEmpty { isEmpty = false }
        result += text
      }
    }
    if isEmpty { return nil }
    return parts.count > 1 ? Cut.trimmed(result[...]) : result
  }
}

extension TextTemplate.Cut {
  fileprivate func piece(of text: String) -> String {
    switch self {
    case .before(let mark, let isLast):
      guard let place = Self.find(mark, in: text, isLast) else { return Self.trimmed(text[...]) }
      return Self.trimmed(text[..<place.lowerBound])
    case .after(let mark, let isLast):
      guard let place = Self.find(mark, in: text, isLast) else { return "" }
      return Self.trimmed(text[place.upperBound...])
    case .number: return String(Self.number(of: text))
    case .afterNumber:
      return Self.trimmed(text[Self.number(of: text).endIndex...])
    }
  }

  /// Where `mark` stands first, or last; byte by byte.
  private static func find(
    _ mark: String, in text: String, _ isLast: Bool
  ) -> Range<String.Index>? {
    let bytes = Array(text.utf8)
    let wanted = Array(mark.utf8)
    guard bytes.count >= wanted.count else { return nil }
    func stands(at offset: Int) -> Bool {
      bytes[offset..<offset + wanted.count].elementsEqual(wanted)
    }
    let last = bytes.count - wanted.count
    let offset =
      isLast
      ? stride(from: last, through: 0, by: -1).first(where: stands)
      : (0...last).first(where: stands)
    guard let offset else { return nil }
    let start = text.utf8.index(text.startIndex, offsetBy: offset)
    return start..<text.utf8.index(start, offsetBy: wanted.count)
  }

  /// The number that a text begins with: a sign, digits, and a fraction.
  private static func number(of text: String) -> Substring {
    let bytes = text.utf8
    var end = text.startIndex
    func digits() -> Bool {
      let begin = end
      while end < text.endIndex, bytes[end] &- 48 < 10 { end = bytes.index(after: end) }
      return end > begin
    }
    if let sign = bytes.first, sign == 43 || sign == 45 { end = bytes.index(after: end) }
    guard digits() else { return text[..<text.startIndex] }
    if end < text.endIndex, bytes[end] == 46 {
      let point = end
      end = bytes.index(after: end)
      if !digits() { end = point }
    }
    // Nobody else writes it.
    return text[(bytes.first == 43 ? bytes.index(after: text.startIndex) : text.startIndex)..<end]
  }

  fileprivate static func trimmed(_ text: Substring) -> String {
    var bytes = text.utf8
    while bytes.first == 32 { bytes = bytes.dropFirst() }
    while bytes.last == 32 { bytes = bytes.dropLast() }
    return String(Substring(bytes))
  }
}

/// Reads the text of a template from its start.
private struct TemplateReader {
  private let text: String
  private var place: String.Index

  private init(_ text: String) {
    self.text = text
    place = text.startIndex
  }

  static func parts(of text: String) throws(TextTemplate.Fault) -> [TextTemplate.Part] {
    var reader = TemplateReader(text)
    var parts: [TextTemplate.Part] = []
    while reader.place < text.endIndex {
      let plain = text[reader.place...].prefix { $0 != "{" && $0 != "}" }
      if !plain.isEmpty { parts.append(.text(String(plain))) }
      reader.place = plain.endIndex
      guard reader.place < text.endIndex else { break }
      parts.append(try reader.column())
    }
    return parts
  }

  private func fault(_ message: String) -> TextTemplate.Fault {
    TextTemplate.Fault(message: message)
  }

  private var rest: Substring { text[place...] }

  /// A column with its cuts, between braces.
  private mutating func column() throws(TextTemplate.Fault) -> TextTemplate.Part {
    guard text[place] == "{" else { throw fault("the braces of \"\(text)\" do not match") }
    place = text.index(after: place)
    let name = rest.prefix { $0 != "}" && $0 != "|" }
    place = name.endIndex
    var cuts: [TextTemplate.Cut] = []
    while place < text.endIndex, text[place] == "|" {
      place = text.index(after: place)
      cuts.append(try cut())
    }
    guard place < text.endIndex, text[place] == "}" else {
      throw fault("the braces of \"\(text)\" do not match")
    }
    place = text.index(after: place)
    var column = name
    if !cuts.isEmpty {
      while column.last == " " { column = column.dropLast() }
    }
    guard !column.isEmpty, !column.contains("{") else {
      throw fault("\"\(text)\" needs the name of a column in each pair of braces")
    }
    return .column(String(column), cuts: cuts)
  }

  /// `before 'x'`, `after last 'x'`, `number` or `after number`.
  private mutating func cut() throws(TextTemplate.Fault) -> TextTemplate.Cut {
    let side = word()
    if side == "number" {
      skipSpaces()
      return .number
    }
    guard side == "before" || side == "after" else {
      throw fault(
        "\"\(text)\" cuts by \(side.isEmpty ? "nothing" : side): behind | stands before 'x', "
          + "after 'x', before last 'x', after last 'x', number or after number")
    }
    let saved = place
    let next = word()
    if side == "after", next == "number" {
      skipSpaces()
      return .afterNumber
    }
    let isLast = next == "last"
    if !isLast { place = saved }
    let mark = try self.mark()
    return side == "before" ? .before(mark, isLast: isLast) : .after(mark, isLast: isLast)
  }

  private mutating func skipSpaces() { place = rest.drop { $0 == " " }.startIndex }

  private mutating func word() -> String {
    skipSpaces()
    let word = rest.prefix { $0.isLetter }
    place = word.endIndex
    return String(word)
  }

  /// A text between single quotes, which are doubled inside it.
  private mutating func mark() throws(TextTemplate.Fault) -> String {
    skipSpaces()
    var mark = ""
    guard rest.first == "'" else {
      throw fault("\"\(text)\" needs a text in single quotes to cut at, such as ' '")
    }
    place = text.index(after: place)
    while let quote = rest.firstIndex(of: "'") {
      mark += rest[..<quote]
      place = text.index(after: quote)
      guard rest.first == "'" else {
        skipSpaces()
        if mark.isEmpty { throw fault("\"\(text)\" cannot cut at nothing") }
        return mark
      }
      mark += "'"
      place = text.index(after: place)
    }
    throw fault("\"\(text)\" does not end its quotes")
  }
}
