import Cryptography
import Queries
import RoostCore
import Rules
import Schema

/// The transaction in which a database comes to hold a new schema: everything that is no addition is
/// done here, at once, so that what is left for `TableKeeper` are additions.
struct MigrationSwitch {
  let steps: [MigrationStep]
  let run: Int64
  let stored: StoredSchema
  let now: Timestamp
  /// What may lose data.
  let allowed: Set<String>
  /// Where the log ended when the rows were looked at; nil where it does not reach back so far.
  let mark: LogMark?
  let transaction: any Transaction
  /// The indexes that stay, under whatever name.
  private let indexes: IndexSwitch

  init(
    steps: [MigrationStep], run: Int64, stored: StoredSchema, now: Timestamp,
    allowed: Set<String>, mark: LogMark?, book: RuleBook, in transaction: any Transaction
  ) async throws {
    self.steps = steps
    self.run = run
    self.stored = stored
    self.now = now
    self.allowed = allowed
    self.mark = mark
    self.transaction = transaction
    indexes = try await IndexSwitch(steps, stored, book, in: transaction)
  }

  private var dialect: Dialect { transaction.dialect }

  /// Does the steps; the tables are locked (`lockTables`) and their rows looked at again.
  func perform() async throws {
    // What goes through rows comes before anything that keeps readers out.
    for step in steps { try await catchUp(step) }
    try await TableLocks.take(
      Set(steps.filter(\.changesTable).compactMap(\.table)), in: transaction)
    for step in steps { try await performOnFields(step) }
    // What goes makes room for what comes in its place.
    for step in steps { try await retireCollection(step) }
    for step in steps { try await performOnCollections(step) }
    try await indexes.perform(in: transaction)
    if steps.contains(where: \.outdatesServers) {
      try await transaction.execute("UPDATE roost_generation SET generation = generation + 1")
      // Rows have other names or values now, under the sequences that they had: devices fetch them
      // anew.
      let epoch = NameUUID.make(Array("roost epoch \(run) \(now.milliseconds)".utf8))
      try await transaction.execute(
        "UPDATE roost_sync_epoch SET epoch = \(epoch), since = \(now)")
    }
  }

  /// Waits for those who are writing, and keeps others from it until the commit; who reads is held up
  /// by the changes of tables alone, which take a moment.
  func lockTables() async throws {
    let tables = Set(steps.filter(\.outdatesServers).compactMap(\.table)).sorted()
    for table in tables {
      if let lock = dialect.lockAgainstWrites(table) { try await transaction.execute(lock) }
    }
  }

  // MARK: What earlier runs have left

  /// Brings parts of earlier runs that still fill rows in step with the new names, and closes those
  /// whose fields are gone.
  func follow(_ tasks: [MigrationTask]) async throws {
    for task in tasks where task.run != run && task.kind == .fill {
      let all = stored.collections + stored.retiredCollections
      guard let table = all.first(where: { $0.number == task.collection })?.name else { continue }
      let old = (task.argument.array ?? []).compactMap(\.string)
      var names: [String?] = old
      for step in steps where step.table == table {
        switch step.action {
        case .retireCollection: names = old.map { _ in nil }
        case .retireField(let name, _, _):
          for index in old.indices where old[index] == name { names[index] = nil }
        case .renameField(let from, let to):
          for index in old.indices where old[index] == from { names[index] = to }
        case .retypeField(let from, let field, _, _, _), .convertField(let from, let field, _, _),
          .revertField(_, let from, let field, _, _):
          for index in old.indices where old[index] == from { names[index] = field.name }
        default: continue
        }
      }
      let left = names.compactMap { $0 }
      if left.isEmpty {
        try await task.close(at: now, in: transaction)
      } else if left != old {
        try await task.replace(argument: .array(left.map { .string($0) }), in: transaction)
      }
    }
  }

  // MARK: Fields

  private func performOnFields(_ step: MigrationStep) async throws {
    guard let table = step.table, let collection = stored.collection(ofTable: table) else { return }
    switch step.action {
    case .renameField(let from, let to):
      try await dropIndexes(of: collection, with: from)
      try await renameColumn(table, from, to)
      try await setField(collection.number, from, name: to, type: nil)
    case .retireField(let name, _, let type):
      try await dropIndexes(of: collection, with: name)
      let kept = try await keep(
        name, of: collection, item: step.item, type: type, isReplaced: false)
      try await renameColumn(table, name, kept)
      try await setField(collection.number, name, name: kept, type: nil)
    case .restoreField(let retired, let field):
      try await renameColumn(table, retired.kept, field.name)
      try await setField(
        collection.number, retired.kept, name: field.name, type: TypeSignature.of(field))
      try await setRequired(collection.number, field)
      try await forget(retired)
      if let value = field.defaultValue, field.isRequired {
        try await transaction.execute(
          """
          UPDATE \(identifier: table) SET \(identifier: field.name) = \(value.stored) \
          WHERE \(identifier: field.name) IS NULL
          """)
      }
    case .retypeField(let from, let field, _, _, _):
      if from != field.name {
        try await dropIndexes(of: collection, with: from)
        try await renameColumn(table, from, field.name)
      }
      try await setField(
        collection.number, from, name: field.name, type: TypeSignature.of(field))
    case .computeField(let part):
      try await place(part, in: collection)
    case .convertField(let from, let field, let number, let old):
      try await replace(
        from, by: RetiredName.shadow(number), field, collection, old, step.item)
    case .revertField(let retired, let from, let field, _, let old):
      try await replace(from, by: retired.kept, field, collection, old, step.item)
      // Behind it: a number that is free again would be given to what is kept now.
      try await forget(retired)
    default: break
    }
  }

  // MARK: Values

  /// Brings the column that takes a field's place in step with the field.
  private func catchUp(_ step: MigrationStep) async throws {
    guard let table = step.table, let collection = stored.collection(ofTable: table),
      let (work, _) = step.columnWork(allowed)
    else { return }
    switch step.action {
    case .convertField(let from, _, _, _):
      try await catchUp(work, collection, filled: "\(identifier: from) IS NOT NULL")
    case .computeField(let part):
      if let changed = part.work.changed {
        try await work.writeAll(where: changed, table: table, in: transaction)
      } else {
        try await catchUp(work, collection, filled: part.work.isFilled)
      }
    case .revertField(let retired, let from, _, _, _):
      try await work.writeAll(
        where: ColumnConversion.changed(since: retired.at, source: from, kept: retired.kept),
        table: table, in: transaction)
    default: break
    }
  }

  /// Converts what was written since its piece was converted: by servers of the old schema, which
  /// know nothing of the new column.
  ///
  /// `filled` is a condition on rows that have something to convert.
  private func catchUp(
    _ work: any ColumnWork, _ collection: StoredSchema.Collection, filled: SQL
  ) async throws {
    let run = run
    let begun = try await transaction.first(
      "SELECT begun_at FROM roost_migration_run WHERE number = \(run)"
    ) { $0.int64(0) }
    // Clocks of several machines: ten minutes of rows more are converted again than needed, where the
    // log does not tell which they are.
    let since = (begun ?? 0) - (mark == nil ? 600_000 : 0)
    var condition: SQL = """
      \(identifier: "updatedAt") >= \(since) OR (\(identifier: work.shadow) IS NULL AND (\(filled)))
      """
    // Rows that came with a time of their own.
    if let mark { condition += " OR \(mark.isBehind(collection: collection.number))" }
    try await work.writeAll(where: condition, table: collection.name, in: transaction)
  }

  /// Puts a column that was made, or kept, under the name of its field.
  private func place(
    _ part: ComputedField, in collection: StoredSchema.Collection
  ) async throws {
    let field = part.field
    let type = TypeSignature.of(field)
    try await renameColumn(collection.name, part.work.shadow, field.name)
    if let kept = part.kept {
      try await setField(collection.number, kept.kept, name: field.name, type: type)
      try await setRequired(collection.number, field)
      try await forget(kept)
      return
    }
    try await transaction.execute(
      """
      INSERT INTO roost_field (collection, number, name, type, required) \
      SELECT \(collection.number), coalesce(max(number), 0) + 1, \(field.name), \(type), \
      \(Value.bool(field.isRequired)) FROM roost_field WHERE collection = \(collection.number)
      """)
  }

  /// Puts the column `shadow` into the place of `source`, which is kept.
  private func replace(
    _ source: String, by shadow: String, _ field: Field, _ collection: StoredSchema.Collection,
    _ old: Field, _ item: String
  ) async throws {
    try await dropIndexes(of: collection, with: source)
    let kept = try await keep(
      field.name, of: collection, item: item, type: TypeSignature.of(old), isReplaced: true)
    try await renameColumn(collection.name, source, kept)
    try await renameColumn(collection.name, shadow, field.name)
    try await setField(
      collection.number, source, name: field.name, type: TypeSignature.of(field))
  }

  private func renameColumn(_ table: String, _ from: String, _ to: String) async throws {
    try await transaction.execute(
      """
      ALTER TABLE \(identifier: table) RENAME COLUMN \(identifier: from) TO \(identifier: to)
      """)
  }

  private func setField(
    _ collection: Int64, _ old: String, name: String, type: String?
  ) async throws {
    var sets: SQL = "name = \(name)"
    if let type { sets += ", type = \(type)" }
    try await transaction.execute(
      "UPDATE roost_field SET \(sets) WHERE collection = \(collection) AND name = \(old)")
  }

  private func setRequired(_ collection: Int64, _ field: Field) async throws {
    try await transaction.execute(
      """
      UPDATE roost_field SET required = \(Value.bool(field.isRequired)) \
      WHERE collection = \(collection) AND name = \(field.name)
      """)
  }

  /// Drops the indexes over a column; those that the schema asks for are made again.
  private func dropIndexes(
    of collection: StoredSchema.Collection, with column: String? = nil
  ) async throws {
    let there = try await transaction.all(
      "SELECT name, definition FROM roost_index WHERE collection = \(collection.number)"
    ) { (name: $0.text(0), definition: $0.text(1)) }
    for index in there where !indexes.kept.contains(index.name) {
      if IndexAside.isOne(index.definition) { continue }
      if let column, !IndexPlan.fields(of: index.definition).contains(column) { continue }
      try await transaction.execute("DROP INDEX IF EXISTS \(identifier: index.name)")
      try await transaction.execute("DELETE FROM roost_index WHERE name = \(index.name)")
    }
  }

  // MARK: Collections

  private func performOnCollections(_ step: MigrationStep) async throws {
    switch step.action {
    case .renameCollection(let number, let from, let to):
      guard let old = stored.collections.first(where: { $0.number == number }) else { return }
      try await dropIndexes(of: old)
      try await renameTable(from, to)
      try await transaction.execute(
        """
        UPDATE roost_collection SET name = \(to), type_name = \(step.typeName) \
        WHERE number = \(number)
        """)
      for (start, end) in [("ref ", ""), ("[ref ", "]"), ("[ref ", "!]")] {
        try await transaction.execute(
          """
          UPDATE roost_field SET type = \(start + step.typeName + end) \
          WHERE type = \(start + old.typeName + end)
          """)
      }
    case .restoreCollection(let retired, let to):
      try await renameTable(retired.kept, to)
      try await transaction.execute(
        """
        UPDATE roost_collection SET name = \(to), type_name = \(step.typeName) \
        WHERE number = \(retired.collection)
        """)
      try await forgetStreams(retired.collection)
      try await forget(retired)
    default: break
    }
  }

  private func retireCollection(_ step: MigrationStep) async throws {
    guard case .retireCollection(let number, let from) = step.action,
      let old = stored.collections.first(where: { $0.number == number })
    else { return }
    try await dropIndexes(of: old)
    let kept = try await keep(nil, of: old, item: step.item, type: nil, isReplaced: false)
    try await renameTable(from, kept)
    try await transaction.execute(
      """
      UPDATE roost_collection SET name = \(kept), type_name = \(kept) WHERE number = \(number)
      """)
    try await withdraw(number)
    try await forgetStreams(number)
  }

  /// Has the rows put into the streams anew when the collection is there again.
  private func forgetStreams(_ number: Int64) async throws {
    try await transaction.execute("DELETE FROM roost_stream_rules WHERE collection = \(number)")
  }

  private func renameTable(_ from: String, _ to: String) async throws {
    try await transaction.execute(
      "ALTER TABLE \(identifier: from) RENAME TO \(identifier: to)")
    // The key's name is one of the schema, where another table may want it.
    guard let query = dialect.nameOfPrimaryKey else { return }
    let old = try await transaction.first(Statement(query), [.text(to)]) { $0.text(0) }
    let new = dialect.primaryKeyName(of: to)
    guard let old, old != new else { return }
    try await transaction.execute(
      """
      ALTER TABLE \(identifier: to) \
      RENAME CONSTRAINT \(identifier: old) TO \(identifier: new)
      """)
  }

  /// Takes the rows of a collection out of the streams, and what they grant with them.
  private func withdraw(_ number: Int64) async throws {
    try await StreamRebuild.withdraw(number, in: transaction)
    let search = try await transaction.first(
      "SELECT signature FROM roost_search WHERE collection = \(number)"
    ) { $0.text(0) }
    guard search != nil else { return }
    try await SearchTable.drop(number, in: transaction)
    try await transaction.execute("DELETE FROM roost_search WHERE collection = \(number)")
  }

  // MARK: What is kept

  /// Notes that something is retired; returns the name that it is kept under.
  private func keep(
    _ field: String?, of collection: StoredSchema.Collection, item: String, type: String?,
    isReplaced: Bool
  ) async throws -> String {
    let made = try await transaction.first(
      """
      INSERT INTO roost_retired (run, collection, field, name, kept, type, is_replaced, at) \
      VALUES (\(run), \(collection.number), \(Value.optional(field)), \(item), '', \
      \(Value.optional(type)), \(Value.bool(isReplaced)), \(now)) RETURNING number
      """
    ) { $0.int64(0) }
    guard let number = made else {
      throw RoostError(.internalError, "What is retired could not be numbered.")
    }
    let kept = RetiredName.of(field ?? collection.name, number)
    try await transaction.execute(
      "UPDATE roost_retired SET kept = \(kept) WHERE number = \(number)")
    return kept
  }

  private func forget(_ retired: StoredSchema.Retired) async throws {
    try await transaction.execute("DELETE FROM roost_retired WHERE number = \(retired.number)")
  }
}
