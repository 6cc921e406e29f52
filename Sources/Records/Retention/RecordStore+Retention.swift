package import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

extension RecordStore {
  /// Every `@retention` of the schema.
  package var retentionTasks: [RetentionTask] {
    catalogue.collections.flatMap { collection in
      collection.rules.retentions.enumerated().map { number, retention in
        RetentionTask(collection: collection, number: number, retention: retention)
      }
    }
  }

  /// Carries out `task` for the next rows behind `place` whose time has come, at most `limit`.
  ///
  /// Deletes and changes go the way of all writes, with the server as their author: they are in the log
  /// and in the streams.
  package func retain(
    _ task: RetentionTask, after place: RetentionPlace?, limit: Int,
    in transaction: any Transaction
  ) async throws -> RetentionStep {
    let pass = RetentionPass(
      task: task, path: path, now: ambient.time.now(), dialect: transaction.dialect)
    return try await pass.run(after: place, limit: limit, in: transaction)
  }
}

/// One step of a task, inside a transaction.
struct RetentionPass {
  let task: RetentionTask
  let path: WritePath
  let now: Timestamp
  let dialect: Dialect

  private var collection: CompiledCollection { task.collection }
  private var rule: RetentionRule { task.declaration }

  func run(
    after place: RetentionPlace?, limit: Int, in transaction: any Transaction
  ) async throws -> RetentionStep {
    let found = try await due(after: place, limit: limit, in: transaction)
    var step = RetentionStep()
    // One budget for all deletes of the transaction; what is left of a large one a follower finishes.
    var budget = Deletion.inlineRows
    for (index, row) in found.enumerated() {
      if let isDone = try await apply(to: row.id, &budget, in: transaction) {
        step.count(isDone: isDone)
      }
      if budget <= 0, index + 1 < found.count {
        step.end(at: row)
        return step
      }
    }
    step.end(at: found.count == limit ? found.last : nil)
    return step
  }

  // MARK: Finding

  /// The next rows whose time has come, in the order of their times, locked.
  private func due(
    after place: RetentionPlace?, limit: Int, in transaction: any Transaction
  ) async throws -> [RetentionPlace] {
    let table = PredicateWriter.Table(number: 0)
    let time: SQL = "\(table.name).\(identifier: rule.after)"
    let id: SQL = "\(table.name).id"
    let isDay = collection.model.field(named: rule.after)?.type == .date
    let until = now.adding(milliseconds: -rule.duration.milliseconds)
    // A day stands for its beginning.
    let last: Value =
      isDay ? .text(String(until.description.prefix(10))) : .timestamp(until)
    var sql: SQL = """
      SELECT \(time), \(id) FROM \(collection.table) AS \(table.name) WHERE \(time) <= \(last)
      """
    if let place { sql += " AND (\(time), \(id)) > (\(RetentionPass.value(place)), \(place.id))" }
    // What its people deleted is not kept for the archive, unless it is about that.
    if rule.action == .archive, rule.after != "deletedAt" { sql += " AND \(table.isLive)" }
    if rule.action == .anonymise { sql += " AND (\(isPersonal(table)))" }
    if let unless = task.retention.unless {
      let test = collection.writer.expression(
        unless, collection.index, table.source, isPositive: true)
      sql += " AND (\(test.bound(CallerFacts(.everyone, nil)))) IS NOT TRUE"
    }
    sql += """
       ORDER BY \(time)\(dialect.order(descending: false)), \(id) LIMIT \(limit)\
      \(dialect.forUpdateOfFree)
      """
    return try await transaction.all(sql) { row in
      RetentionPlace(
        time: isDay ? .string(row.text(0)) : .int(row.int64(0)), id: row.uuid(1) ?? .zero)
    }
  }

  private static func value(_ place: RetentionPlace) -> Value {
    place.time.string.map { .text($0) } ?? .int(place.time.int ?? 0)
  }

  /// That a row has a personal value left.
  private func isPersonal(_ table: PredicateWriter.Table) -> SQL {
    let tests = personal.map { index, anonymity -> SQL in
      let column: SQL = "\(table.name).\(identifier: collection.fields[index].name)"
      switch anonymity {
      case .null: return "\(column) IS NOT NULL"
      case .emptyList: return "\(column) <> '[]'"
      case .pseudonym(let prefix, let suffix):
        let digits = dialect.digits(of: "\(table.name).id")
        let parts = [prefix, suffix].map { SQL.literal(.text($0)) }
        return "\(column) <> \(parts[0]) || \(digits) || \(parts[1])"
      }
    }
    return tests.isEmpty ? "1 = 0" : tests.joined(by: " OR ")
  }

  private var personal: [(Int, Anonymity)] {
    collection.fields.enumerated().compactMap { index, field in
      guard field.isAnonymised, let anonymity = field.anonymity else { return nil }
      return (index, anonymity)
    }
  }

  // MARK: Doing

  /// Does it to one row; nil where it is gone already, false where it is held.
  private func apply(
    to id: UUID, _ budget: inout Int, in transaction: any Transaction
  ) async throws -> Bool? {
    // Read again: a row before it may have taken it along.
    let row = try await transaction.first(collection.selectForWrite, [.uuid(id)]) {
      collection.record($0)
    }
    guard let record = row ?? nil else { return nil }
    if rule.action == .anonymise {
      try await anonymise(record, in: transaction)
      return true
    }
    if record.deletedAt == nil {
      var deletion = Deletion(path: path, author: .system, time: now, budget: max(budget, 1))
      do {
        _ = try await deletion.delete(record, of: collection, in: transaction)
      } catch let error as RoostError where error.code == .conflict {
        // It has written nothing yet: a RESTRICT relation is looked for before.
        return false
      }
      budget = min(budget, deletion.budget) - 1
    }
    if rule.action == .archive { try await archive(record, in: transaction) }
    try await transaction.execute("DELETE FROM \(collection.table) WHERE id = \(id)")
    return true
  }

  private func archive(_ record: Record, in transaction: any Transaction) async throws {
    var kept = record
    if let sealing = collection.sealing {
      kept = try await sealing.sealedTexts(record, in: transaction)
    }
    let text = String(decoding: collection.json(kept), as: UTF8.self)
    try await transaction.execute(
      """
      INSERT INTO roost_archive (collection, id, archived_at, record) \
      VALUES (\(collection.number), \(record.id), \(now), \(text)) \
      ON CONFLICT (collection, id) DO UPDATE SET archived_at = excluded.archived_at, \
      record = excluded.record
      """)
  }

  /// Empties the personal fields, whatever their merge and although they may be immutable.
  private func anonymise(_ record: Record, in transaction: any Transaction) async throws {
    var emptied = record
    var changed: [Int] = []
    for (index, anonymity) in personal {
      if case .null = record.values[index] { continue }
      let value = anonymity.value(of: record.id)
      guard value != record.values[index] else { continue }
      emptied.values[index] = value
      changed.append(index)
      let number = collection.fieldNumbers[index]
      let past = record.clocks.latest(number).time.rawValue &+ 1
      // The keys of a field's parts may be what it held.
      emptied.clocks.removeParts(of: number)
      emptied.clocks.set(
        number,
        FieldClock(time: max(path.clock.tick(), HybridTime(rawValue: past)), client: .zero))
    }
    guard !changed.isEmpty else { return }
    emptied.version += 1
    emptied.updatedAt = max(now, record.updatedAt)
    var sets: [SQL]
    if let sealing = collection.sealing {
      sets = try await sealing.assignments(
        emptied, before: record, changed: changed, collection, in: transaction)
    } else {
      sets = changed.map { index in
        "\(identifier: collection.fields[index].name) = \(emptied.values[index].stored)"
      }
    }
    sets.append("version = \(emptied.version)")
    sets.append("\(identifier: "updatedAt") = \(emptied.updatedAt)")
    sets.append("\(identifier: RecordColumns.clocks) = \(emptied.clocks.encoded)")
    try await transaction.execute(
      "UPDATE \(collection.table) SET \(sets.joined(by: ", ")) WHERE id = \(record.id)")
    // Of a deleted row nobody hears anything more.
    guard record.deletedAt == nil else { return }
    var resolved = ResolvedRows()
    try await path.attach(
      kind: .update, collection, .system, before: record, after: emptied, changed: changed,
      &resolved, to: transaction)
  }
}
