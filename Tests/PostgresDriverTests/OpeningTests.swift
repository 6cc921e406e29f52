import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import TestEngine
import Testing

/// What hinders the opening of a database, and what the person who starts Roost is told.
@Suite(.needsPostgres) struct OpeningTests {
  private static func refusal(
    _ address: String, schema: String = "roost_opening",
    _ change: (inout PostgresConfiguration) -> Void = { _ in }
  ) async -> DatabaseOpenError? {
    var configuration = PostgresConfiguration(address: address, schema: schema)
    change(&configuration)
    do {
      let database = try PostgresDatabase.open(configuration, ambient: quiet)
      await database.close()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    (PostgresHouse.address(password: "wrong-secret"), "its password"),
    (PostgresHouse.address(user: "nobody_here", password: "wrong-secret"), "its password"),
    (PostgresHouse.address(database: "not_there"), "CREATE DATABASE"),
    (PostgresHouse.address(port: 1), "cannot be reached"),
    ("postgresql://a:wrong-secret@[::1/x", "cannot be read"),
    ("host=127.0.0.1 password=wrong-secret nonsense", "cannot be read"),
    ("postgresql://roost:wrong-secret/x@127.0.0.1/x", "cannot be read"),
  ])
  func `a connection that cannot be made is explained without the password`(
    address: String, advice: String
  ) async {
    let error = await OpeningTests.refusal(address)
    #expect(error?.description.contains(advice) == true)
    #expect(error?.description.contains("wrong-secret") == false)
  }

  @Test func `a role with too many rights is refused unless it is allowed`() async throws {
    let address = PostgresConfiguration.testAdministrator ?? ""
    let error = await OpeningTests.refusal(address)
    #expect(error?.description.contains("SUPERUSER") == true)
    #expect(error?.description.contains("CREATE ROLE") == true)
    let allowed = await OpeningTests.refusal(address, schema: "roost_powerful") {
      $0.allowsPowerfulRole = true
    }
    #expect(allowed == nil)
    try PostgresHouse.asAdministrator("DROP SCHEMA roost_powerful CASCADE")
  }

  @Test func `a schema with tables of another program is refused`() async throws {
    let schema = "foreign_\(UInt32.random(in: 0...UInt32.max))"
    let address = PostgresHouse.address()
    try PostgresHouse.asAdministrator("CREATE SCHEMA \(schema) AUTHORIZATION roost")
    #expect(await OpeningTests.refusal(address, schema: schema) == nil)
    try PostgresHouse.asAdministrator("CREATE TABLE \(schema).invoice (id BIGINT)")
    #expect(await OpeningTests.refusal(address, schema: schema)?.reason == .foreign)
    try PostgresHouse.asAdministrator("CREATE TABLE \(schema).roost_migration (id BIGINT)")
    #expect(await OpeningTests.refusal(address, schema: schema) == nil)
    try PostgresHouse.asAdministrator("DROP SCHEMA \(schema) CASCADE")
  }

  @Test(arguments: ["", "pg_mine", String(repeating: "x", count: 64)])
  func `a name that no schema can have is refused`(schema: String) async {
    let error = await OpeningTests.refusal(PostgresHouse.address(), schema: schema)
    #expect(error?.description.contains("1 to 63") == true)
  }

  @Test func `a schema may have any other name`() async throws {
    let schema = #"größe "x'; DROP"#
    #expect(await OpeningTests.refusal(PostgresHouse.address(), schema: schema) == nil)
    var configuration = PostgresConfiguration(address: PostgresHouse.address(), schema: schema)
    configuration.writers = 1
    let database = try PostgresDatabase.open(configuration, ambient: quiet)
    try await database.run("CREATE TABLE thing (id BIGINT)")
    #expect(try await database.run("INSERT INTO thing (id) VALUES (1)") == 1)
    await database.close()
    try PostgresDatabase.dropSchema(configuration)
  }

  @Test func `a role that may make nothing is told what it needs`() async throws {
    let role = "weak_\(UInt32.random(in: 0...UInt32.max))"
    try PostgresHouse.asAdministrator("CREATE ROLE \(role) LOGIN PASSWORD 'weak'")
    let address = PostgresHouse.address(user: role, password: "weak")
    let missing = await OpeningTests.refusal(address, schema: "not_there_yet")
    #expect(missing?.description.contains("GRANT CREATE ON DATABASE") == true)
    try PostgresHouse.asAdministrator("CREATE SCHEMA \(role)")
    try PostgresHouse.asAdministrator("GRANT USAGE ON SCHEMA \(role) TO \(role)")
    let locked = await OpeningTests.refusal(address, schema: role)
    #expect(locked?.description.contains("ALTER SCHEMA") == true)
    try PostgresHouse.asAdministrator("DROP SCHEMA \(role)")
    try PostgresHouse.asAdministrator("DROP ROLE \(role)")
  }

  @Test(.enabled(if: PostgresHouse.authority != nil, "needs openssl for a certificate"))
  func `the server's certificate is checked when the address says so`() async throws {
    let authority = PostgresHouse.authority ?? ""
    let good = PostgresHouse.address(
      parameters: ["sslmode": "verify-full", "sslrootcert": authority])
    #expect(await OpeningTests.refusal(good, schema: "roost_tls") == nil)
    let bad = PostgresHouse.address(
      parameters: ["sslmode": "verify-full", "sslrootcert": "/nowhere/root.crt"])
    #expect(
      await OpeningTests.refusal(bad, schema: "roost_tls")?.description.contains("sslrootcert")
        == true)
  }

  @Test func `looking whether a schema is taken makes nothing`() async throws {
    let schema = "look_\(UInt32.random(in: 0...UInt32.max))"
    let configuration = PostgresConfiguration(address: PostgresHouse.address(), schema: schema)
    func exists() throws -> Bool {
      try !PostgresHouse.asAdministrator(
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [schema]
      ).isEmpty
    }
    #expect(try !PostgresDatabase.isTaken(configuration))
    #expect(try !exists())
    let database = try PostgresDatabase.open(configuration, ambient: quiet)
    #expect(try exists())
    #expect(try !PostgresDatabase.isTaken(configuration))
    try await database.run("CREATE TABLE roost_migration (id BIGINT)")
    #expect(try PostgresDatabase.isTaken(configuration))
    await database.close()
    try PostgresDatabase.dropSchema(configuration)
    try PostgresHouse.asAdministrator("CREATE SCHEMA \(schema) AUTHORIZATION roost")
    try PostgresHouse.asAdministrator("CREATE TABLE \(schema).invoice (id BIGINT)")
    #expect { try PostgresDatabase.isTaken(configuration) } throws: {
      ($0 as? DatabaseOpenError)?.reason == .foreign
    }
    try PostgresHouse.asAdministrator("DROP SCHEMA \(schema) CASCADE")
  }

  @Test func `two that open one schema at once both succeed`() async throws {
    let schema = "twice_\(UInt32.random(in: 0...UInt32.max))"
    let address = PostgresHouse.address()
    let refusals = await withTaskGroup { group in
      for _ in 0..<4 { group.addTask { await OpeningTests.refusal(address, schema: schema) } }
      return await group.reduce(into: []) { $0.append($1?.description) }
    }
    #expect(refusals == [nil, nil, nil, nil])
    try PostgresHouse.asAdministrator("DROP SCHEMA \(schema) CASCADE")
  }
}
