import CSQLite

/// SQLite's settings for the whole process.
package enum SQLiteLibrary {
  /// Done once in the process, before the first connection: SQLite's code for how that went.
  ///
  /// Whoever opens a connection by other ways than the driver reads it first.
  package static let configured: Int32 = roost_sqlite_configure()
}
