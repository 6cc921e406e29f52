import DriverConformance
import Foundation
import PostgresDriver
import RoostCore
import TestEngine

/// A standby of the cluster for tests, made by `Scripts/postgres-standby.sh`.
struct StandbyHouse: Sendable {
  private let name: String
  let port: Int

  /// Makes a standby, runs `body` with it and removes it.
  static func run(_ body: (StandbyHouse) async throws -> Void) async throws {
    let name = "t" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
    try command("make", name)
    let cluster = ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES_FOLDER"] ?? ""
    let port = try String(
      contentsOf: URL(filePath: "\(cluster)/standby-\(name)/port"), encoding: .utf8)
    let house = StandbyHouse(
      name: name, port: Int(port.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0)
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(house))
    } catch {
      result = .failure(error)
    }
    try command("remove", name)
    try result.get()
  }

  /// The address for the login of the tests.
  var address: String { PostgresHouse.address(port: port) }

  /// Makes it stay where it is, or go on.
  func pause() async throws {
    try asAdministrator("SELECT pg_wal_replay_pause()")
    _ = try await eventually {
      try asAdministrator("SELECT pg_get_wal_replay_pause_state()") == [["paused"]]
    }
  }
  func resume() async {
    // The replay, which goes on at once, may stand in the way of the very statement.
    _ = await eventually { (try? asAdministrator("SELECT pg_wal_replay_resume()")) != nil }
  }

  @discardableResult
  func asAdministrator(_ text: String) throws -> [[String]] {
    var parts =
      URLComponents(string: PostgresConfiguration.testAdministrator ?? "") ?? URLComponents()
    parts.port = port
    return try PostgresHouse.rows(text, at: parts.string ?? "")
  }

  private struct Failure: Error {
    let action: String
  }

  private static func command(_ action: String, _ name: String) throws {
    let scripts = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Scripts")
    let process = Process()
    process.executableURL = scripts.appending(path: "postgres-standby.sh")
    process.arguments = [action, name]
    // Not a pipe: the server would keep its end.
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(action: action) }
  }
}
