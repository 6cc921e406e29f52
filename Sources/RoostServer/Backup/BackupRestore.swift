import Glibc
import Queries
package import RoostCore
import Sync

/// Brings a backup back into the place of a database.
package struct BackupRestore: Sendable {
  let path: String
  let data: String
  let key: BackupKey?
  let settings: Settings
  let ambient: Ambient

  package init(
    _ path: String, to data: String, key: BackupKey?, settings: Settings, ambient: Ambient
  ) {
    self.path = path
    self.data = data
    self.key = key
    self.settings = settings
    self.ambient = ambient
  }

  /// What a restore did.
  package struct Report: Sendable {
    package let head: BackupHead
    /// Where the database lies that was there before.
    package let former: String?
    /// The master keys without which its encrypted fields stay sealed.
    package let keys: CopiedKeys
  }

  /// Unpacks and tries the backup, begins a new epoch of sync in it, and puts it into its place.
  ///
  /// With `replaces` a database that is there is kept under another name; without it that is an
  /// error. `signsOut` ends all sessions. Nothing changes where anything fails. Throws `RoostError`
  /// or `DatabaseOpenError`.
  package func run(replaces: Bool, signsOut: Bool) async throws -> Report {
    let head = try BackupReader(path).head
    let wanted = AppDatabase.copyKind(settings)
    guard head.content == wanted.rawValue else {
      throw RoostError(
        .invalid,
        head.content == AppDatabase.CopyKind.dump.rawValue
          ? "\(path) is of a database on a server: say where it goes with --database."
          : "\(path) is of a database in a file: leave --database out, and bring the app to a "
            + "server with roost move afterwards.")
    }
    let isTaken = try AppDatabase.isThere(data, settings)
    let place = AppDatabase.place(data, settings)
    guard !isTaken || wanted == .file else {
      throw RoostError(
        .conflict,
        "\(place) holds an app already, and nothing there is replaced: restore into another "
          + "database, or drop that schema first.")
    }
    guard !isTaken || replaces else {
      throw RoostError(
        .conflict,
        "\(place) holds an app already. With --replace it is kept under another name.")
    }
    let isNew = mkdir(data, 0o700) == 0
    if !isNew, errno != EEXIST {
      throw RoostError(
        .invalid, "\(data) cannot be made: \(String(cString: strerror(errno))).")
    }
    // It goes again only where nothing came into it.
    defer { if isNew { rmdir(data) } }
    if wanted == .file { try requireRoom() }
    let passing = try PassingFolder(in: data, ambient.newID())
    defer { passing.remove() }
    let trial = passing.path + "/trial"
    let keys = try await BackupTrial(
      path: path, passing: trial, key: key, settings: settings, ambient: ambient
    ).run { _ in }
    let suffix = ".before-\(ambient.time.now().milliseconds)"
    switch wanted {
    case .file:
      try await begin(trial, signsOut)
      try await AppDatabase.place(
        wanted, from: trial, data, settings, replacingAs: isTaken ? suffix : nil, ambient: ambient)
    case .dump:
      try await AppDatabase.place(
        wanted, from: trial, data, settings, replacingAs: nil, ambient: ambient)
      do {
        try await begin(data, signsOut)
      } catch {
        throw RoostError(
          .internalError,
          "The data are restored, but no new epoch of sync was begun"
            + (signsOut ? " and no session ended" : "")
            + ": start no server on them, drop the schema and restore again. (\(error))")
      }
    }
    return Report(
      head: head, former: isTaken ? "\(data)/\(wanted.rawValue)\(suffix)" : nil, keys: keys)
  }

  /// The database that comes of it writes once before it counts, which a disk that is nearly full
  /// would refuse at the end of the work, in the words of a server.
  private func requireRoom() throws {
    let reserve = Int64(settings.integer(SettingKeys.minimumFreeMegabytes)) << 20
    guard let free = BackupFolder(data).freeBytes, free < reserve else { return }
    throw RoostError(
      .storageFull,
      "\(data) has \(free >> 20) MB free, and database.minimumFreeMegabytes keeps "
        + "\(reserve >> 20) of them free: make room there. Nothing was changed.")
  }

  /// Unpacks a backup into a folder that goes again, opens it and looks through it.
  ///
  /// With `intoScratch` it is put into the database that the settings name as well, which has to be
  /// empty and stays filled. Throws `RoostError` or `DatabaseOpenError`.
  package static func verify(
    _ path: String, key: BackupKey?, settings: Settings, intoScratch: Bool, ambient: Ambient
  ) async throws -> (head: BackupHead, keys: CopiedKeys) {
    let head = try BackupReader(path).head
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let beside = parent.isEmpty ? "/" : parent
    guard access(beside, W_OK) == 0 else {
      throw RoostError(
        .invalid,
        "A backup is unpacked beside itself to be tried, and \(beside) cannot be written to: "
          + "\(String(cString: strerror(errno))). Copy it to a folder with room, and try that.")
    }
    let passing = try PassingFolder(in: beside, ambient.newID())
    defer { passing.remove() }
    guard intoScratch else {
      let keys = try await BackupTrial(
        path: path, passing: passing.path + "/trial", key: key, settings: settings,
        ambient: ambient
      ).run { _ in }
      return (head, keys)
    }
    let report = try await BackupRestore(
      path, to: passing.path, key: key, settings: settings, ambient: ambient
    ).run(replaces: false, signsOut: false)
    return (head, report.keys)
  }

  /// Begins the epoch by which devices learn that they have to bring what they still hold.
  private func begin(_ folder: String, _ signsOut: Bool) async throws {
    let isFile = AppDatabase.copyKind(settings) == .file
    let engine = try AppDatabase.open(
      isFile ? folder : data, settings, ambient: ambient, preCommit: nil, makesFolder: false)
    let database = engine.database
    do {
      let isKnown = try await database.read(.statement) { reader in
        try await reader.first("SELECT 1 FROM roost_migration WHERE name = 'streams'") { _ in true }
      }
      if isKnown != nil {
        let epoch = try await database.read(.statement) { try await SyncEpochs.current(in: $0) }
        try await SyncEpochs.renew(epoch, on: database, ambient: ambient)
      }
      if signsOut {
        try await database.write { _ = try await $0.execute("DELETE FROM roost_session") }
      }
      await database.close()
    } catch {
      await database.close()
      throw error
    }
  }
}
