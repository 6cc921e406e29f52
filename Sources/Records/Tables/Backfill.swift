import Queries
import RoostCore
import Schema

/// Gives the rows of a collection the defaults of its new fields.
///
/// For whoever follows the collection it is a change like any other: each live row has a new version
/// and an update in the log. (Its entries in the streams are moved by `StreamRebuild`.) The clocks
/// stay, so that the default, like one that a create fills in, is as old as the row.
///
/// It is done for all rows in the transaction of the start.
struct Backfill {
  let collection: Collection
  let number: Int64
  /// New fields with a default.
  let fields: [Field]
  let now: Timestamp

  /// Returns the number of live rows.
  func run(in transaction: any Transaction) async throws -> Int {
    let table = SQL.identifier(collection.name)
    let updatedAt = SQL.identifier("updatedAt")
    let deletedAt = SQL.identifier("deletedAt")
    let sets = fields.compactMap { field -> SQL? in
      guard let value = field.defaultValue?.stored else { return nil }
      return "\(identifier: field.name) = \(value)"
    }.joined(by: ", ")
    // Deleted rows get the values too, since the columns of required fields are never null.
    try await transaction.execute("UPDATE \(table) SET \(sets) WHERE \(deletedAt) IS NOT NULL")
    let count = try await transaction.execute(
      """
      UPDATE \(table) SET \(sets), version = version + 1, \
      \(updatedAt) = CASE WHEN \(updatedAt) > \(now) THEN \(updatedAt) ELSE \(now) END \
      WHERE \(deletedAt) IS NULL
      """)
    guard count > 0 else { return 0 }
    let dialect = transaction.dialect
    let lock: SQL = "SELECT position FROM roost_log_head ORDER BY partition\(dialect.forUpdate)"
    try await transaction.query(lock) { _ in true }
    try await transaction.execute(
      """
      INSERT INTO roost_log \
      (partition, position, at, collection, id, kind, version, actor, mutation) \
      SELECT h.partition, h.position + row_number() OVER (PARTITION BY h.partition ORDER BY r.id), r.\(updatedAt), \
      \(number), r.id, \(Mutation.Kind.update.rawValue), r.version, NULL, \(mutation) \
      FROM \(table) r JOIN roost_log_head h ON h.partition = \(dialect.partition(of: "r.id")) \
      WHERE r.\(deletedAt) IS NULL
      """)
    try await transaction.execute(
      """
      UPDATE roost_log_head SET position = position + (SELECT count(*) FROM \(table) r \
      WHERE r.\(deletedAt) IS NULL AND \(dialect.partition(of: "r.id")) = roost_log_head.partition)
      """)
    return count
  }

  /// The new fields as the log has them.
  private var mutation: String {
    var json = JSONWriter(capacity: 64)
    json.beginObject()
    for field in fields {
      guard let value = field.defaultValue else { continue }
      json.key(field.name)
      field.encode(value, into: &json)
    }
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
