import Queries
import RoostCore
import Rules

/// Words in an index of FTS5.
///
/// - `roost_search_N` (N is the collection's number): a row for each live record that has a word, with
///   its id, a number, and the tokens of each searchable field. A column is named by the field's
///   stable number, so that no name of a schema meets one that FTS5 reserves.
/// - `roost_search_N_index`: the FTS5 index over these columns. Its content is the table before, so
///   that the text is kept once, and old words can be taken out of the index exactly. It splits at
///   spaces only and folds nothing but ASCII capitals, of which there are none: `TextFolding` has
///   done all of it. No column sizes: there are no ranks.
struct FullTextStore: SearchStore {
  private let fields: [Int]
  private let columns: [SQL]
  private let content: SQL
  private let index: SQL
  private let contentName: String

  private let selectStored: Statement
  private let insertContent: Statement
  private let updateContent: Statement
  private let deleteContent: Statement
  private let insertIndex: Statement
  private let deleteIndex: Statement

  init(_ collection: CompiledCollection) {
    fields = collection.searchableFields
    columns = fields.map { .identifier(SearchTable.column(collection, $0)) }
    contentName = SearchTable.name(collection.number)
    let content = SQL.identifier(contentName)
    let index = SQL.identifier(SearchTable.indexName(collection.number))
    self.content = content
    self.index = index
    let list = columns.joined(by: ", ")
    let values = columns.map { _ in SQL.placeholder }.joined(by: ", ")
    let row = SQL.identifier("row")
    selectStored = Statement(
      "SELECT \(row), \(list) FROM \(content) WHERE id = \(SQL.placeholder)")
    insertContent = Statement(
      """
      INSERT INTO \(content) (id, \(list)) VALUES (\(SQL.placeholder), \(values)) RETURNING \(row)
      """)
    let sets = columns.map { "\($0) = \(SQL.placeholder)" as SQL }.joined(by: ", ")
    updateContent = Statement("UPDATE \(content) SET \(sets) WHERE \(row) = \(SQL.placeholder)")
    deleteContent = Statement("DELETE FROM \(content) WHERE \(row) = \(SQL.placeholder)")
    insertIndex = Statement(
      "INSERT INTO \(index) (rowid, \(list)) VALUES (\(SQL.placeholder), \(values))")
    // The command takes the words out that the columns name, which must be those that are in.
    deleteIndex = Statement(
      """
      INSERT INTO \(index) (\(index), rowid, \(list)) \
      VALUES ('delete', \(SQL.placeholder), \(values))
      """)
  }

  func create(in transaction: any Transaction) async throws {
    let texts = columns.map { "\($0) TEXT NOT NULL" as SQL }.joined(by: ", ")
    try await transaction.execute(
      """
      CREATE TABLE \(content) (\
      \(identifier: "row") INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, \(texts)) STRICT
      """)
    try await transaction.execute(
      """
      CREATE VIRTUAL TABLE \(index) USING fts5(\(columns.joined(by: ", ")), \
      content=\(content), content_rowid='row', columnsize=0, tokenize="ascii tokenchars '|'")
      """)
  }

  /// Nothing that a person typed is part of the expression but letters, marks and digits in quotes.
  static func match(
    _ query: SearchQuery, _ fields: [Int], of collection: CompiledCollection
  ) -> Template {
    let index = SQL.identifier(SearchTable.indexName(collection.number))
    let content = SQL.identifier(SearchTable.name(collection.number))
    return Template(
      """
      id IN (SELECT m.id FROM \(index) f JOIN \(content) m ON m.\(identifier: "row") = f.rowid \
      WHERE \(index) MATCH \(SQL.placeholder))
      """, slots: [.value(.text(expression(query, fields, of: collection)))])
  }

  private static func expression(
    _ query: SearchQuery, _ fields: [Int], of collection: CompiledCollection
  ) -> String {
    guard !fields.isEmpty else { return "\"\"" }
    let columns = fields.map { SearchTable.column(collection, $0) }
    let terms = query.terms.map { term in
      "\"" + term.tokens.joined(separator: " ") + "\"" + (term.isPrefix ? " *" : "")
    }
    return "{\(columns.joined(separator: " "))} : (\(terms.joined(separator: " AND ")))"
  }

  func replace(
    _ id: UUID, with tokens: [String], in transaction: any Transaction
  ) async throws {
    let old = try await transaction.first(selectStored, [.uuid(id)]) { row in
      (row: row.int64(0), tokens: (1...fields.count).map { row.text($0) })
    }
    let values = tokens.map { Value.text($0) }
    if tokens.isEmpty {
      guard let old else { return }
      try await transaction.execute(
        deleteIndex, [.int(old.row)] + old.tokens.map { .text($0) })
      try await transaction.execute(deleteContent, [.int(old.row)])
    } else if let old {
      // Byte by byte: `==` would take canonically equivalent texts as equal.
      let isSame = zip(old.tokens, tokens).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
      if isSame { return }
      try await transaction.execute(
        deleteIndex, [.int(old.row)] + old.tokens.map { .text($0) })
      try await transaction.execute(updateContent, values + [.int(old.row)])
      try await transaction.execute(insertIndex, [.int(old.row)] + values)
    } else {
      let made = try await transaction.first(insertContent, [.uuid(id)] + values) { $0.int64(0) }
      guard let made else {
        throw RoostError(.internalError, "An entry of the search index could not be made.")
      }
      try await transaction.execute(insertIndex, [.int(made)] + values)
    }
  }
}
