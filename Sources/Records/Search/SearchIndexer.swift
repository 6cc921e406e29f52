package import Queries
import RoostCore
import Schema

/// Keeps the search tables in step with the records.
///
/// An entry of the log says which record to look at; what is indexed is the record as it is now. So
/// it makes no difference how much of the log is left, or whether an entry comes twice.
package struct SearchIndexer: Follower {
  static let followerName = "search"
  /// What one transaction does at most, so that writers do not wait long: changes, and bytes of
  /// tokens.
  private static let entriesAtOnce = 250
  private static let bytesAtOnce = 262_144
  /// Records after which the log tells how far a rebuild is.
  private static let reportEvery: Int64 = 50_000

  package let name = SearchIndexer.followerName
  package let kinds: [Mutation.Kind] = [.create, .update, .delete]
  package let collections: [Int64]?

  private let records: RecordStore
  private let tables: [Int64: SearchTable]
  private let logger: Logger

  package init(_ records: RecordStore) {
    self.records = records
    var tables: [Int64: SearchTable] = [:]
    for collection in records.catalogue.collections where !collection.searchableFields.isEmpty {
      tables[collection.number] = SearchTable(collection)
    }
    self.tables = tables
    collections = tables.keys.sorted()
    logger = records.ambient.logger
  }

  package func begin(hurry: @escaping @Sendable () -> Void) {
    records.search.begin(hurry: hurry)
  }

  package func reached(_ place: LogPlace) { records.search.reached(place) }

  // MARK: Following the log

  package func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    var seen: Set<UUID> = []
    var bytes = 0
    for (index, entry) in entries.enumerated() {
      if index == SearchIndexer.entriesAtOnce || bytes > SearchIndexer.bytesAtOnce { return index }
      guard let table = tables[entry.collection],
        let collection = records.catalogue.collection(number: entry.collection),
        seen.insert(entry.id).inserted
      else { continue }
      bytes += try await table.refresh(entry.id, of: collection, in: transaction)
    }
    return entries.count
  }

  // MARK: Rebuilding

  private struct Rebuild {
    let collection: Int64
    let after: UUID?
    let done: Int64
  }

  /// Brings the next records of a collection in whose tables are new; false when some are left.
  package func catchUp(in transaction: any Transaction) async throws -> Bool {
    let open = try await transaction.first(
      "SELECT collection, after, done FROM roost_search WHERE building = 1 ORDER BY collection"
    ) { Rebuild(collection: $0.int64(0), after: $0.uuid(1), done: $0.int64(2)) }
    guard let open else { return true }
    guard let table = tables[open.collection],
      let collection = records.catalogue.collection(number: open.collection)
    else { return true }
    let (done, last) = try await bringIn(open, collection, table, in: transaction)
    let total = open.done + Int64(done)
    if let last {
      try await transaction.execute(
        """
        UPDATE roost_search SET after = \(last), done = \(total) \
        WHERE collection = \(open.collection)
        """)
    } else {
      try await transaction.execute(
        """
        UPDATE roost_search SET building = 0, after = NULL, done = \(total) \
        WHERE collection = \(open.collection)
        """)
    }
    report(collection, before: open.done, total, isDone: last == nil)
    return false
  }

  /// Indexes the next records behind `open.after`; returns how many, and the last one where others
  /// may follow.
  private func bringIn(
    _ open: Rebuild, _ collection: CompiledCollection, _ table: SearchTable,
    in transaction: any Transaction
  ) async throws -> (Int, UUID?) {
    let columns = table.fields.map { SQL.identifier(collection.fields[$0].name) }
    var sql: SQL = """
      SELECT id, \(columns.joined(by: ", ")) FROM \(collection.table) \
      WHERE \(identifier: "deletedAt") IS NULL
      """
    if let after = open.after { sql += " AND id > \(after)" }
    sql += " ORDER BY id LIMIT \(SearchIndexer.entriesAtOnce)"
    var rows: [(UUID, [String])] = []
    var bytes = 0
    try await transaction.query(sql) { row in
      let tokens = table.tokens(of: collection, row, from: 1)
      rows.append((row.uuid(0) ?? .zero, tokens))
      bytes += tokens.reduce(0) { $0 + $1.utf8.count }
      return bytes <= SearchIndexer.bytesAtOnce
    }
    for (id, tokens) in rows { _ = try await table.replace(id, with: tokens, in: transaction) }
    let mayHaveMore = rows.count == SearchIndexer.entriesAtOnce || bytes > SearchIndexer.bytesAtOnce
    return (rows.count, mayHaveMore ? rows.last?.0 : nil)
  }

  private func report(
    _ collection: CompiledCollection, before: Int64, _ total: Int64, isDone: Bool
  ) {
    let every = SearchIndexer.reportEvery
    guard isDone && total > 0 || before / every != total / every else { return }
    logger.info(
      isDone ? "the search index is built" : "the search index is being built",
      [("collection", .string(collection.name)), ("records", .int(total))])
  }
}
