package import RoostCore

/// Brings Roost's own tables up to date; knows no engine.
///
/// What was applied is on record in `roost_migration(number, name, applied_at)`.
package enum Migrator {
  private static let table: SQL = """
    CREATE TABLE IF NOT EXISTS roost_migration (
      number BIGINT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      applied_at BIGINT NOT NULL
    )
    """

  /// Applies those of `migrations` that are missing, each in a transaction of its own, and returns
  /// their numbers.
  ///
  /// Throws `DatabaseOpenError` with `.newer` when the database is ahead of `migrations`, with
  /// `.migrations` when its record contradicts them, and whatever a statement throws.
  @discardableResult
  package static func run(
    _ migrations: [Migration], on database: any Database, time: any TimeSource = SystemTime()
  ) async throws -> [Int] {
    precondition(
      migrations.enumerated().allSatisfy { $0.offset + 1 == $0.element.number },
      "migrations are numbered from 1 without gaps")
    let applied = try await database.write { transaction in
      try await transaction.execute(Migrator.table)
      return try await Migrator.applied(transaction)
    }
    try check(applied, against: migrations)
    var done: [Int] = []
    for migration in migrations.dropFirst(applied.count) {
      let now = time.now()
      try await database.write { transaction in
        for statement in migration.statements { try await transaction.execute(statement) }
        try await transaction.execute(
          """
          INSERT INTO roost_migration (number, name, applied_at)
          VALUES (\(migration.number), \(migration.name), \(now))
          """)
      }
      done.append(migration.number)
    }
    return done
  }

  private static func applied(_ reader: any Reader) async throws -> [(number: Int, name: String)] {
    try await reader.all("SELECT number, name FROM roost_migration ORDER BY number") { row in
      (number: Int(clamping: row.int64(0)), name: row.text(1))
    }
  }

  private static func check(
    _ applied: [(number: Int, name: String)], against migrations: [Migration]
  ) throws(DatabaseOpenError) {
    if let newest = applied.last?.number, newest > migrations.count {
      throw DatabaseOpenError(
        .newer,
        """
        The database belongs to a newer version of Roost (its schema is \(newest), this binary \
        knows \(migrations.count)): start it with the newer binary or choose another data folder.
        """)
    }
    for (record, migration) in zip(applied, migrations)
    where record.number != migration.number || record.name != migration.name {
      throw DatabaseOpenError(
        .migrations,
        """
        The database has migration \(record.number) "\(record.name)" where this binary has \
        \(migration.number) "\(migration.name)": it was written by another build of Roost. Start \
        it with that build or choose another data folder.
        """)
    }
  }
}
