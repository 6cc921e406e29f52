package import Queries
import Schema

extension CompiledCollection {
  /// The indexes of the fields under `@search`, in the order of the schema.
  package var searchableFields: [Int] { fields.indices.filter { fields[$0].isSearchable } }

  /// The condition on a row of this collection's table that `query` is found in `fields`.
  ///
  /// `fields` are some of `searchableFields`: those that the caller may read of the row. All terms
  /// must be found in them, each in any of them; what other fields hold makes no difference. The
  /// condition is served by the index and refers to the row by `id` alone.
  package func searchCondition(_ query: SearchQuery, fields: [Int]) -> SQL {
    let index = SQL.identifier(SearchTable.indexName(number))
    let content = SQL.identifier(SearchTable.contentName(number))
    return """
      id IN (SELECT m.id FROM \(index) f JOIN \(content) m ON m.\(identifier: "row") = f.rowid \
      WHERE \(index) MATCH \(searchExpression(query, fields: fields))) AND \(isIndexed)
      """
  }

  /// The row was not changed since its words were indexed.
  ///
  /// Else its old words could be found under the rules of today, which may show what they hid then.
  private var isIndexed: SQL {
    let number = SQL.constant(number)
    return """
      id NOT IN (SELECT l.id FROM roost_log l WHERE l.partition = 0 AND l.position > \
      coalesce((SELECT p.position FROM roost_follower p \
      WHERE p.name = 'search' AND p.partition = 0), 0) AND l.collection = \(number))
      """
  }

  /// The condition with a placeholder, for a statement that is kept; its value is
  /// `searchExpression`.
  package var searchPredicate: SQL {
    let index = SQL.identifier(SearchTable.indexName(number))
    let content = SQL.identifier(SearchTable.contentName(number))
    return """
      id IN (SELECT m.id FROM \(index) f JOIN \(content) m ON m.\(identifier: "row") = f.rowid \
      WHERE \(index) MATCH \(SQL.placeholder)) AND \(isIndexed)
      """
  }

  /// The value of the placeholder in `searchPredicate`: an expression of FTS5.
  ///
  /// Nothing that a person typed is part of it but letters, marks and digits in quotes. Without
  /// fields, nothing is found.
  package func searchExpression(_ query: SearchQuery, fields: [Int]) -> Value {
    let columns = fields.filter { self.fields.indices.contains($0) && self.fields[$0].isSearchable }
      .map { SearchTable.column(self, $0) }
    guard !columns.isEmpty else { return .text("\"\"") }
    let terms = query.terms.map { term in
      "\"" + term.tokens.joined(separator: " ") + "\"" + (term.isPrefix ? " *" : "")
    }
    let all = terms.joined(separator: " AND ")
    return .text("{\(columns.joined(separator: " "))} : (\(all))")
  }
}
