import Queries
import RoostCore
import Rules
import Schema

/// The words of one collection: reads them out of rows, and keeps them in the engine's store.
struct SearchTable: Sendable {
  /// The indexes of the searchable fields.
  let fields: [Int]
  private let store: any SearchStore
  private let selectRow: Statement

  init(_ collection: CompiledCollection) {
    fields = collection.searchableFields
    store = SearchTable.store(collection)
    let stored = fields.map { SQL.identifier(collection.fields[$0].name) }
    selectRow = Statement(
      """
      SELECT \(stored.joined(by: ", ")) FROM \(collection.table) \
      WHERE id = \(SQL.placeholder) AND \(identifier: "deletedAt") IS NULL
      """)
  }

  private static func store(_ collection: CompiledCollection) -> any SearchStore {
    switch collection.writer.dialect {
    case .sqlite: FullTextStore(collection)
    case .postgres: WordVectorStore(collection)
    }
  }

  /// The name of the table of a collection's words; what goes with it begins with the same.
  static func name(_ number: Int64) -> String { "roost_search_\(number)" }
  static func indexName(_ number: Int64) -> String { "roost_search_\(number)_index" }
  static func column(_ collection: CompiledCollection, _ field: Int) -> String {
    "f\(collection.fieldNumbers[field])"
  }

  // MARK: Making

  func create(in transaction: any Transaction) async throws {
    try await store.create(in: transaction)
  }

  static func drop(_ number: Int64, in transaction: any Transaction) async throws {
    if transaction.dialect == .sqlite {
      try await transaction.execute("DROP TABLE IF EXISTS \(identifier: indexName(number))")
    }
    try await transaction.execute("DROP TABLE IF EXISTS \(identifier: name(number))")
  }

  // MARK: Reading

  /// The condition of `searchCondition`, without whether the row is in step with its words.
  static func match(
    _ query: SearchQuery, _ fields: [Int], of collection: CompiledCollection
  ) -> Template {
    switch collection.writer.dialect {
    case .sqlite: FullTextStore.match(query, fields, of: collection)
    case .postgres: WordVectorStore.match(query, fields, of: collection)
    }
  }

  // MARK: Writing

  /// Brings the entry of a record in step with the record as it is now, and returns the bytes of
  /// text that were looked at.
  func refresh(
    _ id: UUID, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Int {
    let tokens = try await transaction.first(selectRow, [.uuid(id)]) { row in
      self.tokens(of: collection, row, from: 0)
    }
    return try await replace(id, with: tokens ?? [], in: transaction)
  }

  /// The tokens of each searchable field in a row whose columns from `start` on are those fields.
  func tokens(of collection: CompiledCollection, _ row: any Row, from start: Int) -> [String] {
    fields.enumerated().map { place, field in
      let column = start + place
      if row.isNull(column) { return "" }
      guard collection.fields[field].isList else {
        return TextFolding.indexed([row.text(column)])
      }
      var list: JSON?
      row.withBytes(column) { list = try? JSON.parseResult($0, maxDepth: 64).get() }
      return TextFolding.indexed((list?.array ?? []).compactMap(\.string))
    }
  }

  /// Makes `tokens` (empty: nothing) what is found of a record; writes only where that is a change.
  func replace(
    _ id: UUID, with tokens: [String], in transaction: any Transaction
  ) async throws -> Int {
    let bytes = tokens.reduce(0) { $0 + $1.utf8.count }
    try await store.replace(id, with: bytes == 0 ? [] : tokens, in: transaction)
    return bytes
  }
}

/// Where an engine keeps the words of a collection.
protocol SearchStore: Sendable {
  func create(in transaction: any Transaction) async throws
  /// Makes `tokens`, one text a field, what is found of a record; none: nothing.
  func replace(_ id: UUID, with tokens: [String], in transaction: any Transaction) async throws
  /// The condition on `id` that `query` is found in `fields`, which are searchable.
  static func match(
    _ query: SearchQuery, _ fields: [Int], of collection: CompiledCollection
  ) -> Template
}
