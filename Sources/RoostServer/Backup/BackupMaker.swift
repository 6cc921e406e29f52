import Cryptography
import Glibc
import Queries
import Records
package import RoostCore
import Schema

/// Makes backups of a database, and tries each before it counts.
package struct BackupMaker: Sendable {
  let engine: AppDatabase
  let settings: BackupSettings
  let all: Settings
  let ambient: Ambient

  init(engine: AppDatabase, settings: Settings, data: String, ambient: Ambient) {
    self.init(
      engine: engine, settings: BackupSettings(settings, data: data), all: settings,
      ambient: ambient)
  }

  package init(
    engine: AppDatabase, settings: BackupSettings, all: Settings, ambient: Ambient
  ) {
    self.engine = engine
    self.settings = settings
    self.all = all
    self.ambient = ambient
  }

  /// How far a backup is.
  package struct Progress: Sendable {
    package let step: String
    /// From 0 to 1, where it is known.
    package let fraction: Double?
  }

  private static let blockBytes = 1_048_576

  /// Makes a backup of an app that no server has, or beside its servers where there may be several.
  ///
  /// Throws what `make` throws, and `DatabaseOpenError`, also where an earlier release serves the app:
  /// a backup is the way back to that one.
  package static func make(
    _ data: String, _ settings: Settings, _ backups: BackupSettings, ambient: Ambient,
    _ proceed: @escaping @Sendable (Progress) throws -> Void
  ) async throws -> BackupFolder.Entry {
    let engine = try AppDatabase.open(
      data, settings, ambient: ambient, preCommit: nil, makesFolder: false)
    do {
      try await Migrator.require(RoostMigrations.all, on: engine.database)
      let entry = try await BackupMaker(
        engine: engine, settings: backups, all: settings, ambient: ambient
      ).make(proceed)
      await engine.database.close()
      return entry
    } catch {
      await engine.database.close()
      throw error
    }
  }

  /// Makes a backup and gives its entry; older ones go as the settings say.
  ///
  /// `proceed` is called from time to time, and what it throws ends the backup. Throws `RoostError`;
  /// then nothing is left of it.
  package func make(
    _ proceed: @escaping @Sendable (Progress) throws -> Void
  ) async throws -> BackupFolder.Entry {
    let folder = settings.folder
    try folder.make()
    let key = try settings.key()
    let id = ambient.newID()
    try await requireRoom()
    let passing = try PassingFolder(in: folder.path, id)
    defer { passing.remove() }
    let lanes = DurableLanes(id, on: engine.database)
    try await lanes.note()
    let head = try await head(id, key)
    let kind = engine.copyKind
    let copy = passing.path + "/" + kind.rawValue
    try await engine.copy(to: copy) { try proceed(Progress(step: "copying", fraction: $0)) }
    let sealed = passing.path + "/sealed"
    try await BackupThread.run {
      try BackupMaker.pack(copy, into: sealed, head, key) {
        try proceed(Progress(step: "packing", fraction: $0))
      }
    }
    unlink(copy)
    try await BackupTrial(
      path: sealed, passing: passing.path + "/trial", key: key, settings: all, ambient: ambient
    ).run { try proceed(Progress(step: "trying", fraction: $0)) }
    let place = folder.place(of: head)
    guard rename(sealed, place) == 0 else {
      throw RoostError(
        .internalError, "\(place) cannot be written: \(String(cString: strerror(errno))).")
    }
    try BackupMaker.sync(folder.path)
    try await lanes.confirm()
    _ = folder.tidy(keepDays: settings.keepDays, at: ambient.time.now())
    var status = stat()
    stat(place, &status)
    return BackupFolder.Entry(path: place, bytes: Int64(status.st_size), head: head)
  }

  private func head(_ id: UUID, _ key: BackupKey?) async throws -> BackupHead {
    let (position, schema) = try await engine.database.read(.snapshot) { reader in
      (
        try await LogLength.read(in: reader),
        try await SchemaHistory.entries(in: reader).last?.version.description ?? ""
      )
    }
    return BackupHead(
      id: id, madeAt: ambient.time.now(), content: engine.copyKind.rawValue,
      program: ProgramVersion.current,
      schema: schema, position: position, salt: key.map { _ in ambient.random.bytes(32) },
      keyID: key?.id)
  }

  /// A copy and what it is packed to lie beside each other, and later that and what it is unpacked
  /// to.
  private func requireRoom() async throws {
    let bytes = try await engine.copyBytes()
    let reserve = Int64(all.integer(SettingKeys.minimumFreeMegabytes)) << 20
    guard let free = settings.folder.freeBytes, free < bytes * 2 + reserve else { return }
    throw RoostError(
      .storageFull,
      "A backup needs about \((bytes * 2 + reserve + (1 << 20) - 1) >> 20) MB in "
        + "\(settings.folder.path), of which \(free >> 20) are free: make room, or name another "
        + "folder as backups.folder.")
  }

  private static func pack(
    _ copy: String, into path: String, _ head: BackupHead, _ key: BackupKey?,
    _ proceed: (Double) throws -> Void
  ) throws {
    let descriptor = open(copy, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw RoostError(
        .internalError, "\(copy) cannot be read: \(String(cString: strerror(errno))).")
    }
    defer { close(descriptor) }
    var status = stat()
    fstat(descriptor, &status)
    let total = max(1, Double(status.st_size))
    do {
      let writer = try BackupWriter(path, head, key)
      var block = [UInt8](repeating: 0, count: blockBytes)
      var done = 0
      while true {
        let count = read(descriptor, &block, block.count)
        if count == 0 { break }
        guard count > 0 else {
          if errno == EINTR { continue }
          throw ImportFault("\(copy) cannot be read: \(String(cString: strerror(errno)))")
        }
        try writer.write(count == block.count ? block : Array(block[..<count]))
        done += count
        try proceed(Double(done) / total)
      }
      try writer.finish()
    } catch let fault as ImportFault {
      throw RoostError(
        fault.code == "disk_full" ? .storageFull : .internalError,
        "The backup cannot be written: \(fault.message).")
    }
  }

  private static func sync(_ folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 || errno == EINVAL else {
      throw RoostError(
        .internalError, "\(folder) cannot be made durable: \(String(cString: strerror(errno))).")
    }
  }
}
