import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// A soft delete with what the relations to the row ask for: RESTRICT refuses it, CASCADE deletes
/// the referring rows too, SET_NULL empties their references.
///
/// The deletes of a transaction reach at most `inlineRows` rows together. What is left behind the deleted
/// row is finished in chunks by the follower `RelationKeeper`.
struct Deletion {
  static let inlineRows = 1000

  let path: WritePath
  let author: Mutation.Author
  let time: Timestamp
  /// Leaves a restricted row alone instead of refusing the whole: the delete that reaches it was
  /// acknowledged before.
  let skipsRestricted: Bool
  /// How many rows may still be reached.
  private(set) var budget: Int
  /// The rows to delete, the first ones first, and the references to empty.
  private var targets: [Target] = []
  private var clears: [Clear] = []
  private var reached: Set<Key> = []
  /// Rows that scopes are resolved from: mostly the same ones for all that goes.
  private var resolved = ResolvedRows()
  /// Rows that were left alone because a RESTRICT relation holds them.
  private(set) var restricted = 0

  private struct Key: Hashable {
    let collection: Int64
    let id: UUID
  }

  private struct Target {
    let collection: CompiledCollection
    let record: Record
  }

  private struct Clear {
    let collection: CompiledCollection
    let id: UUID
    let field: Int
  }

  init(
    path: WritePath, author: Mutation.Author, time: Timestamp, skipsRestricted: Bool = false,
    budget: Int = Deletion.inlineRows
  ) {
    self.path = path
    self.author = author
    self.time = time
    self.skipsRestricted = skipsRestricted
    self.budget = budget
  }

  /// Deletes `record` and what its relations take along; returns the deleted row.
  ///
  /// Everything that will go is found first, so that a RESTRICT relation between two rows that both
  /// go holds neither, whatever the order of the types in the schema.
  mutating func delete(
    _ record: Record, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Record {
    reach(Target(collection: collection, record: record))
    _ = try await expand(from: 0, in: transaction)
    for target in targets { try await refuseIfRestricted(target, in: transaction) }
    let deleted = try await carryOut(in: transaction)
    return deleted ?? record
  }

  /// Carries CASCADE and SET_NULL on to the rows that refer to a row deleted before, as far as the
  /// budget goes; true when none is left.
  mutating func release(
    _ id: UUID, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Bool {
    guard budget > 0 else { return false }
    targets = []
    clears = []
    var isComplete = try await referring(to: id, of: collection, in: transaction)
    if isComplete { isComplete = try await expand(from: 0, in: transaction) }
    if skipsRestricted { try await leaveRestricted(in: transaction) }
    _ = try await carryOut(in: transaction)
    return isComplete
  }

  // MARK: Finding

  private mutating func reach(_ target: Target) {
    reached.insert(Key(collection: target.collection.number, id: target.record.id))
    targets.append(target)
  }

  /// Follows the relations of each target, and of those that this adds; false where the budget ends.
  private mutating func expand(
    from start: Int, in transaction: any Transaction
  ) async throws -> Bool {
    var index = start
    var isComplete = true
    while index < targets.count {
      let target = targets[index]
      index += 1
      let isWhole = try await referring(
        to: target.record.id, of: target.collection, in: transaction)
      isComplete = isComplete && isWhole
    }
    return isComplete
  }

  /// Adds what refers to a row; false where the budget ends before all is found.
  private mutating func referring(
    to id: UUID, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Bool {
    for relation in collection.inbound where relation.onDelete != .restrict {
      let other = path.catalogue.collections[relation.collection]
      var last: UUID?
      while true {
        guard budget > 0 else { return false }
        let page = min(budget, 500)
        let rows = try await rows(
          of: other, field: relation.field, id, after: last, limit: page, in: transaction)
        for row in rows {
          last = row.id
          guard !reached.contains(Key(collection: other.number, id: row.id)) else { continue }
          budget -= 1
          if relation.onDelete == .cascade {
            reach(Target(collection: other, record: row))
          } else {
            clears.append(Clear(collection: other, id: row.id, field: relation.field))
          }
        }
        if rows.count < page { break }
      }
    }
    return true
  }

  private func rows(
    of collection: CompiledCollection, field: Int, _ id: UUID, after last: UUID?, limit: Int,
    in transaction: any Transaction
  ) async throws -> [Record] {
    let name = collection.fields[field].name
    let beyond: SQL = last.map { "AND id > \($0)" } ?? ""
    return try await transaction.all(
      """
      SELECT \(collection.selectList), \(identifier: RecordColumns.clocks) \
      FROM \(collection.table) WHERE \(identifier: name) = \(id) \
      AND \(identifier: "deletedAt") IS NULL \(beyond) ORDER BY id LIMIT \(limit)\
      \(transaction.dialect.forUpdate)
      """
    ) { collection.record($0) }.compactMap { $0 }
  }

  // MARK: Restricting

  private func refuseIfRestricted(
    _ target: Target, in transaction: any Transaction
  ) async throws {
    guard let holder = try await holder(of: target, in: transaction) else { return }
    throw RoostError(
      .conflict,
      "Records of \(holder.collection.name) refer to this one"
        + (target.collection === targets.first?.collection ? "" : " or to what goes with it")
        + " by \(holder.field): delete or change them first.")
  }

  /// Takes the restricted targets, and nothing else, out of what will be done.
  private mutating func leaveRestricted(in transaction: any Transaction) async throws {
    var free: [Target] = []
    for target in targets {
      if try await holder(of: target, in: transaction) == nil {
        free.append(target)
      } else {
        restricted += 1
      }
    }
    targets = free
  }

  /// A live row outside of what goes that refers to `target` by a RESTRICT relation.
  private func holder(
    of target: Target, in transaction: any Transaction
  ) async throws -> (collection: CompiledCollection, field: String)? {
    for relation in target.collection.inbound where relation.onDelete == .restrict {
      let other = path.catalogue.collections[relation.collection]
      let name = other.fields[relation.field].name
      let number = other.number
      let known = reached
      var isHeld = false
      try await transaction.query(
        """
        SELECT id FROM \(other.table) WHERE \(identifier: name) = \(target.record.id) \
        AND \(identifier: "deletedAt") IS NULL
        """
      ) { row in
        isHeld = !known.contains(Key(collection: number, id: row.uuid(0) ?? .zero))
        return !isHeld
      }
      if isHeld { return (other, name) }
    }
    return nil
  }

  // MARK: Doing

  /// Deletes the targets and empties the references; returns the first deleted row.
  private mutating func carryOut(in transaction: any Transaction) async throws -> Record? {
    var first: Record?
    for target in targets {
      let deleted = try await mark(target, in: transaction)
      first = first ?? deleted
    }
    try await ConflictRows.close(
      targets.map { ($0.collection, $0.record.id) }, at: time, in: transaction)
    for clear in clears
    where !reached.contains(Key(collection: clear.collection.number, id: clear.id)) {
      try await empty(clear, in: transaction)
    }
    return first
  }

  private mutating func mark(_ target: Target, in transaction: any Transaction) async throws
    -> Record
  {
    let collection = target.collection
    var deleted = target.record
    deleted.version += 1
    deleted.deletedAt = time
    deleted.updatedAt = max(time, target.record.updatedAt)
    try await transaction.execute(
      """
      UPDATE \(collection.table) SET version = \(deleted.version), \
      \(identifier: "updatedAt") = \(deleted.updatedAt), \(identifier: "deletedAt") = \(time) \
      WHERE id = \(deleted.id)
      """)
    try await path.attach(
      kind: .delete, collection, author, before: target.record, after: deleted, changed: [],
      &resolved, to: transaction)
    return deleted
  }

  private mutating func empty(_ clear: Clear, in transaction: any Transaction) async throws {
    let collection = clear.collection
    // Read again: a row may refer by two fields, and each one that is emptied changes it.
    let row = try await transaction.first(collection.selectForWrite, [.uuid(clear.id)]) {
      collection.record($0)
    }
    guard let record = row ?? nil, record.deletedAt == nil else { return }
    var cleared = record
    cleared.values[clear.field] = .null
    cleared.version += 1
    cleared.updatedAt = max(time, record.updatedAt)
    let number = collection.fieldNumbers[clear.field]
    let past = record.clocks.latest(number).time.rawValue &+ 1
    cleared.clocks.set(
      number,
      FieldClock(time: max(path.clock.tick(), HybridTime(rawValue: past)), client: .zero))
    try await transaction.execute(
      """
      UPDATE \(collection.table) SET \(identifier: collection.fields[clear.field].name) = NULL, \
      version = \(cleared.version), \(identifier: "updatedAt") = \(cleared.updatedAt), \
      \(identifier: RecordColumns.clocks) = \(cleared.clocks.encoded) WHERE id = \(record.id)
      """)
    try await path.attach(
      kind: .update, collection, author, before: record, after: cleared, changed: [clear.field],
      &resolved, to: transaction)
  }
}
