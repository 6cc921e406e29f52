import Queries

/// A statement as one connection knows it.
final class PreparedStatement {
  /// Empty for a statement without a name, which is parsed with each run.
  let name: String
  /// In PostgreSQL's spelling.
  let text: String
  let placeholders: Int
  /// The types that PostgreSQL inferred for the placeholders, once it was asked.
  var types: [UInt32]?
  var use: UInt64 = 0

  init(name: String, text: String, placeholders: Int) {
    self.name = name
    self.text = text
    self.placeholders = placeholders
  }
}

/// The prepared statements of a connection; the least recently used make room.
///
/// Fixed statements are found by number, so running one does not hash its text.
struct StatementCache {
  private static let limit = 512

  private let isNamed: Bool
  private var fixed: [Int: PreparedStatement] = [:]
  private var texts: [String: PreparedStatement] = [:]
  private var uses: UInt64 = 0
  private var names = 0
  /// Names that the server still has and nobody uses.
  private(set) var dropped: [String] = []

  init(isNamed: Bool) { self.isNamed = isNamed }

  /// The entry of a call's statement, made when it is missing.
  mutating func entry(for call: StatementCall) -> PreparedStatement {
    uses += 1
    let found =
      switch call {
      case .fixed(let statement, _): fixed[statement.number]
      case .text(let sql): texts[sql.text]
      }
    if let found {
      found.use = uses
      return found
    }
    makeRoom()
    let (text, placeholders) = PlaceholderTranslator.translate(call.text)
    names += 1
    let made = PreparedStatement(
      name: isNamed ? "roost_\(names)" : "", text: text, placeholders: placeholders)
    made.use = uses
    switch call {
    case .fixed(let statement, _): fixed[statement.number] = made
    case .text(let sql): texts[sql.text] = made
    }
    return made
  }

  /// Forgets a statement that could not be prepared.
  mutating func forget(_ call: StatementCall) {
    switch call {
    case .fixed(let statement, _): fixed[statement.number] = nil
    case .text(let sql): texts[sql.text] = nil
    }
  }

  mutating func takeDropped() -> [String] {
    defer { dropped = [] }
    return dropped
  }

  /// Forgets everything, as after the schema changed under the statements.
  mutating func dropAll() {
    for entry in fixed.values where entry.types != nil { drop(entry) }
    for entry in texts.values where entry.types != nil { drop(entry) }
    fixed = [:]
    texts = [:]
  }

  var count: Int { fixed.count + texts.count }

  private mutating func drop(_ entry: PreparedStatement) {
    if isNamed { dropped.append(entry.name) }
  }

  /// A quarter goes at a time, so that the search is rare.
  private mutating func makeRoom() {
    guard count >= StatementCache.limit else { return }
    let uses = (fixed.values.map(\.use) + texts.values.map(\.use)).sorted()
    let bound = uses[uses.count / 4]
    for (key, entry) in fixed where entry.use <= bound {
      if entry.types != nil { drop(entry) }
      fixed[key] = nil
    }
    for (key, entry) in texts where entry.use <= bound {
      if entry.types != nil { drop(entry) }
      texts[key] = nil
    }
  }
}
