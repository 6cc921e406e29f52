import Foundation
import Queries
import RoostCore
import SQLiteDriver

/// A folder that is removed with the object.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/roost-" + Foundation.UUID().uuidString
    try? FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A configuration for a database in it; a full disk of the machine does not matter.
  func configuration() -> SQLiteConfiguration {
    var configuration = SQLiteConfiguration(folder: path)
    configuration.minimumFreeBytes = 0
    return configuration
  }

  /// Bytes of a file in it; 0 when it is missing.
  func size(_ name: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes?[.size] as? Int) ?? 0
  }

  /// The permission bits of a file in it.
  func permissions(_ name: String = "") -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes?[.posixPermissions] as? Int) ?? 0
  }
}

/// Logs that go nowhere.
struct SilentSink: LogSink {
  func write(_ line: [UInt8]) {}
}

let quiet = Ambient(logger: Logger(level: .error, sink: SilentSink()))
