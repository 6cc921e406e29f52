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
    let pending = try await database.write { try await missing(migrations, waits: true, in: $0) }
    for migration in pending {
      let now = time.now()
      try await database.write { transaction in
        // Another process that starts at the same time may have taken the step meanwhile.
        let missing = try await missing(migrations, waits: true, in: transaction)
        guard missing.contains(where: { $0.number == migration.number }) else { return }
        try await apply(migration, in: transaction, now: now)
      }
    }
    return pending.map(\.number)
  }

  /// Applies those of `migrations` that are missing in the caller's transaction, for a rehearsal that
  /// is undone, and returns their numbers.
  ///
  /// Throws as the other `run` does.
  package static func run(
    _ migrations: [Migration], in transaction: any Transaction, now: Timestamp
  ) async throws -> [Int] {
    let pending = try await missing(migrations, waits: false, in: transaction)
    for migration in pending { try await apply(migration, in: transaction, now: now) }
    return pending.map(\.number)
  }

  /// How many of `migrations` are missing in a database that has been served; nothing is changed and
  /// nothing waited for.
  ///
  /// Throws as `run` does.
  package static func pending(
    _ migrations: [Migration], in reader: any Reader
  ) async throws -> Int {
    let applied = try await applied(reader)
    try check(applied, against: migrations)
    return migrations.count - applied.count
  }

  /// Refuses a database of an earlier release, for a command that looks at what others serve: servers
  /// of before might write no more once it is brought up to date.
  ///
  /// Throws `DatabaseOpenError`, and as `run` does.
  package static func require(_ migrations: [Migration], on database: any Database) async throws {
    let missing = try await database.read(.statement) { try await pending(migrations, in: $0) }
    guard missing > 0 else { return }
    let steps = missing == 1 ? "a step" : "\(missing) steps"
    throw DatabaseOpenError(
      .migrations,
      """
      The database belongs to an earlier release of Roost (its own tables are \(steps) behind): \
      use the program that serves it, or start the server with this one first.
      """)
  }

  private static func missing(
    _ migrations: [Migration], waits: Bool, in transaction: any Transaction
  ) async throws -> [Migration] {
    precondition(
      migrations.enumerated().allSatisfy { $0.offset + 1 == $0.element.number },
      "migrations are numbered from 1 without gaps")
    if let lock = transaction.dialect.lockOfTables {
      if waits {
        // Another process may need minutes for its steps.
        try await transaction.takeTime()
        try await transaction.waiting("0") { try await transaction.query(lock) { _ in false } }
      } else {
        try await transaction.query(lock) { _ in false }
      }
    }
    try await transaction.execute(Migrator.table)
    let applied = try await applied(transaction)
    try check(applied, against: migrations)
    return Array(migrations.dropFirst(applied.count))
  }

  private static func apply(
    _ migration: Migration, in transaction: any Transaction, now: Timestamp
  ) async throws {
    try await transaction.takeTime()
    for statement in migration.statements(transaction.dialect) {
      try await transaction.execute(statement)
    }
    try await transaction.execute(
      """
      INSERT INTO roost_migration (number, name, applied_at)
      VALUES (\(migration.number), \(migration.name), \(now))
      """)
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
