package import Queries
import RoostCore
import Schema

/// Makes, remakes and drops the search tables of a collection when the schema asks for others, or the
/// tokenizer has changed.
///
/// Records that are there already are brought in by `SearchIndexer`, in pieces and after the start.
struct SearchKeeper {
  let collection: CompiledCollection
  /// Whether the table was there before this start, and so may hold records.
  let mayHoldRecords: Bool
  /// What the tables that are there are made of; nil where there are none.
  let stored: String?

  func run(in transaction: any Transaction) async throws {
    let signature = collection.searchableFields.isEmpty ? nil : self.signature
    guard stored != signature else { return }
    if stored != nil {
      try await SearchTable.drop(collection.number, in: transaction)
      try await transaction.execute(
        "DELETE FROM roost_search WHERE collection = \(collection.number)")
    }
    guard let signature else { return }
    try await SearchTable(collection).create(in: transaction)
    try await transaction.execute(
      """
      INSERT INTO roost_search (collection, signature, building, after, done) \
      VALUES (\(collection.number), \(signature), \(Value.bool(mayHoldRecords)), NULL, 0)
      """)
    // The first time, everything is read from the records: the log up to here has nothing to add.
    try await transaction.execute(
      """
      INSERT INTO roost_follower (name, partition, position) \
      SELECT \(SearchIndexer.followerName), partition, position FROM roost_log_head \
      WHERE true ON CONFLICT (name, partition) DO NOTHING
      """)
  }

  /// What the tables are made of, as text.
  private var signature: String {
    let columns = collection.searchableFields.map { field in
      SearchTable.column(collection, field) + (collection.fields[field].isList ? "[]" : "")
    }
    return (["\(TextFolding.version)"] + columns).joined(separator: " ")
  }
}

extension RecordsMigrations {
  /// The step that makes the table of the search indexes, as number `number` of the history.
  ///
  /// - `signature`: the version of the tokenizer and the columns.
  /// - `building`: 1 while records are brought in; `after` is the last one that was, `done` their
  ///   number.
  package static func search(_ number: Int) -> Migration {
    Migration(number, "search") { d in
      [
        """
        CREATE TABLE roost_search (
          collection \(d.integer) PRIMARY KEY, signature \(d.text) NOT NULL, building \(d.integer) NOT NULL,
          after \(d.id), done \(d.integer) NOT NULL
        )\(d.numbered)
        """
      ]
    }
  }
}
