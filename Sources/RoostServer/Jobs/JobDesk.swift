package import Jobs
package import Queries
package import RoostCore

/// The queue of an app that is not served: what `roost jobs` looks at and changes.
package struct JobDesk: Sendable {
  package let database: any Database
  package let queue: JobQueue

  /// Opens the queue in the folder `data`, or on the server that the settings name; it runs nothing.
  ///
  /// Throws `DatabaseOpenError`, and `RoostError` where there are no data yet, or none
  /// that this account may look at.
  package static func open(
    _ data: String, _ settings: Settings, ambient: Ambient
  ) async throws -> JobDesk {
    try AppDatabase.require(data, settings)
    // Nobody is connected to the signal: a server finds what is done here by itself.
    let database = try AppDatabase.open(
      data, settings, ambient: ambient, preCommit: JobSignal(), makesFolder: false
    ).database
    do {
      try await Migrator.require(RoostMigrations.all, on: database)
      try await MoveMark.check(database)
    } catch {
      await database.close()
      throw error
    }
    return JobDesk(database: database, queue: JobQueue(ambient))
  }
}
