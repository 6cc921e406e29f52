package import Queries
import Rules
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
    let template = searchTemplate(query, fields: fields)
    return template.sql.binding(
      template.slots.map { if case .value(let value) = $0 { value } else { .null } })
  }

  /// The condition as part of a statement; its slots are values.
  func searchTemplate(_ query: SearchQuery, fields: [Int]) -> Template {
    let searchable = fields.filter {
      self.fields.indices.contains($0) && self.fields[$0].isSearchable
    }
    return SearchTable.match(query, searchable, of: self) + Template(" AND \(isIndexed)")
  }

  /// The row was not changed since its words were indexed.
  ///
  /// Else its old words could be found under the rules of today, which may show what they hid then.
  private var isIndexed: SQL {
    let number = SQL.constant(number)
    // By the key, part for part.
    return """
      id NOT IN (SELECT l.id FROM roost_log_head h \
      LEFT JOIN roost_follower p ON p.name = 'search' AND p.partition = h.partition \
      JOIN roost_log l ON l.partition = h.partition AND l.position > coalesce(p.position, 0) \
      WHERE l.collection = \(number))
      """
  }
}
