import Foundation
import PostgresDriver
package import Queries
package import RoostCore
import SQLiteDriver

/// The engine that the tests above `Database` run on: `ROOST_TEST_ENGINE`, SQLite unless it says
/// `postgres`.
///
/// A database is named by a folder, as on SQLite: whoever opens the same folder again finds the same
/// data. On PostgreSQL the folder's name stands for a schema of the database in
/// `ROOST_TEST_POSTGRES` (see `Scripts/with-postgres.sh`).
package enum TestEngine: String, Sendable {
  case sqlite
  case postgres

  package static let current: TestEngine = {
    let name = ProcessInfo.processInfo.environment["ROOST_TEST_ENGINE"] ?? "sqlite"
    guard let engine = TestEngine(rawValue: name) else {
      preconditionFailure("ROOST_TEST_ENGINE is sqlite or postgres, not \(name)")
    }
    return engine
  }()

  /// Whether tests by chance take all their seeds (`ROOST_TEST_THOROUGH=1`, as `make soak` does), or
  /// those that fit between two changes.
  package static let isThorough = ProcessInfo.processInfo.environment["ROOST_TEST_THOROUGH"] == "1"

  /// A folder for a new database, which is not there yet.
  package static func folder(_ purpose: String = "test") -> String {
    FileManager.default.temporaryDirectory.path + "/roost-\(purpose)-"
      + Foundation.UUID().uuidString
  }

  /// Opens the database of `folder` on the current engine, empty if it was never opened.
  package static func open(
    _ folder: String, ambient: Ambient = Ambient(), limits: Limits = Limits(),
    preCommit: (any PreCommit)? = nil
  ) throws -> any Database {
    switch current {
    case .sqlite:
      var configuration = SQLiteConfiguration(folder: folder, limits: limits)
      configuration.minimumFreeBytes = 0
      return try SQLiteDatabase.open(configuration, ambient: ambient, preCommit: preCommit)
    case .postgres:
      var configuration = try PostgresConfiguration.test(folder)
      configuration.limits = limits
      return try PostgresDatabase.open(configuration, ambient: ambient, preCommit: preCommit)
    }
  }

  /// Removes the folder, and on PostgreSQL its schema; the database is closed before.
  package static func remove(_ folder: String) {
    if current == .postgres, let configuration = try? PostgresConfiguration.test(folder) {
      try? PostgresDatabase.dropSchema(configuration)
    }
    try? FileManager.default.removeItem(atPath: folder)
  }
}
