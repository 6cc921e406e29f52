import Queries
import RoostCore
import Rules

/// Words in a `tsvector` of PostgreSQL, under a GIN index.
///
/// `roost_search_N` (N is the collection's number) has a row for each live record that has a word: its
/// id, the tokens of each searchable field with a space before, between and behind them, and `words`.
/// In `words` each token stands behind its field's stable number (`3:blue`), so that one index serves
/// every choice of fields. None of PostgreSQL's configurations takes part: `TextFolding` has made the
/// tokens. Positions are not kept, since a vector forgets those beyond 16,383: that tokens follow
/// each other is looked up in the texts of the records that have them all. A record with more words
/// than a vector holds has only the word `*`, and is looked up in its texts altogether.
struct WordVectorStore: SearchStore {
  /// A vector holds 1,048,575 bytes of words, 11 more for each.
  private static let vectorBytes = 900_000
  private static let everything = "*"

  private let columns: [SQL]
  private let numbers: [UInt32]
  private let table: SQL
  private let tableName: String
  private let upsert: Statement
  private let delete: Statement

  init(_ collection: CompiledCollection) {
    let fields = collection.searchableFields
    let columns = fields.map { SQL.identifier(SearchTable.column(collection, $0)) }
    self.columns = columns
    numbers = fields.map { collection.fieldNumbers[$0] }
    tableName = SearchTable.name(collection.number)
    let table = SQL.identifier(tableName)
    self.table = table
    let names = columns.joined(by: ", ")
    let values = columns.map { _ in SQL.placeholder }.joined(by: ", ")
    let sets = columns.map { "\($0) = excluded.\($0)" as SQL }.joined(by: ", ")
    let old = columns.map { "\(table).\($0)" as SQL }.joined(by: ", ")
    let new = columns.map { "excluded.\($0)" as SQL }.joined(by: ", ")
    upsert = Statement(
      """
      INSERT INTO \(table) (id, \(names), words) VALUES (\(SQL.placeholder), \(values), \
      array_to_tsvector(string_to_array(CAST(\(SQL.placeholder) AS text), ' '))) \
      ON CONFLICT (id) DO UPDATE SET \(sets), words = excluded.words \
      WHERE (\(old)) IS DISTINCT FROM (\(new))
      """)
    delete = Statement("DELETE FROM \(table) WHERE id = \(SQL.placeholder)")
  }

  func create(in transaction: any Transaction) async throws {
    let dialect = transaction.dialect
    let texts = columns.map { "\($0) \(dialect.text) NOT NULL" as SQL }.joined(by: ", ")
    try await transaction.execute(
      """
      CREATE TABLE \(table) (\
      id \(dialect.id) NOT NULL PRIMARY KEY, \(texts), words tsvector NOT NULL)
      """)
    try await transaction.execute(
      "CREATE INDEX \(identifier: tableName + "_words") ON \(table) USING gin (words)")
  }

  func replace(
    _ id: UUID, with tokens: [String], in transaction: any Transaction
  ) async throws {
    if tokens.isEmpty {
      try await transaction.execute(delete, [.uuid(id)])
      return
    }
    let texts = tokens.map { Value.text($0.isEmpty ? "" : " " + $0 + " ") }
    try await transaction.execute(upsert, [.uuid(id)] + texts + [.text(words(tokens))])
  }

  private func words(_ texts: [String]) -> String {
    var words: Set<String> = []
    var bytes = 0
    for (number, text) in zip(numbers, texts) {
      for token in text.split(separator: " ") where token != "|" {
        let word = "\(number):\(token)"
        guard words.insert(word).inserted else { continue }
        bytes += word.utf8.count + 11
        if bytes > WordVectorStore.vectorBytes { return WordVectorStore.everything }
      }
    }
    return words.joined(separator: " ")
  }

  // MARK: Matching

  static func match(
    _ query: SearchQuery, _ fields: [Int], of collection: CompiledCollection
  ) -> Template {
    guard !fields.isEmpty else { return Template("FALSE") }
    let content = SQL.identifier(SearchTable.name(collection.number))
    let words = query.terms.map { "(" + self.words($0, fields, of: collection) + ")" }
    let vector = Template(
      "m.words @@ CAST(\(SQL.placeholder) AS tsquery)",
      slots: [.value(.text(words.joined(separator: " & ")))])
    let phrases = query.terms.filter { $0.tokens.count > 1 }
      .map { stands($0, fields, of: collection) }
    let all = query.terms.map { stands($0, fields, of: collection) }
    let overflow = Template("m.words @@ CAST('''*''' AS tsquery)")
    return Template("id IN (SELECT m.id FROM \(content) m WHERE (")
      + ([vector] + phrases).joined(by: " AND ") + Template(") OR (")
      + ([overflow] + all).joined(by: " AND ") + Template("))")
  }

  /// The words of a term in any of the fields, as a `tsquery`.
  private static func words(
    _ term: SearchQuery.Term, _ fields: [Int], of collection: CompiledCollection
  ) -> String {
    fields.map { field in
      let last = term.tokens.count - 1
      let parts = term.tokens.enumerated().map { index, token in
        "'\(collection.fieldNumbers[field]):\(quoted(token))'"
          + (index == last && term.isPrefix ? ":*" : "")
      }
      return "(" + parts.joined(separator: " & ") + ")"
    }.joined(separator: " | ")
  }

  /// Tokens are letters, marks and digits; whatever else came would be no syntax either.
  private static func quoted(_ token: String) -> String {
    var text = ""
    for character in token.unicodeScalars {
      if character == "'" || character == "\\" { text.unicodeScalars.append(character) }
      text.unicodeScalars.append(character)
    }
    return text
  }

  /// The condition that the tokens of a term follow each other in the text of any of the fields.
  private static func stands(
    _ term: SearchQuery.Term, _ fields: [Int], of collection: CompiledCollection
  ) -> Template {
    let text = " " + term.tokens.joined(separator: " ") + (term.isPrefix ? "" : " ")
    let places = fields.map { field in
      Template(
        "strpos(m.\(identifier: SearchTable.column(collection, field)), \(SQL.placeholder)) > 0",
        slots: [.value(.text(text))])
    }
    return Template("(") + places.joined(by: " OR ") + Template(")")
  }
}
