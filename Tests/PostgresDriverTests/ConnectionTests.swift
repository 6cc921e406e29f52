import DriverConformance
import Queries
import RoostCore
import Testing

@testable import PostgresDriver

/// What a connection makes of the order in which answers come.
@Suite(.needsPostgres) struct ConnectionTests {
  @Test
  func `an error behind the answers of a group gives none of the next an answer that is not its`()
    async throws
  {
    try await PostgresHouse.run { house in
      let connection = try ConnectionFactory(house.configuration, quiet).connect(.write)
      defer { connection.close() }
      var bound = WaitBound(time: quiet.time, milliseconds: 30_000)
      _ = try connection.run("CREATE TEMP TABLE band (id BIGINT PRIMARY KEY)", &bound)
      _ = try connection.run(
        "CREATE TEMP TABLE gig (band BIGINT REFERENCES band DEFERRABLE INITIALLY DEFERRED)", &bound)
      #expect(!connection.isLost)
      // The constraint is looked at when the group ends.
      _ = try? connection.run("INSERT INTO gig (band) VALUES (5)", &bound)
      #expect(connection.isLost)
      let exchanges = [Exchange(.run), Exchange(.run)]
      #expect(throws: PostgresFailure.self) {
        for exchange in exchanges { try connection.send("SELECT 1", exchange) }
        connection.wait(for: try connection.sendSync(), &bound)
      }
      #expect(exchanges.allSatisfy { $0.result == nil })
    }
  }

  @Test func `an error within a group leaves the next one alone`() async throws {
    try await PostgresHouse.run { house in
      let connection = try ConnectionFactory(house.configuration, quiet).connect(.write)
      defer { connection.close() }
      var bound = WaitBound(time: quiet.time, milliseconds: 30_000)
      #expect(throws: PostgresFailure.self) {
        try connection.run("SELECT nothing FROM nowhere", &bound)
      }
      _ = try connection.run("SELECT 1", &bound)
      #expect(!connection.isLost && connection.isIdle)
    }
  }
}
