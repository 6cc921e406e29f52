import DriverConformance
import PostgresDriver
import Queries
import RoostCore
import Testing

/// Reads that a standby may answer, and what becomes of those that it breaks off.
@Suite(.needsPostgres) struct ReplicaTests {
  private static let count: @Sendable (any Reader) async throws -> Int64 = { reader in
    try await reader.first("SELECT count(*) FROM thing") { $0.int64(0) } ?? 0
  }

  /// A database with a standby that is in use, and a table with one row on both.
  private static func run(
    _ body: (PostgresDatabase, StandbyHouse) async throws -> Void
  ) async throws {
    try await StandbyHouse.run { standby in
      try await PostgresHouse.run({ configuration in
        configuration.replicas = [Secret(standby.address)]
        configuration.replicaLagMilliseconds = 60_000
      }) { house in
        let database = house.database
        try await database.run("CREATE TABLE thing (id BIGINT)")
        try await database.run("INSERT INTO thing (id) VALUES (1)")
        try await untilRead(database)
        try await body(database, standby)
      }
    }
  }

  /// Waits until a reader who needs everything is answered by the standby.
  private static func untilRead(_ database: PostgresDatabase) async throws {
    let needed = try await database.position(isExact: true)
    let isRead = try await eventually {
      let before = database.statistics.replicas[0].reads
      for consistency in [ReadConsistency.statement, .snapshot] {
        let track = ReadTrack(needed: needed)
        let found = try await database.read(consistency, from: .tracked(track), count)
        #expect(found == 1)
      }
      return database.statistics.replicas[0].reads == before + 2
    }
    #expect(isRead)
  }

  @Test func `a read sees what its track asks for, by whichever way it is read`() async throws {
    try await Self.run { database, standby in
      let start = try await database.position(isExact: false)
      try await standby.pause()
      try await database.run("INSERT INTO thing (id) VALUES (2)")
      let end = try #require(try await database.position(isExact: false))
      #expect(end.place > start?.place ?? .max)
      for consistency in [ReadConsistency.statement, .snapshot] {
        let behind = ReadTrack(needed: start)
        #expect(try await database.read(consistency, from: .tracked(behind), Self.count) == 1)
        #expect(behind.seen?.place ?? .max < end.place)
        let ahead = ReadTrack(needed: end)
        #expect(try await database.read(consistency, from: .tracked(ahead), Self.count) == 2)
        #expect(ahead.seen?.place ?? 0 >= end.place)
        // Who has seen more is not sent back.
        #expect(try await database.read(consistency, from: .tracked(ahead), Self.count) == 2)
        let pinned = ReadTrack(needed: start)
        pinned.pin()
        #expect(try await database.read(consistency, from: .tracked(pinned), Self.count) == 2)
        #expect(try await database.read(consistency, Self.count) == 2)
        #expect(try await database.read(consistency, from: .primary, Self.count) == 2)
      }
      await standby.resume()
    }
  }

  @Test func `what the body throws is its answer, and tells how far it has seen`() async throws {
    struct Refusal: Error {}
    try await Self.run { database, _ in
      let before = database.statistics.replicas[0]
      for consistency in [ReadConsistency.statement, .snapshot] {
        let track = ReadTrack()
        await #expect(throws: Refusal.self) {
          try await database.read(consistency, from: .tracked(track)) { reader in
            _ = try await Self.count(reader)
            throw Refusal()
          }
        }
        #expect(track.seen != nil)
      }
      let after = database.statistics.replicas[0]
      #expect(after.reads == before.reads + 2)
      #expect(after.fallbacks == before.fallbacks)
    }
  }

  @Test func `a read that stands in the way of the replay is answered by the primary`() async throws
  {
    try await Self.run { database, standby in
      let before = database.statistics.replicas[0].fallbacks
      let runs = Shared(0)
      let looked = Gate()
      let ended = Gate()
      let track = ReadTrack(needed: try await database.position(isExact: false))
      let read = Task.immediate {
        try await database.read(.snapshot, from: .tracked(track)) { reader in
          let run = runs.change { runs in
            runs += 1
            return runs
          }
          let first = try await Self.count(reader)
          if run == 1 {
            looked.open()
            ended.pass()
          }
          return try await Self.count(reader) + first
        }
      }
      // Whatever fails, the read goes on.
      defer { ended.open() }
      looked.pass()
      // The standby can only apply this when nobody reads the table any more.
      try await database.run("ALTER TABLE thing ADD COLUMN more BIGINT")
      let isEnded = try await eventually {
        do {
          return try standby.asAdministrator(
            """
            SELECT 1 FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND usename = 'roost'
            """
          ).isEmpty
        } catch let failure as PostgresFailure where failure.state == "40001" {
          // This look can stand in the way of the replay too.
          return false
        }
      }
      #expect(isEnded)
      ended.open()
      #expect(try await read.value == 2)
      #expect(runs.value == 2)
      #expect(database.statistics.replicas[0].fallbacks == before + 1)
    }
  }

  @Test func `a statement that only the primary can carry out is carried out there`() async throws {
    try await Self.run { database, standby in
      try await standby.pause()
      try await database.run("CREATE TABLE other (id BIGINT)")
      for consistency in [ReadConsistency.statement, .snapshot] {
        let found = try await database.read(consistency, from: .tracked(ReadTrack())) { reader in
          try await reader.first("SELECT count(*) FROM other") { $0.int64(0) }
        }
        #expect(found == 0)
      }
      await standby.resume()
    }
  }

  @Test func `a failed query of one read leaves the others of its group their places`() async throws
  {
    try await Self.run { database, _ in
      await withTaskGroup { group in
        for number in 0..<200 {
          group.addTask {
            let track = ReadTrack()
            if number % 5 == 0 {
              let refused = await code {
                _ = try await database.read(.statement, from: .tracked(track)) { reader in
                  try await reader.first("SELECT 1 / (count(*) - 1) FROM thing") { $0.int64(0) }
                }
              }
              #expect(refused != nil)
            } else {
              let found = try? await database.read(.statement, from: .tracked(track), Self.count)
              #expect(found == 1)
              #expect(track.seen != nil)
            }
          }
        }
      }
    }
  }
}
