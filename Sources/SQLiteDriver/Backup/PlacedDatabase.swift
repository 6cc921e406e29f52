import Glibc
package import Queries
package import RoostCore

/// Puts the file of a database into a data folder that nobody uses.
package enum PlacedDatabase {
  /// Moves the file at `path` into the place of the database of `configuration`.
  ///
  /// With `suffix` a database that is there keeps its place under its name with that suffix, together
  /// with its log; without it, it is an error. The file lies on the same file system and is durable
  /// already. Throws `DatabaseOpenError` with what to do, and changes nothing then.
  package static func put(
    _ path: String, _ configuration: SQLiteConfiguration, replacingAs suffix: String?,
    logger: Logger
  ) throws(DatabaseOpenError) {
    let folder = try DataFolder(configuration.folder, logger: logger)
    defer { folder.release() }
    let place = configuration.path
    let isThere = access(place, F_OK) == 0
    guard !isThere || suffix != nil else {
      throw DatabaseOpenError(
        .inUse, "\(configuration.folder) holds a database already: choose another data folder.")
    }
    var moved: [(from: String, to: String)] = []
    // A log that is left alone must not be taken for the new database's, so it goes in any case.
    for ending in ["-wal", "-shm", ""] where access(place + ending, F_OK) == 0 {
      moved.append((place + ending, place + (suffix ?? ".left") + ending))
    }
    guard access(path + "-wal", F_OK) != 0 else {
      throw DatabaseOpenError(.folder, "\(path) still has a log: what it holds is not all of it.")
    }
    var done: [(from: String, to: String)] = []
    for step in moved + [(path, place)] {
      guard rename(step.from, step.to) == 0 else {
        let reason = String(cString: strerror(errno))
        for step in done.reversed() { rename(step.to, step.from) }
        throw DatabaseOpenError(.folder, "\(step.to) cannot be put in its place: \(reason).")
      }
      done.append(step)
    }
    try folder.syncEntries()
  }
}
