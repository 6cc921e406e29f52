import Glibc
import PostgresDriver
import Queries
import RoostCore
import SQLiteDriver

/// Copies of a database as a whole, as backups hold them.
extension AppDatabase {
  /// What a copy is: a database of one file, or a dump.
  enum CopyKind: String, Sendable {
    case file = "roost.sqlite"
    case dump = "roost.dump"
  }

  // Swift 6.3.1 finds an ownership error of its own where this is inlined into an async function.
  @inline(never)
  var copyKind: CopyKind {
    switch engine {
    case .sqlite: .file
    case .postgres: .dump
    }
  }

  /// Where an app of these settings takes a copy from.
  static func copyKind(_ settings: Settings) -> CopyKind {
    settings.text(SettingKeys.database).isEmpty ? .file : .dump
  }

  /// About how many bytes a copy has.
  func copyBytes() async throws -> Int64 {
    let sql: SQL =
      switch engine {
      case .sqlite: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
      case .postgres:
        """
        SELECT CAST(coalesce(sum(pg_table_size(oid)), 0) AS BIGINT) FROM pg_class \
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
        """
      }
    return try await database.read(.statement) { reader in
      try await reader.first(sql) { $0.int64(0) } ?? 0
    }
  }

  /// Copies the database as it is now into a new file, while writes go on.
  ///
  /// `proceed` gets how much is done, from 0 to 1, where that is known; what it throws ends the copy.
  func copy(
    to path: String, proceed: @escaping @Sendable (Double?) throws -> Void
  ) async throws {
    switch engine {
    case .sqlite(let database):
      try await database.copy(to: path) { try proceed($0) }
    case .postgres:
      guard let configuration = postgres else { return }
      try await BackupThread.run {
        try PostgresDump.make(configuration, to: path) { try proceed(nil) }
      }
    }
  }

  /// Looks whether the copy in the folder `place` can be used, as far as that is possible without a
  /// server, and which master keys its encrypted fields want.
  ///
  /// Throws `RoostError` or `DatabaseOpenError`.
  static func tryCopy(
    _ kind: CopyKind, _ place: String, _ settings: Settings, ambient: Ambient,
    _ body: @Sendable @escaping (any Database) async throws -> Void
  ) async throws -> CopiedKeys {
    switch kind {
    case .dump:
      let configuration = configuration(settings.text(SettingKeys.database), settings)
      return try await BackupThread.run {
        let copy = place + "/" + kind.rawValue
        try PostgresDump.check(copy, configuration)
        let rows = place + "/keys"
        try PostgresDump.rows(of: CopiedKeys.tables, in: copy, configuration, to: rows)
        defer { unlink(rows) }
        return try CopiedKeys(dumped: rows)
      }
    case .file:
      var configuration = fileConfiguration(place, settings)
      configuration.minimumFreeBytes = 0
      let database = try SQLiteDatabase.open(configuration, ambient: ambient)
      do {
        try await examine(database)
        try await body(database)
        let keys = try await database.readUnbounded { try await CopiedKeys.read(in: $0) }
        await database.close()
        return keys
      } catch {
        await database.close()
        throw error
      }
    }
  }

  private static func examine(_ database: SQLiteDatabase) async throws {
    let faults = try await database.readUnbounded { reader in
      let damage =
        try await reader.first("PRAGMA integrity_check(1)") { $0.text(0) } ?? "no answer"
      let dangling = try await reader.first("PRAGMA foreign_key_check") { $0.text(0) }
      return (damage == "ok" ? [] : [damage])
        + (dangling.map { ["a row of \($0) refers to one that is not there"] } ?? [])
    }
    guard faults.isEmpty else {
      throw RoostError(
        .invalid, "The copy is damaged: \(faults.joined(separator: "; ")). Take another backup.")
    }
  }

  /// Puts a copy that was tried into the place that the settings name.
  ///
  /// `suffix` is what a database that is there is named from then on, nil where there must be none.
  static func place(
    _ kind: CopyKind, from place: String, _ data: String, _ settings: Settings,
    replacingAs suffix: String?, ambient: Ambient
  ) async throws {
    switch kind {
    case .file:
      try PlacedDatabase.put(
        place + "/" + kind.rawValue, fileConfiguration(data, settings), replacingAs: suffix,
        logger: ambient.logger)
    case .dump:
      let configuration = configuration(settings.text(SettingKeys.database), settings)
      try await BackupThread.run {
        try PostgresDump.restore(place + "/" + kind.rawValue, into: configuration) {}
      }
    }
  }

}
