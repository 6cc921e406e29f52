package import Queries
package import RoostCore
import Rules
package import Schema

/// A migration cannot be carried out; nothing was changed.
package struct MigrationRefused: Error, Sendable, CustomStringConvertible {
  package let faults: [MigrationFault]

  package init(faults: [MigrationFault]) { self.faults = faults }

  package var description: String {
    faults.map { fault in
      (fault.location.map { "\($0): " } ?? "") + "\(fault.message) [\(fault.code)]"
    }.joined(separator: "\n")
  }
}

/// Brings a database to a schema, forward or back: plans it, and carries the plan out.
///
/// Everything is on record in the database (`MigrationRun`), and each statement is in a transaction
/// with that record: whoever begins again goes on where the last one was ended.
package struct SchemaMigration: Sendable {
  let database: any Database
  let model: SchemaModel
  let book: RuleBook
  let before: SchemaModel?
  let kind: MigrationRun.Kind
  let time: any TimeSource

  /// `before` is the schema that was served last, where it is known; `isRollback` goes back from it.
  ///
  /// Throws `SchemaError` for rules that do not compile.
  package init(
    to model: SchemaModel, on database: any Database, before: SchemaModel?,
    isRollback: Bool = false, time: any TimeSource
  ) throws(SchemaError) {
    self.model = model
    self.database = database
    self.before = before
    self.time = time
    kind = isRollback ? .rollback : .apply
    book = try RuleBook(model)
  }

  private var isRollback: Bool { kind == .rollback }

  // MARK: Planning

  /// What is to be done; `onBreaking` is told each row that stands in the way.
  package func plan(
    onBreaking: (@Sendable (BreakingRow) throws -> Void)? = nil
  ) async throws -> MigrationPlan {
    let planned = try await database.read(.snapshot) { reader in
      var planned = try await steps(in: reader)
      if let open = try await MigrationRun.converting(in: reader), let fault = fault(open) {
        planned.faults.append(fault)
      }
      return planned
    }
    let survey = MigrationSurvey(
      source: .database(database), now: time.now(), onBreaking: onBreaking)
    return MigrationPlan(steps: try await survey.run(planned.steps), faults: planned.faults)
  }

  /// Throws `MigrationRefused` where a name of `allowed` is of nothing that the database or the
  /// schema has or had: a slip, which would otherwise be found when it is too late.
  package func checkNames(_ allowed: Set<String>) async throws {
    guard !allowed.isEmpty else { return }
    let planned = try await database.read(.snapshot) { try await steps(in: $0) }
    let stored = planned.stored
    var known = Set(planned.steps.map(\.item)).union(stored.retired.map(\.name))
    for collection in stored.collections {
      known.insert(collection.typeName)
      known.formUnion(collection.fields.map { "\(collection.typeName).\($0.name)" })
    }
    for collection in model.collections + (before?.collections ?? []) {
      known.formUnion([collection.typeName, "\(collection.typeName).@retention"])
      known.formUnion(collection.fields.map { "\(collection.typeName).\($0.name)" })
    }
    let faults = allowed.subtracting(known).sorted().map { name in
      let near = nearest(name, among: known.sorted())
      return MigrationFault(
        "unknown_name",
        "--allow-data-loss \(name): there is no such field or type"
          + (near.map { "; did you mean \($0)?" } ?? ""))
    }
    guard faults.isEmpty else { throw MigrationRefused(faults: faults) }
  }

  /// The steps; rows whose values are to be left behind (`allowed`) get them in a column of its own,
  /// so that those of before are kept.
  func steps(
    in reader: any Reader, allowing allowed: Set<String> = []
  ) async throws -> (steps: [MigrationStep], faults: [MigrationFault], stored: StoredSchema) {
    let stored = try await StoredSchema.read(in: reader)
    var former = FormerNames(of: model)
    if isRollback, let before { former = FormerNames(from: before, backTo: model) }
    var planner = MigrationPlanner(
      stored: stored, model: model, former: former, before: before, isRollback: isRollback)
    planner.run()
    var steps = planner.steps
    if planner.faults.isEmpty {
      steps += try await DerivedSteps(
        stored: stored, book: book, former: former, dialect: reader.dialect, before: before,
        now: time.now()
      ).find(beside: steps, in: reader)
    }
    return (steps.map { $0.leaving(allowed) }, planner.faults, stored)
  }

  // MARK: Carrying out

  /// Carries the plan out, or goes on with one that was interrupted, and returns the collections.
  ///
  /// `allowed` names what may lose data, beside what is on record of one that was interrupted; `ahead`
  /// makes indexes that can be made beside writers, and
  /// `onSwitch` writes what is to be on record together with the new schema.
  /// Throws `MigrationRefused` with everything that keeps it from
  /// being done, before anything is; `RoostError` where a row came to stand in the way meanwhile.
  package func apply(
    allowing allowed: Set<String> = [],
    onProgress: @escaping @Sendable (MigrationProgress) -> Void = { _ in },
    ahead: (([IndexAhead]) async throws -> Void)? = nil,
    onSwitch: @escaping @Sendable (any Transaction) async throws -> Void = { _ in }
  ) async throws -> Catalogue {
    let open = try await database.read(.statement) { try await MigrationRun.converting(in: $0) }
    var run = open?.number
    var mark = open?.mark
    if let open {
      try check(open)
      try await resume(open, allowed)
    } else {
      // Before the look at the rows: what is written meanwhile is looked at again.
      let end = try await database.read(.statement) { try await LogMark.read(in: $0) }
      let plan = try await plan()
      try check(plan, allowed)
      if let ahead { try await makeIndexes(plan, allowed, ahead) }
      run = try await TableLocks.patiently { try await begin(allowed, end) }
      mark = end
    }
    let runner = MigrationRunner(database: database, time: time)
    if run != nil { try await runner.convert(onProgress) }
    let indexes = ahead == nil ? [] : try await indexesAside()
    if !indexes.isEmpty { try await ahead?(indexes) }
    let catalogue = try await TableLocks.patiently {
      try await makeSwitch(run, allowed, mark, onSwitch)
    }
    try await runner.rescope(catalogue, onProgress)
    try await runner.fill(catalogue, onProgress)
    return catalogue
  }

  /// Gives up a migration that has not been switched to; returns whether there was one.
  package static func cancel(on database: any Database, time: any TimeSource) async throws -> Bool {
    try await TableLocks.patiently { try await cancelOnce(on: database, at: time.now()) }
  }

  private static func cancelOnce(on database: any Database, at now: Timestamp) async throws -> Bool
  {
    try await database.write { transaction in
      if let lock = transaction.dialect.lockOfTables {
        try await transaction.query(lock) { _ in false }
      }
      guard let run = try await MigrationRun.converting(in: transaction) else { return false }
      let stored = try await StoredSchema.read(in: transaction)
      let tables = stored.collections + stored.retiredCollections
      for task in try await MigrationTask.all(onlyOpen: false, in: transaction)
      where task.run == run.number {
        guard let work = ColumnWorks.read(task.argument),
          let table = tables.first(where: { $0.number == task.collection })
        else { continue }
        try await TableLocks.take([table.name], in: transaction)
        try await transaction.execute(
          "ALTER TABLE \(identifier: table.name) DROP COLUMN \(identifier: work.shadow)")
      }
      try await IndexAside.removeAll(in: transaction)
      try await transaction.execute(
        "DELETE FROM roost_migration_task WHERE run = \(run.number)")
      try await transaction.execute(
        """
        UPDATE roost_migration_run SET state = 'cancelled', ended_at = \(now) \
        WHERE number = \(run.number)
        """)
      return true
    }
  }

  private func check(_ open: MigrationRun) throws {
    if let fault = fault(open) { throw MigrationRefused(faults: [fault]) }
  }

  /// The fault of another migration under way; nil where it is this one.
  private func fault(_ open: MigrationRun) -> MigrationFault? {
    open.schema == model.source && open.kind == kind ? nil : open.fault
  }

  /// Throws `MigrationRefused` with all that keeps a plan from being carried out; `isAgain` for the
  /// look that is repeated at the switch.
  private func check(
    _ plan: MigrationPlan, _ allowed: Set<String>, isAgain: Bool = false
  ) throws {
    let faults = plan.faults + plan.losses(allowed) + plan.rowsInTheWay(allowed, isAgain: isAgain)
    guard faults.isEmpty else { throw MigrationRefused(faults: faults) }
  }

  /// Makes indexes beside writers; where rows came to be equal meanwhile, says which step they stand in
  /// the way of.
  private func makeIndexes(
    _ plan: MigrationPlan, _ allowed: Set<String>, _ make: ([IndexAhead]) async throws -> Void
  ) async throws {
    do {
      try await make(indexesAhead(plan))
    } catch {
      try check(try await self.plan(), allowed, isAgain: true)
      throw error
    }
  }

  /// Takes an interrupted run up: what it may lose is on record, and `allowed` is added to it.
  private func resume(_ open: MigrationRun, _ allowed: Set<String>) async throws {
    let all = open.allowed.union(allowed)
    try await database.write { transaction in
      let planned = try await steps(in: transaction, allowing: all)
      try check(MigrationPlan(steps: planned.steps, faults: planned.faults), all)
      guard all != open.allowed else { return }
      try await MigrationRun.allow(all, of: open.number, in: transaction)
      try await makeColumns(planned, of: open.number, all, in: transaction)
      let lenient = Set(planned.steps.filter { $0.leavesValues(all) }.map(\.item))
      for task in try await MigrationTask.all(onlyOpen: true, locking: .waiting, in: transaction)
      where task.run == open.number {
        guard let work = ColumnWorks.read(task.argument), lenient.contains(work.item) else {
          continue
        }
        try await task.replace(argument: work.lenient.json, in: transaction)
      }
    }
  }

  /// Puts a migration on record that converts values, with the columns that take them; nil where none
  /// are to be converted and the switch is all.
  private func begin(_ allowed: Set<String>, _ mark: LogMark) async throws -> Int64? {
    let now = time.now()
    return try await database.write { transaction in
      if let lock = transaction.dialect.lockOfTables {
        try await transaction.query(lock) { _ in false }
      }
      if let other = try await MigrationRun.converting(in: transaction) {
        try check(other)
        return other.number
      }
      let planned = try await steps(in: transaction, allowing: allowed)
      guard planned.steps.contains(where: { $0.hasShadow }) else { return nil }
      let number = try await MigrationRun.make(
        kind, .converting, schema: model.source, planned.steps, now: now, mark: mark,
        in: transaction)
      try await MigrationRun.allow(allowed, of: number, in: transaction)
      try await makeColumns(planned, of: number, allowed, in: transaction)
      return number
    }
  }

  /// Makes the columns that take values, each with its part of the run, but for those that are there.
  private func makeColumns(
    _ planned: (steps: [MigrationStep], faults: [MigrationFault], stored: StoredSchema),
    of run: Int64, _ allowed: Set<String>, in transaction: any Transaction
  ) async throws {
    let known = try await MigrationTask.all(onlyOpen: false, in: transaction)
      .filter { $0.run == run }
    let items = Set(known.compactMap { ColumnWorks.read($0.argument)?.item })
    var count = known.map(\.number).max() ?? 0
    for step in planned.steps where !items.contains(step.item) {
      guard step.hasShadow, let (work, field) = step.columnWork(allowed),
        let table = step.table, let collection = planned.stored.collection(ofTable: table)
      else { continue }
      count += 1
      try await TableLocks.take([table], in: transaction)
      try await transaction.execute(
        """
        ALTER TABLE \(identifier: table) \
        ADD COLUMN \(identifier: work.shadow) \(field.columnType(transaction.dialect))
        """)
      try await MigrationTask.make(
        .convert, of: run, count, collection: collection.number, argument: work.json,
        in: transaction)
    }
  }

  /// Makes the new schema hold, in one transaction.
  private func makeSwitch(
    _ open: Int64?, _ allowed: Set<String>, _ mark: LogMark?,
    _ onSwitch: @escaping @Sendable (any Transaction) async throws -> Void
  ) async throws -> Catalogue {
    let now = time.now()
    return try await database.write { transaction in
      if let lock = transaction.dialect.lockOfTables {
        try await transaction.query(lock) { _ in false }
      }
      let onRecord = try await onRecord(open, in: transaction)
      // What was not allowed when its columns were made has none.
      let planned = try await steps(in: transaction, allowing: open == nil ? [] : onRecord)
      guard planned.faults.isEmpty else { throw MigrationRefused(faults: planned.faults) }
      // Before the tables, as those do who fill their rows.
      let tasks = try await MigrationTask.all(onlyOpen: true, locking: .waiting, in: transaction)
      let run = try await take(open, planned.steps, now, in: transaction)
      guard let run else {
        let catalogue = try await TableKeeper(book: book, now: now, run: 0).run(in: transaction)
        try await onSwitch(transaction)
        return catalogue
      }
      let allowed = allowed.union(onRecord)
      let isReached = try await mark?.isReached(in: transaction) ?? false
      let work = try await MigrationSwitch(
        steps: planned.steps, run: run, stored: planned.stored, now: now, allowed: allowed,
        mark: isReached ? mark : nil, book: book, in: transaction)
      try await work.lockTables()
      let survey = MigrationSurvey(
        source: .transaction(transaction, planned.stored, behind: work.mark), now: now,
        onBreaking: nil)
      let looked = try await survey.runAgain(planned.steps)
      try check(MigrationPlan(steps: looked, faults: []), allowed, isAgain: true)
      try await work.perform()
      try await work.follow(tasks)
      let catalogue = try await TableKeeper(book: book, now: now, run: run).run(in: transaction)
      try await transaction.execute(
        """
        UPDATE roost_migration_run SET state = 'done', ended_at = \(now) WHERE number = \(run) \
        AND NOT EXISTS (SELECT 1 FROM roost_migration_task t \
        WHERE t.run = \(run) AND t.is_open = 1)
        """)
      try await onSwitch(transaction)
      return catalogue
    }
  }

  /// What a run that is open may lose.
  private func onRecord(
    _ open: Int64?, in transaction: any Transaction
  ) async throws -> Set<String> {
    guard let open else { return [] }
    let all = try await MigrationRun.all(in: transaction)
    return all.first { $0.number == open }?.allowed ?? []
  }

  /// Puts on record that a run is switched to, the one that converted or a new one; nil where
  /// nothing is to be done.
  private func take(
    _ open: Int64?, _ steps: [MigrationStep], _ now: Timestamp, in transaction: any Transaction
  ) async throws -> Int64? {
    var run = open
    if let open {
      // Somebody else may have done it meanwhile, and then there is nothing left to be done.
      try await transaction.execute(
        """
        UPDATE roost_migration_run SET state = 'filling' \
        WHERE number = \(open) AND state = 'converting'
        """)
    } else if !steps.isEmpty || isRollback && before?.source != model.source {
      // A way back is on record even where it is free of steps: the history is read by it.
      run = try await MigrationRun.make(
        kind, .filling, schema: model.source, steps, now: now, in: transaction)
    }
    if let run {
      try await transaction.execute(
        "UPDATE roost_migration_run SET switched_at = \(now) WHERE number = \(run)")
    }
    return run
  }
}

extension MigrationStep {
  /// The step, as it leaves values behind where `allowed` names it.
  fileprivate func leaving(_ allowed: Set<String>) -> MigrationStep {
    guard case .retypeField(let from, let field, let number, let old, true) = action,
      leavesValues(allowed)
    else { return self }
    return MigrationStep(
      .convertField(from: from, field, number: number, old: old), kind, typeName, table: table,
      item: item, text, wayBack: "the values from before are kept and come back", at: location)
  }

  /// Whether rows that stand in the way can be taken along without their values, which are kept.
  var canLeaveValues: Bool {
    switch action {
    case .convertField(_, let field, _, _), .retypeField(_, let field, _, _, true):
      !field.isRequired
    case .computeField(let part): !part.field.isRequired
    case .revertField(_, _, let field, _, _): !field.isRequired
    default: false
    }
  }

  /// Whether they are, where `allowed` may lose data.
  func leavesValues(_ allowed: Set<String>) -> Bool { canLeaveValues && allowed.contains(item) }

  /// Whether values are made into a new column before the switch.
  var hasShadow: Bool {
    switch action {
    case .convertField: true
    case .computeField(let part): part.kept == nil
    default: false
    }
  }

  /// How the values of a column are made that takes a field's place, and the field.
  func columnWork(_ allowed: Set<String>) -> (work: any ColumnWork, field: Field)? {
    switch action {
    case .convertField(let from, let field, let number, let old):
      (
        ColumnConversion(
          item: item, source: from, shadow: RetiredName.shadow(number), old: old, new: field,
          isLenient: leavesValues(allowed)), field
      )
    case .revertField(let retired, let from, let field, _, let old):
      (
        ColumnConversion(
          item: item, source: from, shadow: retired.kept, old: old, new: field,
          isLenient: leavesValues(allowed), isReturn: true), field
      )
    case .computeField(let part): (part.work.lenient(leavesValues(allowed)), part.field)
    default: nil
    }
  }
}
