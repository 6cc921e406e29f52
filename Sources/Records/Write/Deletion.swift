import Queries
import RoostCore
import Schema

/// A soft delete with what the relations to the row ask for: RESTRICT refuses it, CASCADE deletes
/// the referring rows too, SET_NULL empties their references.
///
/// A delete reaches at most `inlineRows` rows in its own transaction. What is left behind the deleted
/// row is finished in chunks by the follower `RelationKeeper`.
struct Deletion {
  static let inlineRows = 1000

  let path: WritePath
  let author: Mutation.Author
  let time: Timestamp
  private var budget: Int

  init(path: WritePath, author: Mutation.Author, time: Timestamp, budget: Int = inlineRows) {
    self.path = path
    self.author = author
    self.time = time
    self.budget = budget
  }

  /// Deletes `record` and looks after what refers to it; returns the deleted row.
  mutating func delete(
    _ record: Record, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Record {
    try await refuseIfRestricted(record.id, of: collection, in: transaction)
    var deleted = record
    deleted.version += 1
    deleted.deletedAt = time
    deleted.updatedAt = max(time, record.updatedAt)
    try await transaction.execute(
      """
      UPDATE \(collection.table) SET version = \(deleted.version), \
      \(identifier: "updatedAt") = \(deleted.updatedAt), \(identifier: "deletedAt") = \(time) \
      WHERE id = \(record.id)
      """)
    path.attach(
      kind: .delete, collection, author, before: record, after: deleted, changed: [],
      to: transaction)
    _ = try await release(record.id, of: collection, in: transaction)
    return deleted
  }

  /// Carries CASCADE and SET_NULL to the rows that refer to a deleted row, as far as the budget
  /// goes; true when none is left.
  mutating func release(
    _ id: UUID, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Bool {
    for relation in collection.inbound where relation.onDelete != .restrict {
      let referring = path.catalogue.collections[relation.collection]
      let rows = try await rows(of: referring, field: relation.field, id, in: transaction)
      for row in rows {
        guard budget > 0 else { return false }
        budget -= 1
        if relation.onDelete == .cascade {
          _ = try await delete(row, of: referring, in: transaction)
        } else {
          try await clear(row, field: relation.field, of: referring, in: transaction)
        }
      }
      if rows.count >= Deletion.inlineRows { return false }
    }
    return true
  }

  private func refuseIfRestricted(
    _ id: UUID, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws {
    for relation in collection.inbound where relation.onDelete == .restrict {
      let referring = path.catalogue.collections[relation.collection]
      let found = try await transaction.first(
        """
        SELECT 1 FROM \(referring.table) \
        WHERE \(identifier: referring.fields[relation.field].name) = \(id) \
        AND \(identifier: "deletedAt") IS NULL AND id <> \(id) LIMIT 1
        """
      ) { _ in true }
      if found == true {
        throw RoostError(
          .conflict,
          "Records of \(referring.name) refer to this one by "
            + "\(referring.fields[relation.field].name): delete or change them first.")
      }
    }
  }

  private func rows(
    of collection: CompiledCollection, field: Int, _ id: UUID, in transaction: any Transaction
  ) async throws -> [Record] {
    try await transaction.all(
      """
      SELECT \(collection.selectList), \(identifier: RecordColumns.clocks) \
      FROM \(collection.table) WHERE \(identifier: collection.fields[field].name) = \(id) \
      AND \(identifier: "deletedAt") IS NULL LIMIT \(Deletion.inlineRows)
      """
    ) { collection.record($0) }.compactMap { $0 }
  }

  private func clear(
    _ record: Record, field: Int, of collection: CompiledCollection,
    in transaction: any Transaction
  ) async throws {
    var cleared = record
    cleared.values[field] = .null
    cleared.version += 1
    cleared.updatedAt = max(time, record.updatedAt)
    let number = collection.fieldNumbers[field]
    let past = record.clocks.latest(number).time.rawValue &+ 1
    cleared.clocks.set(
      number,
      FieldClock(time: max(path.clock.tick(), HybridTime(rawValue: past)), client: .zero))
    try await transaction.execute(
      """
      UPDATE \(collection.table) SET \(identifier: collection.fields[field].name) = NULL, \
      version = \(cleared.version), \(identifier: "updatedAt") = \(cleared.updatedAt), \
      \(identifier: RecordColumns.clocks) = \(cleared.clocks.encoded) WHERE id = \(record.id)
      """)
    path.attach(
      kind: .update, collection, author, before: record, after: cleared, changed: [field],
      to: transaction)
  }
}
