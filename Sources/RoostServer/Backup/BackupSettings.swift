import Glibc
import RoostCore

/// Where backups lie, how long, and with which key.
package struct BackupSettings: Sendable {
  package let folder: BackupFolder
  package let keepDays: Int
  private let keyFile: String
  private let isEncrypted: Bool

  /// From the settings, for the app of the data folder `data`.
  package init(_ settings: Settings, data: String) {
    let named = settings.text(SettingKeys.backupFolder)
    folder = BackupFolder(
      named.isEmpty ? data + "/backups" : settings.place(BackupSettings.plain(named)))
    keepDays = settings.integer(SettingKeys.backupKeepDays)
    let key = settings.text(SettingKeys.backupKeyFile)
    keyFile = key.isEmpty ? key : settings.place(key)
    isEncrypted = settings.boolean(SettingKeys.backupEncrypted)
  }

  /// The same with what a command line says.
  package init(
    _ settings: Settings, data: String, folder: String?, keyFile: String?, isPlain: Bool
  ) {
    let own = BackupSettings(settings, data: data)
    self.folder = folder.map { BackupFolder(BackupSettings.plain($0)) } ?? own.folder
    keepDays = own.keepDays
    self.keyFile = keyFile ?? own.keyFile
    isEncrypted = own.isEncrypted && !isPlain
  }

  private static func plain(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  /// The key for new backups; nil where they are not to be encrypted.
  ///
  /// Throws `RoostError` where there should be one and is none, or where it lies beside what it is to
  /// protect.
  package func key() throws -> BackupKey? {
    guard isEncrypted else { return nil }
    guard !keyFile.isEmpty else {
      throw RoostError(
        .invalid,
        "Backups are encrypted, and there is no key. Make one with: roost backup key FILE, keep a "
          + "copy of it elsewhere, and name it as backups.keyFile in roost.yaml. (Without "
          + "encryption: backups.encrypted: false.)")
    }
    guard !keyFile.hasPrefix(folder.path + "/") else {
      throw RoostError(
        .invalid,
        "The key of backups lies in \(folder.path), beside what it protects: move it elsewhere.")
    }
    return try BackupKey.read(keyFile)
  }

  /// The key for the backup at `path`; nil where none is named, and for one that is not encrypted
  /// where that is as it should be.
  ///
  /// With a key, one that is not encrypted is refused by whoever reads it: anybody who can write to
  /// the folder may have made it.
  package func readingKey(for path: String) throws -> BackupKey? {
    if keyFile.isEmpty { return nil }
    if !isEncrypted, try BackupReader(path).head.keyID == nil { return nil }
    guard FileBytes.exists(keyFile) || errno != ENOENT else {
      throw RoostError(
        .invalid,
        "The key \(keyFile) is not there. A backup is opened by the key that sealed it alone: bring "
          + "the copy of it back, or name where it is with --key FILE.")
    }
    return try BackupKey.read(keyFile)
  }
}
