import Queries
import Records
package import RoostCore
import Rules
package import Schema

extension App {
  /// What the database in the folder `data` says of itself, after a start with `schema` was
  /// rehearsed on it: each fact with its name.
  ///
  /// Nothing is changed: what the start would do is done in a transaction that is undone. Throws
  /// what the start would throw, and `RoostError` where the check of the database finds damage.
  package static func examine(
    _ schema: SchemaModel, data: String, settings: Settings, ambient: Ambient
  ) async throws -> [(String, String)] {
    try EncryptionKeys.require(for: schema, settings, ambient: ambient)
    let keys = try EncryptionKeys.Named(settings, ambient: ambient)
    let engine = try AppDatabase.open(
      data, settings, ambient: ambient, preCommit: ChangeRecorder(), makesFolder: false)
    let database = engine.database
    do {
      try await engine.check()
      let replicas = try await engine.replicas()
      let rehearsal = try await rehearse(schema, keys, on: database, now: ambient.time.now())
      if let keys, let sealed = rehearsal.sealed {
        try await EncryptionKeys.tryOpening(sealed, keys)
      }
      await database.close()
      return [("integrity", "ok")] + replicas + rehearsal.facts
    } catch {
      await database.close()
      throw error
    }
  }

  /// The schemas that were served from the folder `data`, oldest first.
  ///
  /// Nothing is changed. Throws what opening the database throws, and `DatabaseOpenError` where it
  /// belongs to a newer version.
  package static func releases(
    data: String, settings: Settings, ambient: Ambient
  ) async throws -> [(entry: SchemaHistory.Entry, model: SchemaModel)] {
    let engine = try AppDatabase.open(
      data, settings, ambient: ambient, preCommit: ChangeRecorder())
    do {
      let missing = try await engine.database.read(.statement) { reader in
        try await reader.first(
          "SELECT 1 FROM roost_migration WHERE name = \(SchemaHistory.migration(1).name)"
        ) { _ in true } == nil
      }
      guard !missing else {
        throw DatabaseOpenError(
          .migrations,
          "The database was last used by a version of Roost that kept no schemas: serve the app once."
        )
      }
      let releases = try await SchemaHistory(database: engine.database).releases()
      await engine.database.close()
      return releases
    } catch {
      await engine.database.close()
      throw error
    }
  }

  /// A rehearsed start; thrown at its end, so that its transaction is undone.
  private struct Rehearsal: Error {
    var facts: [(String, String)]
    /// The master key of a key management service.
    var sealed: EncryptionKeys.Stored?
  }

  private static func rehearse(
    _ schema: SchemaModel, _ keys: EncryptionKeys.Named?, on database: any Database, now: Timestamp
  ) async throws -> Rehearsal {
    let keeper = TableKeeper(
      book: try RuleBook(schema), now: now,
      before: { try await MigrationKeeper.before(schema, in: $0) })
    if let facts = try await unrehearsed(on: database) { return Rehearsal(facts: facts) }
    do {
      return try await TableLocks.patiently {
        try await database.write { transaction in
          let pending = try await Migrator.run(RoostMigrations.all, in: transaction, now: now)
          var rehearsal = Rehearsal(facts: try await sizes(in: transaction))
          if !pending.isEmpty { rehearsal.facts.append(("migrations", text(pending.count))) }
          if let keys {
            rehearsal.sealed = try await EncryptionKeys.rehearse(keys, in: transaction)
          }
          let catalogue = try await keeper.run(in: transaction)
          for definition in try await catalogue.derivedDue(at: now, in: transaction) {
            rehearsal.facts.append(("derived data to be made by a job", definition))
          }
          let setAside = try await PoisonedEntry.counts(in: transaction)
          for (name, count) in setAside.sorted(by: { $0.key < $1.key }) {
            rehearsal.facts.append(("entries that \(name) failed at", "\(count)"))
          }
          throw rehearsal
        }
      }
    } catch let rehearsal as Rehearsal {
      return rehearsal
    }
  }

  /// What is said instead of a rehearsal that would keep whole tables from servers of an earlier
  /// release; nil where there are none, as in a file, which one process has.
  private static func unrehearsed(on database: any Database) async throws -> [(String, String)]? {
    guard database.dialect.lockOfTables != nil else { return nil }
    let pending = try await database.read(.statement) {
      try await Migrator.pending(RoostMigrations.all, in: $0)
    }
    // A schema in which there is nothing yet serves nobody.
    guard pending > 0, pending < RoostMigrations.all.count else { return nil }
    return [
      ("migrations", text(pending)),
      ("not rehearsed", "a start, since those steps would hold up the servers that run"),
    ]
  }

  private static func text(_ pending: Int) -> String {
    let steps = pending == 1 ? "1 step" : "\(pending) steps"
    return "\(steps) of Roost's own tables pending; the next start takes them"
  }

  /// How much the database holds.
  ///
  /// Records are those that were counted, with what the log has behind the counter's place: after
  /// an import nobody counted yet.
  private static func sizes(in reader: any Reader) async throws -> [(String, String)] {
    let position = try await LogLength.read(in: reader)
    let counts = try await reader.all(
      """
      SELECT c.name, coalesce(n.live, 0) + coalesce(m.live, 0) FROM roost_collection c \
      LEFT JOIN roost_collection_count n ON n.collection = c.number \
      LEFT JOIN (SELECT l.collection AS collection, \
      CAST(sum(CASE l.kind WHEN \(Mutation.Kind.create.rawValue) THEN 1 \
      WHEN \(Mutation.Kind.delete.rawValue) THEN -1 ELSE 0 END) AS BIGINT) AS live \
      FROM roost_log_head h \
      LEFT JOIN roost_follower f ON f.name = 'collection-counter' AND f.partition = h.partition \
      JOIN roost_log l ON l.partition = h.partition AND l.position > coalesce(f.position, 0) \
      GROUP BY l.collection) m ON m.collection = c.number ORDER BY c.name
      """
    ) { ($0.text(0), $0.int64(1)) }
    return [("log position", "\(position)")]
      + counts.map { ("records of \($0.0)", "\($0.1)") }
  }
}
