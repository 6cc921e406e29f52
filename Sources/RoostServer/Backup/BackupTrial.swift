import Glibc
import Queries
import Records
import RoostCore

/// Unpacks a backup into a folder of its own, and looks whether an app could go on with it.
package struct BackupTrial: Sendable {
  let path: String
  /// The folder, which is made, and is removed by whoever made the one around it.
  let passing: String
  let key: BackupKey?
  let settings: Settings
  let ambient: Ambient

  /// Unpacks and looks; returns the master keys that the copy's encrypted fields want.
  ///
  /// Throws `RoostError` or `DatabaseOpenError` where it cannot be used, with what is wrong.
  @discardableResult
  func run(
    _ proceed: @escaping @Sendable (Double?) throws -> Void
  ) async throws -> CopiedKeys {
    let reader = try BackupReader(path)
    guard let kind = AppDatabase.CopyKind(rawValue: reader.head.content) else {
      throw RoostError(
        .invalid, "\(path) holds \(reader.head.content), which this version does not know.")
    }
    guard mkdir(passing, 0o700) == 0 else {
      throw RoostError(
        .internalError, "\(passing) cannot be made: \(String(cString: strerror(errno))).")
    }
    let copy = passing + "/" + kind.rawValue
    let key = key
    try await BackupThread.run {
      try BackupTrial.unpack(reader, key, to: copy) { try proceed(nil) }
    }
    let least = reader.head.position
    let path = path
    return try await AppDatabase.tryCopy(kind, passing, settings, ambient: ambient) { database in
      let position = try await database.read(.statement) { try await LogLength.read(in: $0) }
      guard position >= least else {
        throw RoostError(
          .invalid, "\(path) lacks changes: its log has \(position) of \(least) entries.")
      }
    }
  }

  private static func unpack(
    _ reader: BackupReader, _ key: BackupKey?, to copy: String, _ proceed: () throws -> Void
  ) throws {
    do {
      let output = try ByteOutput(path: copy)
      _ = try reader.unpack(key) { bytes in
        try output.write(bytes)
        try proceed()
      }
      try output.finish()
    } catch let fault as ImportFault {
      throw RoostError(
        fault.code == "disk_full" ? .storageFull : .internalError,
        "The backup cannot be unpacked: \(fault.message).")
    }
  }
}
