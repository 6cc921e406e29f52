/// A text with columns in it, such as `artist:{id}`, from which identifiers are made.
///
/// The values are put in as they are: choose a text between two columns that neither contains, or
/// `{a}:{b}` could give two lines one key.
package struct KeyTemplate: Sendable, Equatable {
  package enum Part: Sendable, Equatable {
    case text(String)
    case column(String)
  }

  package let parts: [Part]
  package let place: SourcePlace

  /// Why a text is no template.
  struct Fault: Error { let message: String }

  init(_ text: String, place: SourcePlace) throws(Fault) {
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[open] == "{", let close = rest[open...].firstIndex(of: "}") else {
        throw Fault(message: "the braces of \"\(text)\" do not match")
      }
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      let name = rest[rest.index(after: open)..<close]
      guard !name.isEmpty, !name.contains("{") else {
        throw Fault(message: "\"\(text)\" needs the name of a column in each pair of braces")
      }
      parts.append(.column(String(name)))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    guard parts.contains(where: { if case .column = $0 { true } else { false } }) else {
      throw Fault(
        message: "\"\(text)\" names no column, such as {id}: every line would get the same key")
    }
    self.parts = parts
    self.place = place
  }
}
