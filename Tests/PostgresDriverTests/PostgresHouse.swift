import DriverConformance
import Foundation
import Queries
import RoostCore
import TestEngine

@testable import PostgresDriver

/// A database in a schema of its own, which goes with the test, and a way to disturb its server.
struct PostgresHouse: Sendable {
  let configuration: PostgresConfiguration
  let database: PostgresDatabase

  /// Opens a database, runs `body` on it and removes it.
  static func run(
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: (PostgresHouse) async throws -> Void
  ) async throws {
    var configuration = try PostgresConfiguration.test(TestEngine.folder("driver"))
    // The server lists this database's connections under it.
    configuration.applicationName = configuration.schema
    change(&configuration)
    let house = PostgresHouse(
      configuration: configuration,
      database: try PostgresDatabase.open(configuration, ambient: quiet))
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(house))
    } catch {
      result = .failure(error)
    }
    await house.database.close()
    try PostgresDatabase.dropSchema(configuration)
    try result.get()
  }

  /// The rows of a statement that the superuser runs, as texts.
  @discardableResult
  static func asAdministrator(_ text: String, _ values: [String] = []) throws -> [[String]] {
    try rows(text, values, at: PostgresConfiguration.testAdministrator ?? "")
  }

  /// The rows of a statement that is run at an address, as texts.
  static func rows(_ text: String, _ values: [String] = [], at address: String) throws -> [[String]]
  {
    try ConnectionFactory(PostgresConfiguration(address: address), quiet).query(text, values)
  }

  /// Ends the connections of this database on the server; gives how many there were.
  @discardableResult
  func endConnections() throws -> Int {
    try PostgresHouse.asAdministrator(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
      [configuration.applicationName]
    ).count
  }

  /// The statements that the server runs for this database now.
  func running() throws -> [String] {
    try PostgresHouse.asAdministrator(
      "SELECT query FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'",
      [configuration.applicationName]
    ).compactMap(\.first)
  }

  /// The test address with another role, password, database or parameter.
  static func address(
    user: String? = nil, password: String? = nil, database: String? = nil, port: Int? = nil,
    parameters: [String: String] = [:]
  ) -> String {
    var parts = URLComponents(string: PostgresConfiguration.testAddress ?? "") ?? URLComponents()
    if let user { parts.user = user }
    if let password { parts.password = password }
    if let database { parts.path = "/" + database }
    if let port { parts.port = port }
    var items = (parts.queryItems ?? []).filter { parameters[$0.name] == nil }
    items += parameters.map { URLQueryItem(name: $0.key, value: $0.value) }
    parts.queryItems = items
    return parts.string ?? ""
  }
}

extension PostgresHouse {
  /// The certificate with which the cluster for tests answers; nil without one.
  static var authority: String? {
    ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES_CA"]
  }
}
