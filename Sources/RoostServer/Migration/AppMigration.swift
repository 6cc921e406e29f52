import Queries
package import Records
package import RoostCore
package import Schema

/// The migrations of an app: what `roost migrate` does, over the database of a data folder.
///
/// On PostgreSQL it works beside servers that answer meanwhile; a file belongs to one process, so there
/// the server is stopped for it, and goes through what is left when it is started again.
package struct AppMigration: Sendable {
  let data: String
  let settings: Settings
  let ambient: Ambient
  private let stepped: SteppedSurroundings?

  /// With `stepped` the database lies on a disk in memory, as that of a stepped app does.
  package init(
    data: String, settings: Settings, ambient: Ambient, stepped: SteppedSurroundings? = nil
  ) {
    self.data = data
    self.settings = settings
    self.ambient = ambient
    self.stepped = stepped
  }

  private func open<Result>(
    _ body: (any Database, AppDatabase) async throws -> Result
  ) async throws -> Result {
    let recorder = ChangeRecorder(time: ambient.time)
    let engine = try AppDatabase.open(
      data, settings, ambient: ambient, preCommit: recorder, stepped: stepped)
    do {
      try await Migrator.run(RoostMigrations.all, on: engine.database, time: ambient.time)
      try await MoveMark.check(engine.database)
      let result = try await body(engine.database, engine)
      await engine.database.close()
      return result
    } catch {
      await engine.database.close()
      throw error
    }
  }

  // MARK: Forward

  /// What has to be done for `schema`; `onBreaking` is told each row that stands in the way.
  package func plan(
    _ schema: SchemaModel,
    onBreaking: (@Sendable (BreakingRow) throws -> Void)? = nil
  ) async throws -> MigrationPlan {
    try await open { database, _ in
      let line = try await SchemaLine.read(database)
      if let fault = line.behind(schema) {
        return MigrationPlan(steps: [], faults: [fault])
      }
      return try await SchemaMigration(
        to: schema, on: database, before: line.last?.model, time: ambient.time
      ).plan(onBreaking: onBreaking)
    }
  }

  /// Brings the database to `schema`, or goes on where an earlier call was ended.
  package func apply(
    _ schema: SchemaModel, allowing allowed: Set<String>,
    onProgress: @escaping @Sendable (MigrationProgress) -> Void
  ) async throws {
    try await open { database, engine in
      let line = try await SchemaLine.read(database, stepped?.compiled)
      if let fault = line.behind(schema) {
        throw MigrationRefused(faults: [fault])
      }
      let migration = try SchemaMigration(
        to: schema, on: database, before: line.last?.model, time: ambient.time)
      try await migration.checkNames(allowed)
      _ = try await migration.apply(
        allowing: allowed, onProgress: onProgress, ahead: { try await make($0, engine) },
        onSwitch: {
          try await SchemaHistory.add(
            schema, at: ambient.time.now(), compiled: stepped?.compiled, in: $0)
        })
      try await conclude(schema, on: database)
    }
  }

  /// Makes indexes beside those who write.
  private func make(_ indexes: [IndexAhead], _ engine: AppDatabase) async throws {
    for index in indexes {
      do {
        try engine.runOutside(index.statements)
      } catch {
        // What is left of it would be kept in step by every write.
        try? engine.runOutside([index.removal])
        guard index.isUnique, "\(error)".contains("unique") else { throw error }
        throw MigrationRefused(faults: [
          MigrationFault(
            "rows_in_the_way",
            "there would be rows with equal values of \(index.words), which are to be unique: "
              + "mend them, and apply again, which goes on from here")
        ])
      }
      try await index.record(on: engine.database)
    }
  }

  /// Writes the schema into the history, and what follows from it.
  private func conclude(_ schema: SchemaModel, on database: any Database) async throws {
    let history = SchemaHistory(database: database, compiled: stepped?.compiled)
    _ = try await history.take(in: schema, ambient: ambient)
    try await LensBook(database: database).keep(history)
    try await PolicyKeeper(settings).run(schema, on: database)
  }

  // MARK: Back

  /// The way back to the schema that was served before the last one.
  private func backward(
    on database: any Database
  ) async throws -> (migration: SchemaMigration, target: SchemaModel)? {
    let history = try await SchemaHistory(database: database).releases()
    let (runs, stored) = try await database.read(.snapshot) { reader in
      (try await MigrationRun.all(in: reader), try await StoredSchema.read(in: reader))
    }
    let line = SchemaLine(history, runs: runs)
    guard let last = line.last else { return nil }
    let target: SchemaModel
    if let run = runs.last(where: { $0.kind != .rescope }), run.kind == .rollback, run.isOpen,
      let open = history.last(where: { $0.model.source == run.schema })
    {
      // A rollback that was interrupted goes on to where it was going.
      target = open.model
    } else {
      if let fault = line.unlike(stored) { throw MigrationRefused(faults: [fault]) }
      guard let previous = line.previous else { return nil }
      target = previous.model
    }
    return (
      try SchemaMigration(
        to: target, on: database, before: last.model, isRollback: true, time: ambient.time),
      target
    )
  }

  /// What going back has to do; nil where there is nothing before.
  package func planRollback(
    onBreaking: (@Sendable (BreakingRow) throws -> Void)? = nil
  ) async throws -> MigrationPlan? {
    try await open { database, _ in
      try await backward(on: database)?.migration.plan(onBreaking: onBreaking)
    }
  }

  /// Goes back, and returns the text of the schema that holds now.
  ///
  /// A migration that was not switched to yet is given up instead. Throws `MigrationRefused` where
  /// there is nothing to go back to, or where data would be lost.
  package func rollback(
    allowing allowed: Set<String>,
    onProgress: @escaping @Sendable (MigrationProgress) -> Void
  ) async throws -> String {
    try await open { database, _ in
      let runs = try await database.read(.statement) { try await MigrationRun.all(in: $0) }
      if let open = runs.last(where: { $0.kind != .rescope }), open.state == .converting,
        open.kind == .apply
      {
        _ = try await SchemaMigration.cancel(on: database, time: ambient.time)
        return try await SchemaHistory(database: database).releases().last?.model.source ?? ""
      }
      guard let (migration, target) = try await backward(on: database) else {
        throw MigrationRefused(faults: [
          MigrationFault(
            "no_history", "There is no schema before this one: nothing to go back to")
        ])
      }
      try await migration.checkNames(allowed)
      _ = try await migration.apply(
        allowing: allowed, onProgress: onProgress,
        onSwitch: { try await SchemaHistory.add(target, at: ambient.time.now(), in: $0) })
      try await conclude(target, on: database)
      return target.source
    }
  }

  // MARK: Looking and forgetting

  package func status() async throws -> MigrationStatus {
    try await open { database, _ in try await MigrationStatus.read(database) }
  }

  /// Drops what is kept of `items`, or of everything; returns what it was.
  ///
  /// Throws `MigrationRefused`, with nothing dropped, where nothing is kept of one of them.
  package func forget(_ items: Set<String>?) async throws -> [String] {
    try await open { database, _ in
      let kept = try await database.read(.statement) { try await StoredSchema.read(in: $0) }.retired
      let names = Set(kept.map(\.name)).sorted()
      let faults = (items ?? []).subtracting(names).sorted().map { name in
        MigrationFault(
          "unknown_name",
          "--items \(name): nothing is kept of it; kept are: "
            + (names.isEmpty ? "none" : names.joined(separator: ", ")))
      }
      guard faults.isEmpty else { throw MigrationRefused(faults: faults) }
      return try await TableLocks.patiently {
        try await database.write { try await RetiredParts.forget(items, in: $0) }
      }
    }
  }
}
